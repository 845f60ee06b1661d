# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Qubes are backed up by their names, in the state that was asked for."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from product.machine import Machine
from qubesadmin_stand_in.qubes_system import HERE, QubesSystem
from system.machine import temporary_root

MIB = 1 << 20


class Dom0:
    """A Qubes system on btrfs, and an archive of its qubes."""

    def __init__(self, root: Path, machine: Machine) -> None:
        self.machine = machine
        self.system = QubesSystem(root / "qubes")
        self.system.add("work", private=b"work at first", netvm="")
        self.system.add("vault", private=b"secret", include_in_backups=False)
        self.system.add("alone", "StandaloneVM", private=b"p", root=b"r")
        self.system.change("work", tags=["client"])
        self.env = {**self.system.env, "PYTHONPATH": _path()}
        self.run("--encrypt=off", f"--dest={machine.dest()}", "arch-init")

    def run(self, *words: str) -> str:
        return self.machine.run(*words, env=self.env)

    def fails(self, code: int, *words: str) -> str:
        return self.machine.fails(code, *words, env=self.env)

    def sent(self, *words: str) -> "list[str]":
        """Names of the volumes that a send was about."""
        out = self.run("--json", "send", *words)
        import json

        found = [json.loads(line) for line in out.splitlines()]
        return [e["volume"] for e in found if e.get("event") == "volume-done"]

    def states(self, volume: str) -> "list[str]":
        out = self.run("--json", "list", volume)
        return [
            e["state"] for e in self.machine.parsed(out, "sessions")["sessions"]
        ]

    def restored(self, volume: str) -> bytes:
        target = self.machine.root / "restored.img"
        target.unlink(missing_ok=True)
        self.run(f"--save-to={target}", "receive", volume)
        return target.read_bytes()


def _path() -> str:
    import sys

    return os.pathsep.join([str(HERE), *sys.path])


@pytest.fixture(scope="module")
def disk() -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("mounting btrfs needs root")
    if shutil.which("mkfs.btrfs") is None:
        pytest.skip("mkfs.btrfs is not installed")
    root = temporary_root()
    image, point = root / "image", root / "mounted"
    point.mkdir()
    with open(image, "wb") as file:
        file.truncate(300 * MIB)
    subprocess.run(["mkfs.btrfs", "-q", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, point], check=True)
    yield point
    subprocess.run(["umount", point], check=True)
    shutil.rmtree(root)


@pytest.fixture
def dom0(
    disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Dom0]:
    monkeypatch.setenv("QUBES_STAND_IN", "")
    root = disk / "dom0"
    root.mkdir()
    yield Dom0(root, Machine(tmp_path / "machine"))
    shutil.rmtree(root)


def test_names_tags_and_all_mean_the_volumes_that_survive(dom0: Dom0) -> None:
    assert dom0.sent("work") == ["work:private"]
    assert dom0.sent("alone") == ["alone:private", "alone:root"]
    assert dom0.sent("alone:root") == ["alone:root"]
    assert dom0.sent("@tag:client") == ["work:private"]
    assert dom0.sent("--all", "--exclude=alone", "--exclude=fedora") == [
        "sys-firewall:private",
        "work:private",
    ]
    assert dom0.fails(6, "send", "nobody") == "there is no qube 'nobody'"
    said = dom0.fails(6, "send", "@tag:none")
    assert said == "no qube has the tag 'none'"
    assert "is no volume of a qube" in dom0.fails(9, "send", ":private")


def test_live_state_is_what_a_running_qube_wrote(dom0: Dom0) -> None:
    dom0.sent("work")
    dom0.system.start("work")
    dom0.system.write("work", b"work while it")
    dom0.sent("--state=auto", "work")
    assert dom0.restored("work:private")[:13] == b"work while it"
    dom0.sent("--state=clean", "work")
    assert dom0.restored("work:private")[:13] == b"work at first"
    dom0.system.stop("work")
    dom0.sent("work")
    assert dom0.restored("work:private")[:13] == b"work while it"
    assert dom0.states("work:private") == ["clean", "live", "clean", "clean"]


def test_paused_qube_runs(dom0: Dom0) -> None:
    dom0.system.start("work")
    dom0.system.write("work", b"work, paused!")
    dom0.system.change("work", state="Paused")
    dom0.sent("work")
    assert dom0.restored("work:private")[:13] == b"work, paused!"


def test_what_a_crash_left_dirty_is_live(dom0: Dom0) -> None:
    """The power state says halted, and qubesd has not committed it yet."""
    dom0.system.start("work")
    dom0.system.write("work", b"work, crashed")
    dom0.system.change("work", state="Halted")
    dom0.sent("work")
    assert dom0.restored("work:private")[:13] == b"work, crashed"
    assert dom0.states("work:private") == ["live"]


def test_qube_without_revisions_has_no_clean_state_while_it_runs(
    dom0: Dom0,
) -> None:
    volumes = dom0.system.qube("work")["volumes"]
    volumes["private"]["revisions_to_keep"] = -1
    dom0.system.change("work", volumes=volumes)
    dom0.system.start("work")
    dom0.system.write("work", b"work, no back")
    said = dom0.fails(1, "send", "--state=clean", "work")
    assert "has no clean state while work runs" in said
    dom0.sent("work")
    assert dom0.restored("work:private")[:13] == b"work, no back"
    assert dom0.states("work:private") == ["live"]


def test_half_written_import_is_not_what_is_backed_up(dom0: Dom0) -> None:
    from qubesadmin import daemon

    daemon.import_begin("work", "private", None)
    dom0.sent("work")
    assert dom0.restored("work:private")[:13] == b"work at first"


def test_shutdown_between_choice_and_clone_is_followed(
    dom0: Dom0, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dirty image is renamed after it was seen and before it is opened."""
    from wyng_dom0.snapshots import qube_states
    from wyng_dom0.snapshots.driver import VolumeAt
    from wyng_dom0.snapshots.qube_states import QubeFileDriver
    from wyng_dom0.snapshots.reflink import ReflinkDriver

    system = dom0.system
    system.start("work")
    system.write("work", b"work, stopped")
    place = str(system.committed("work"))
    volume = VolumeAt("work:private", place, str(system.pool))
    real, left = qube_states.image_of, [1]

    def renamed_after(volume: VolumeAt) -> str:
        found = real(volume)
        if left:
            left.pop()
            system.stop("work")
        return found

    monkeypatch.setattr(qube_states, "image_of", renamed_after)
    ref = QubeFileDriver(ReflinkDriver()).take(volume)
    assert Path(ref.place).read_bytes()[:13] == b"work, stopped"


def test_old_clean_state_is_warned_of(dom0: Dom0) -> None:
    dom0.system.start("work")
    os.utime(dom0.system.committed("work"), (0, 86400 * 365.0))
    out = dom0.run("--json", "send", "--state=clean", "work")
    assert "work runs: the clean state of its volume 'private' is" in out


def test_pools_without_snapshots_want_their_qubes_halted(dom0: Dom0) -> None:
    other = dom0.system.root / "old"
    (other / "appvms" / "old").mkdir(parents=True)
    dom0.system.add_pool("old", "file", dir_path=str(other))
    dom0.system.add_pool("odd", "callback", dir_path=str(other))
    dom0.system.add("old", pool="old")
    dom0.system.add("odd", pool="odd")
    (other / "appvms" / "old" / "private.img").write_bytes(b"o" * MIB)
    assert dom0.sent("old") == ["old:private"]
    assert dom0.states("old:private") == ["clean"]
    dom0.system.change("old", state="Running")
    assert "takes no snapshots of ours" in dom0.fails(1, "send", "old")
    said = dom0.fails(1, "send", "odd")
    assert "of the kind 'callback'" in said


def test_at_most_five_calls_a_qube(dom0: Dom0) -> None:
    for number in range(5):
        dom0.system.add(f"q{number}", private=b"%d" % number)
    dom0.sent("--all")
    dom0.system.forget_calls()
    dom0.sent("--all")
    calls = [line.split()[1] for line in dom0.system.calls()]
    for qube in set(calls) - {"dom0"}:
        assert calls.count(qube) <= 5, qube
    assert calls.count("dom0") <= 2


def test_qubes_notes_when_it_was_backed_up(dom0: Dom0) -> None:
    dom0.sent("work")
    found = dom0.system.qube("work")
    assert found["properties"]["backup_timestamp"] > 1_700_000_000
    assert found["features"]["wyng.last.default"][:2] == "20"
    dom0.run("send", "--dry-run", "vault")
    assert "backup_timestamp" not in dom0.system.qube("vault")["properties"]


def test_volume_of_a_qube_is_not_written_beside_qubesd(dom0: Dom0) -> None:
    dom0.sent("work")
    before = dom0.system.read("work")
    said = dom0.fails(1, "--force", "receive", "work:private")
    assert "belongs to a qube" in said
    assert dom0.system.read("work") == before
