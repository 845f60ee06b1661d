# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a backup qube asks for is restored, new, isolated, bit for bit.

All of it: the call through policy, the request, the archive in the qube.
"""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List

import pytest
from PyQt6.QtCore import QSettings
from PyQt6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from product.machine import START, Machine
from qrexec_stand_in.dom0 import Dom0Side
from qrexec_stand_in.qubes import Qubes
from qubes.dom0 import Dom0
from wyng_common.ids import ArchiveId
from wyng_dom0.state import remembered
from wyng_dom0.state.places import Places
from wyng_dom0.state.requests import (
    list_requests,
    read_request,
    write_request,
)

# Before Qt is started, as in tests/applet.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from applet.ending import end_calls  # noqa: E402
from wyng_dom0.applet.application import Manager  # noqa: E402
from wyng_dom0.applet.engine import Engine  # noqa: E402

WAIT = 60_000
TAG = "backup-restore-in-progress"
DATA = bytes(range(256)) * 3000


class Asked:
    """A dom0 whose qubes were sent to an archive in the qube `backup`."""

    def __init__(self, root: Path, machine: Machine) -> None:
        self.root = root
        self.qubes = Qubes(root / "qrexec")
        self.qubes.add("backup")
        self.dom0 = Dom0(
            root,
            machine,
            *(machine.passcmd, "--remember", "--local=qubes"),
            *("--archive=laptop", "--dest=qubes://backup/mine"),
            env={"PATH": self.qubes.path},
        )
        self.system = self.dom0.system
        self.places = Places(machine.state)
        self.system.add("backup")
        self.system.add("a-name-of-thirty-one-characters", private=b"long")
        self.system.change(
            "work",
            properties={
                "label": "blue",
                "template": "fedora",
                "memory": 777,
                "netvm": "sys-firewall",
                "autostart": True,
                "kernelopts": "init=/bin/sh",
            },
            features={"service.cups": "1"},
            tags=["client", "guivm-sys-gui"],
        )
        self.system.write("work", DATA)
        self.dom0.sent("work", "a-name-of-thirty-one-characters")
        env = {**self.system.env, "PYTHONPATH": self.dom0.env["PYTHONPATH"]}
        self.side = Dom0Side(self.qubes, machine.state, env)
        self.side.do_not_wait()

    def folders(self) -> List[Path]:
        """All that a test changes."""
        home = self.qubes.root / "qubes" / "backup" / "home"
        return [self.system.root, self.places.root, home, self.qubes.policies]

    def ask(self, argument: str) -> None:
        """As `backup`, through policy."""
        with self.side.start_client("backup", f"wyng.Restore+{argument}") as c:
            assert c.communicate(timeout=60)[0] == b"."
        self.side.settle()

    def run(self, *words: str) -> str:
        return self.dom0.run("requests", *words)

    def fail_to_run(self) -> Dict[str, Any]:
        """Carry out what may be; the one request that stays, and why."""
        words = ("requests", "run")
        self.dom0.machine.run(*words, code=2, env=self.dom0.env)
        (row,) = self.listed()
        return row

    def listed(self) -> List[Dict[str, Any]]:
        out = self.dom0.run("--json", "requests", "list")
        return list(self.dom0.machine.parsed(out, "requests")["requests"])

    def log(self) -> List[Dict[str, Any]]:
        out = self.dom0.run("--json", "requests", "log")
        return list(self.dom0.machine.parsed(out, "request-log")["entries"])

    def words(self) -> List[str]:
        return [each["what"] for each in self.log()]

    def forget_key(self) -> bytes:
        (path,) = (self.places.root / "remembered").iterdir()
        archive = ArchiveId(bytes.fromhex(path.stem))
        key = remembered.recall(self.places, archive)
        assert key is not None and remembered.forget(self.places, archive)
        return key


@pytest.fixture(scope="module")
def _made(
    disk: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Asked]:
    root = disk / "asked"
    root.mkdir()
    machine = Machine(tmp_path_factory.mktemp("asked") / "machine")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QUBES_STAND_IN", "")
        made = Asked(root, machine)
        made.run("allow", "backup")
    for number, folder in enumerate(made.folders()):
        shutil.copytree(folder, root / f"kept-{number}", symlinks=True)
    yield made
    shutil.rmtree(root)


@pytest.fixture
def asked(_made: Asked, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Put back for each test."""
    monkeypatch.setenv("QUBES_STAND_IN", str(_made.system.root))
    for number, folder in enumerate(_made.folders()):
        shutil.rmtree(folder)
        kept = _made.root / f"kept-{number}"
        shutil.copytree(kept, folder, symlinks=True)
    (_made.side.root / "told").unlink(missing_ok=True)
    return _made


def test_approved_request_makes_an_isolated_qube_of_the_same_bytes(
    asked: Asked,
) -> None:
    before = asked.system.qube("work")
    asked.ask("work")
    assert "work-restored-1" not in asked.system.names()
    out = asked.dom0.run("--json", "requests", "approve", "work")
    there = asked.system.qube("work-restored-1")
    assert asked.system.read("work-restored-1") == asked.system.read("work")
    assert there["properties"]["label"] == "red"
    assert there["properties"]["netvm"] == ""
    assert there["properties"]["memory"] == 777
    for name in ("autostart", "kernelopts"):
        assert name not in there["properties"]
    assert there["features"] == {} and there["tags"] == ["created-by-dom0"]
    assert asked.system.qube("work") == before
    assert asked.listed() == []
    assert asked.words() == ["allowed", "asked", "restored"]
    (said,) = [
        each
        for each in map(json.loads, out.splitlines())
        if each.get("kind") == "receive"
    ]
    assert (said["qube"], said["of"]) == ("work-restored-1", "work")
    # And again, beside it.
    asked.ask("work")
    asked.run("approve")
    assert "work-restored-2" in asked.system.names()


def test_long_name_is_shortened(asked: Asked) -> None:
    asked.ask("a-name-of-thirty-one-characters")
    asked.run("approve")
    assert "a-name-of-thirty-one-restored-1" in asked.system.names()


def test_session_that_was_asked_for_is_restored(asked: Asked) -> None:
    old = asked.system.read("work")
    out = asked.dom0.run("--json", "list", "work:private")
    listed = asked.dom0.machine.parsed(out, "sessions")["sessions"]
    asked.system.write("work", b"changed")
    asked.dom0.sent("work")
    asked.ask(f"work+{listed[0]['session']}")
    asked.run("approve")
    assert asked.system.read("work-restored-1") == old


def test_no_other_session_stands_in_for_what_was_asked_for(
    asked: Asked,
) -> None:
    """Not even where the user's configuration lets it for `receive`."""
    config = asked.root / "config.yaml"
    config.write_text('session-strict: "off"\n')
    asked.ask("work+20991231-235959")
    asked.dom0.fails(6, f"--config={config}", "requests", "approve")
    assert "work-restored-1" not in asked.system.names()


@pytest.mark.parametrize("argument", ["nobody", "work+20200101-000000"])
def test_what_the_archive_has_not_fails_and_stays(
    asked: Asked, argument: str
) -> None:
    asked.ask(argument)
    before = asked.system.names()
    asked.dom0.fails(6, "requests", "approve")
    (row,) = asked.listed()
    assert row["state"] == "failed" and row["why"]
    assert asked.system.names() == before
    assert asked.words()[-1] == "failed"
    asked.run("deny")
    assert asked.listed() == []


def test_pool_that_would_fill_is_left_alone(asked: Asked) -> None:
    pools = json.loads((asked.system.root / "state.json").read_text())
    pools["pools"]["vm-pool"].update(pretend_size=10 << 20)
    pools["pools"]["vm-pool"].update(pretend_free=(1 << 20) + 700_000)
    (asked.system.root / "state.json").write_text(json.dumps(pools))
    asked.ask("work")
    said = asked.dom0.fails(1, "requests", "approve")
    assert "more are to stay free" in said
    assert "work-restored-1" not in asked.system.names()


def test_what_may_run_by_itself_does_when_systemd_starts_it(
    asked: Asked,
) -> None:
    asked.run("allow", "backup", "--by-itself")
    asked.ask("work")
    started = "start --no-block -- qvm-wyng-requests.service"
    assert asked.side.lines("told") == [started]
    asked.dom0.run("--quiet", "--unattended", "requests", "run")
    assert asked.system.read("work-restored-1") == asked.system.read("work")
    # One that is still there is enough: the next is the user's to approve.
    asked.ask("work")
    row = asked.fail_to_run()
    assert "work-restored-1 is there" in row["why"]
    assert "work-restored-2" not in asked.system.names()
    asked.run("run")
    asked.run("approve")
    assert "work-restored-2" in asked.system.names()


def test_log_says_when_each_restore_of_a_run_ended(asked: Asked) -> None:
    asked.run("allow", "backup", "--by-itself")
    for name in ("work", "a-name-of-thirty-one-characters", "no-such-qube"):
        asked.ask(name)
    asked.fail_to_run()
    ended = ("restored", "failed")
    entries = [each for each in asked.log() if each["what"] in ended]
    times = [each["time"] for each in entries]
    assert len(set(times)) == 3 and times == sorted(times)


def test_what_was_restored_by_itself_is_not_restored_again_by_itself(
    asked: Asked,
) -> None:
    """Where it is backed up in turn, it would be had without end."""
    asked.run("allow", "backup", "--by-itself")
    asked.ask("work")
    asked.run("run")
    asked.dom0.sent("work-restored-1")
    asked.ask("work-restored-1")
    row = asked.fail_to_run()
    assert "such a restore made" in row["why"]
    assert "work-restored-1-restored-1" not in asked.system.names()
    asked.run("approve")
    assert "work-restored-1-restored-1" in asked.system.names()


def test_what_was_not_allowed_to_run_by_itself_does_not(asked: Asked) -> None:
    asked.ask("work")
    assert asked.side.lines("told") == []
    asked.run("run")
    assert len(asked.listed()) == 1
    # Nor what was asked for by a qube that is blocked meanwhile.
    asked.run("allow", "backup", "--by-itself")
    for path in (asked.places.root / "requests" / "allowed").iterdir():
        path.unlink()
    asked.run("run")
    assert "work-restored-1" not in asked.system.names()


def test_request_waits_for_the_key(asked: Asked) -> None:
    asked.run("allow", "backup", "--by-itself")
    key = asked.forget_key()
    asked.ask("work")
    for _ in range(2):
        assert "waits for the key" in asked.run("run")
    (row,) = asked.listed()
    assert row["state"] == "needs-key"
    assert "waits for the key" in asked.run("list")
    assert asked.words().count("needs-key") == 1
    assert "work-restored-1" not in asked.system.names()
    (request,) = list_requests(asked.places)
    remembered.remember(asked.places, request.archive, key)
    asked.run("run")
    assert "work-restored-1" in asked.system.names()
    assert asked.listed() == []


def test_what_needs_a_key_and_was_not_allowed_by_itself_waits_for_approve(
    asked: Asked,
) -> None:
    """Also when the key is kept again: see doc/interfaces.md."""
    key = asked.forget_key()
    asked.ask("work")
    asked.dom0.fails(3, "requests", "approve")
    (row,) = asked.listed()
    assert row["state"] == "needs-key"
    (request,) = list_requests(asked.places)
    remembered.remember(asked.places, request.archive, key)
    asked.run("run")
    assert "work-restored-1" not in asked.system.names()
    asked.run("approve")
    assert "work-restored-1" in asked.system.names()


def test_crash_in_a_restore_leaves_what_can_be_approved_again(
    asked: Asked,
) -> None:
    """What a killed process leaves: the qube, its tag, the request."""
    asked.ask("work")
    (request,) = list_requests(asked.places)
    asked.system.add("work-restored-1")
    asked.system.change("work-restored-1", tags=[TAG])
    write_request(asked.places, replace(request, target="work-restored-1"))
    done = asked.dom0.machine.bare(
        f"--meta-dir={asked.places.root}",
        *("requests", "approve", "work"),
        env=asked.dom0.env,
    )
    assert done.returncode == 0
    assert "half restored by an earlier try" in done.stderr
    assert asked.system.read("work-restored-2") == asked.system.read("work")
    assert read_request(asked.places, request.archive, "work") is None


def test_what_is_approved_in_the_window_is_restored(
    asked: Asked, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked.ask("work")
    for name, value in asked.dom0.env.items():
        monkeypatch.setenv(name, value)
    start = [sys.executable, "-c", START, f"--meta-dir={asked.places.root}"]
    kept = QSettings(str(tmp_path / "kept.ini"), QSettings.Format.IniFormat)
    manager = Manager(Engine(start), kept)
    qtbot.addWidget(manager.window)
    manager.start(hidden=False)

    def button() -> "QPushButton | None":
        return manager.requests.findChild(QPushButton, "request-approve")

    qtbot.waitUntil(lambda: button() is not None, timeout=WAIT)
    approve = button()
    assert approve is not None
    approve.click()
    qtbot.waitUntil(lambda: not list_requests(asked.places), timeout=WAIT)
    assert asked.system.read("work-restored-1") == asked.system.read("work")
    assert TAG not in asked.system.qube("work-restored-1")["tags"]
    qtbot.waitUntil(lambda: button() is None, timeout=WAIT)
    manager.close()
    end_calls(manager.desk.engine)
