# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What `schedule` writes for systemd, and what it reads back.

systemctl is a script that keeps what it is told in a folder; systemd-analyze
is the real one.
"""

import io
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from packages.test_units import need
from wyng_dom0.cli.main import main
from wyng_dom0.runs import schedule, systemd
from wyng_dom0.state import places
from wyng_dom0.state.definitions import load
from wyng_dom0.state.requests import NEEDS_KEY, Request, write_request

SHIPPED = Path(__file__).parents[3] / "systemd"
SYSTEMCTL = """\
#!/bin/bash
# Keeps an empty file for each unit that is enabled.
cd {root} || exit 1
echo "$*" >> told
verb=$1
unit="${{@: -1}}"
case $verb in
daemon-reload|restart) ;;
start) [ ! -e broken ] ;;
enable|disable)
    for each in "$@"; do
        case $each in -*|enable|disable) continue ;; esac
        if [ -e broken ]; then
            echo "Failed to $verb unit: it is broken" >&2
            exit 1
        fi
        [ $verb = enable ] && touch "enabled/$each" || rm -f "enabled/$each"
    done ;;
show)
    case "$*" in
    *UnitFileState*) [ -e "enabled/$unit" ] && echo enabled || echo disabled ;;
    *) echo "Id=$unit"; echo ActiveState=active
       echo "NextElapseUSecRealtime=Thu 2026-11-26 01:03:12 UTC" ;;
    esac ;;
cat)
    cat "{shipped}/${{unit%%@*}}@.${{unit##*.}}"
    for each in "{root}/units/$unit.d"/*.conf; do
        [ -e "$each" ] && cat "$each"
    done
    true ;;
esac
"""


@dataclass
class Host:
    """A machine with systemd on it, and an archive of root's."""

    root: Path

    @property
    def units(self) -> Path:
        return self.root / "units"

    def run(self, *words: str, code: int = 0) -> "tuple[str, str]":
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            found = main([f"--meta-dir={self.root}/state", *words])
        assert found == code, (words, out.getvalue(), err.getvalue())
        return out.getvalue(), err.getvalue()

    def scheduled(self, *words: str) -> "dict[str, Any]":
        out, _ = self.run("--json", "--archive=a", "schedule", *words)
        return dict(json.loads(out.splitlines()[-1]))

    def enabled(self) -> "list[str]":
        found = (each.name for each in (self.root / "enabled").iterdir())
        return sorted(each.split("@")[0][9:] for each in found)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    need("systemd-analyze")
    for each in ("bin", "enabled", "units", "running", "images"):
        (tmp_path / each).mkdir()
    program = tmp_path / "bin" / "systemctl"
    program.write_text(SYSTEMCTL.format(root=tmp_path, shipped=SHIPPED))
    program.chmod(0o755)
    monkeypatch.setattr(systemd, "PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    monkeypatch.setattr(systemd, "RUNS", tmp_path / "running")
    monkeypatch.setattr(schedule, "UNITS", tmp_path / "units")
    monkeypatch.setattr(places, "SYSTEM_STATE", tmp_path / "state")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    found = Host(tmp_path)
    found.run(
        *("--archive=a", f"--local={tmp_path}/images", "--encrypt=off"),
        *(f"--dest=internal:{tmp_path}/backup", "arch-init"),
    )
    yield found


def test_nothing_starts_by_itself_at_first(host: Host) -> None:
    found = host.scheduled()
    assert found == {
        "kind": "schedule",
        "archive": "a",
        "available": True,
        "enabled": False,
        "calendar": "hourly",
        "next_run": None,
        "persistent": True,
        "on_battery": False,
        "monitor": False,
        "key_kept": True,
    }
    assert "No timer" in host.run("schedule")[0]
    assert not list(host.units.iterdir()), "showing writes nothing"


def test_what_is_set_is_what_counts(host: Host) -> None:
    found = host.scheduled("daily", "on-battery=yes")
    assert found["enabled"] and found["calendar"] == "daily"
    assert found["on_battery"] and found["monitor"] and found["persistent"]
    assert found["next_run"]
    assert host.enabled() == ["monitor", "overdue", "send"]
    told = (host.root / "told").read_text().splitlines()
    order = [told.index("daemon-reload")] + [
        at for at, line in enumerate(told) if line.startswith("enable")
    ]
    assert order == sorted(order), "systemd reads the files before it starts"
    again = host.scheduled("monitor=no", "on-battery=no", "persistent=no")
    assert again["calendar"] == "daily" and not again["on_battery"]
    assert not again["persistent"]
    assert host.enabled() == ["overdue", "send"]
    off = host.scheduled("off")
    assert not off["enabled"] and host.enabled() == []
    assert host.scheduled("monitor=yes")["enabled"] is False


def test_calendar_of_systemd_is_taken(host: Host) -> None:
    wanted = "Mon..Fri *-*-* 18:00:00"
    assert host.scheduled(wanted)["calendar"] == wanted
    assert wanted in host.run("--archive=a", "schedule")[0]


@pytest.mark.parametrize(
    "words",
    [
        ("someday",),
        ("daily\nExecStart=/bin/sh",),
        ("%h",),
        ("x" * 300,),
        ("daily", "weekly"),
        ("on-battery=perhaps",),
        ("Persistent=yes",),
    ],
)
def test_what_is_no_schedule_changes_nothing(
    host: Host, words: "tuple[str, ...]"
) -> None:
    _, err = host.run("--archive=a", "schedule", *words, code=9)
    assert len(err.splitlines()) == 1
    assert list(host.units.iterdir()) == [] and host.enabled() == []


def test_written_files_are_what_systemd_takes(host: Host) -> None:
    host.scheduled("daily", "on-battery=yes")
    folder = host.root / "whole"
    shutil.copytree(host.units, folder)
    for path in SHIPPED.glob("qvm-wyng-*"):
        text = path.read_text().replace("/usr/bin/qvm-wyng", "/bin/true")
        (folder / path.name.replace("@", "@a")).write_text(text)
    names = [each.name for each in folder.iterdir() if each.is_file()]
    timers = sorted(each for each in names if each.endswith(".timer"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *timers],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{folder}:"},
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    for each in host.units.rglob("*.conf"):
        assert each.stat().st_mode & 0o777 == 0o644
        assert each.parent.stat().st_mode & 0o777 == 0o755


def test_file_of_the_users_own_goes_before_and_that_is_told(
    host: Host,
) -> None:
    own = host.units / "qvm-wyng-send@a.timer.d" / "override.conf"
    own.parent.mkdir()
    own.write_text("[Timer]\nOnCalendar=\nOnCalendar=monthly\n")
    _, err = host.run("--archive=a", "schedule", "daily")
    assert "a file of your own says otherwise" in err
    assert host.scheduled()["calendar"] == "monthly"
    assert own.read_text().endswith("monthly\n")


def test_what_systemctl_refuses_is_told(host: Host) -> None:
    (host.root / "broken").touch()
    _, err = host.run("--archive=a", "schedule", "daily", code=1)
    assert (
        err
        == "qvm-wyng: systemctl enable: Failed to enable unit: it is broken\n"
    )


def test_without_systemd_one_sentence_says_so(host: Host) -> None:
    (host.root / "running").rmdir()
    assert not host.scheduled()["available"]
    _, err = host.run("--archive=a", "schedule", "daily", code=1)
    assert "systemd does not run here" in err and len(err.splitlines()) == 1
    assert "systemd does not run here" in host.run("schedule")[0]


def test_timer_uses_the_state_of_the_system(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "SYSTEM_STATE", host.root / "other")
    _, err = host.run("--archive=a", "schedule", "daily", code=1)
    assert "run schedule as root" in err
    monkeypatch.setattr(places, "SYSTEM_STATE", host.root / "state")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    _, err = host.run("--archive=a", "schedule", "daily", code=1)
    assert "run schedule as root" in err


def test_timers_of_a_deleted_archive_are_not_left_to_fail(host: Host) -> None:
    host.scheduled("daily", "on-battery=yes")
    host.run("--archive=a", "--force", "arch-delete")
    assert host.enabled() == [] and not list(host.units.rglob("*.conf"))


@pytest.mark.parametrize("broken", [False, True])
@pytest.mark.parametrize("keep", [("remember",), ("--remember", "list")])
def test_key_that_comes_begins_the_restores_that_waited_for_it(
    host: Host, keep: "tuple[str, ...]", broken: bool
) -> None:
    (host.root / "passphrase").write_text("a long enough passphrase\n")
    sealed = ("--archive=b", f"--passcmd=cat {host.root}/passphrase")
    host.run(
        *(*sealed, f"--local={host.root}/images", "arch-init"),
        f"--dest=internal:{host.root}/sealed",
    )
    host.run(*sealed, *keep)
    begun = "start --no-block -- qvm-wyng-requests.service"
    assert not (host.root / "told").exists(), "nothing waits"
    here = places.Places(host.root / "state")
    archive = load(here, "b").archive
    asked = Request(archive, "work", "", "backup", datetime.now(timezone.utc))
    write_request(here, asked.marked(NEEDS_KEY))
    if broken:
        (host.root / "broken").touch()
    host.run(*sealed, "list")
    assert not (host.root / "told").exists(), "the key is not to be kept"
    _, told = host.run(*sealed, *keep)
    assert (host.root / "told").read_text().splitlines().count(begun) == 1
    assert ("requests approve" in told) == broken
