# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Copies brought up to date for the price of the changes, and restores from
our own snapshots. On btrfs and XFS, where snapshots of files can be kept."""

import os
import random
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Iterator, List

import pytest

from system.faults import AFTER, SENDER, Fault
from system.machine import Ended, Machine, temporary_root
from wyng_dom0.engine import content as content_module
from wyng_dom0.state import ledgers
from wyng_dom0.state.changed import NOTHING

CHUNK = 64 * 1024
CHUNKS = 40
SIZE = CHUNKS * CHUNK - 1_000
VOLUME = "one.img"


def content(turn: int) -> bytes:
    """At each turn another chunk differs, and one is zeros."""
    data = bytearray(random.Random(1).randbytes(SIZE))
    data[turn * CHUNK : turn * CHUNK + 10] = b"t%09d" % turn
    data[(turn + 20) * CHUNK : (turn + 21) * CHUNK] = bytes(CHUNK)
    return bytes(data)


@pytest.fixture(scope="module", params=["btrfs", "xfs"])
def mounted(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    kind: str = request.param
    if os.geteuid() != 0:
        pytest.skip(f"mounting {kind} needs root")
    if shutil.which(f"mkfs.{kind}") is None:
        pytest.skip(f"mkfs.{kind} is not installed")
    base = tmp_path_factory.mktemp(kind)
    image, point = base / "image", base / "mounted"
    point.mkdir()
    with open(image, "wb") as file:
        file.truncate(400 << 20)
    commands: List[List[str]] = [
        [f"mkfs.{kind}", "-q", str(image)],
        ["mount", "-o", "loop", str(image), str(point)],
    ]
    for command in commands:
        subprocess.run(command, check=True, capture_output=True)
    yield point
    subprocess.run(["umount", str(point)], check=True)


@pytest.fixture
def machine(mounted: Path) -> Iterator[Machine]:
    """Images where clones are, and two sessions of one."""
    machine = Machine(temporary_root())
    machine.images = mounted / "images"
    machine.images.mkdir()
    machine.init("--encrypt=off").check()
    for turn in (1, 2):
        (machine.images / VOLUME).write_bytes(content(turn))
        machine.send(VOLUME).check()
    yield machine
    shutil.rmtree(machine.images)
    shutil.rmtree(machine.root)


@pytest.fixture
def copy(mounted: Path) -> Iterator[Path]:
    folder = mounted / "copies"
    folder.mkdir()
    yield folder / "copy.img"
    shutil.rmtree(folder)


def receive(
    machine: Machine,
    *words: object,
    session: str = "newest",
    fault: "Fault | None" = None,
) -> Ended:
    return machine.wyng(
        *("--json", "--force", f"--session={session}", *words),
        *("receive", VOLUME),
        fault=fault,
    )


def said(ended: Ended) -> "dict[str, int]":
    (found,) = [e for e in ended.objects if e.get("kind") == "receive"]
    return dict(found)


def standby(
    machine: Machine, copy: Path, session: str, **more: "Fault | None"
) -> Ended:
    return receive(
        machine, f"--save-to={copy}", "--standby", session=session, **more
    )


def chunks_read(copy: Path, ended: Ended) -> int:
    """Chunks of the session that were fetched, rounded up."""
    return -(-said(ended)["fetched"] // CHUNK)


def test_standby_takes_the_difference_of_the_trees(
    machine: Machine, copy: Path
) -> None:
    first, second = machine.sessions(VOLUME)
    assert chunks_read(copy, standby(machine, copy, first).check()) == 39
    assert copy.read_bytes() == content(1)
    for session, turn in ((second, 2), (first, 1), (second, 2)):
        ended = standby(machine, copy, session).check()
        assert copy.read_bytes() == content(turn)
        # The two that were other bytes, and one that was zeros.
        assert chunks_read(copy, ended) == 3
    assert said(standby(machine, copy, second).check())["fetched"] == 0


def test_standby_reads_only_what_may_differ(
    machine: Machine, copy: Path
) -> None:
    """Whatever else lies in the copy is not looked at: it is known."""
    first, second = machine.sessions(VOLUME)
    standby(machine, copy, first).check()
    hashed = "wyng_dom0.engine.local_ids:LocalIds._id"
    fault = Fault("more than may differ", SENDER, hashed, AFTER, at=5)
    ended = standby(machine, copy, second, fault=fault).check()
    assert not ended.hit
    assert copy.read_bytes() == content(2)


def test_standby_that_was_written_to_is_repaired(
    machine: Machine, copy: Path
) -> None:
    first, second = machine.sessions(VOLUME)
    standby(machine, copy, second).check()
    with open(copy, "r+b") as file:
        os.pwrite(file.fileno(), b"scribble", 30 * CHUNK + 5)
    ended = standby(machine, copy, second).check()
    assert copy.read_bytes() == content(2)
    assert chunks_read(copy, ended) <= 2
    with open(copy, "r+b") as file:
        os.pwrite(file.fileno(), b"scribble", 31 * CHUNK + 5)
        file.truncate(SIZE - 5 * CHUNK)
    standby(machine, copy, first).check()
    assert copy.read_bytes() == content(1)


def test_standby_that_is_another_file_is_compared_whole(
    machine: Machine, copy: Path
) -> None:
    first, second = machine.sessions(VOLUME)
    standby(machine, copy, first).check()
    copy.unlink()
    copy.write_bytes(random.Random(8).randbytes(SIZE))
    standby(machine, copy, second).check()
    assert copy.read_bytes() == content(2)


def test_standby_whose_snapshot_is_gone_is_compared_whole(
    machine: Machine, copy: Path
) -> None:
    first, second = machine.sessions(VOLUME)
    standby(machine, copy, first).check()
    for path in copy.parent.iterdir():
        if path != copy:
            path.unlink()
    with open(copy, "r+b") as file:
        os.pwrite(file.fileno(), b"scribble", 30 * CHUNK + 5)
    standby(machine, copy, second).check()
    assert copy.read_bytes() == content(2)


def test_standby_whose_session_was_pruned_is_compared_whole(
    machine: Machine, copy: Path
) -> None:
    first, second = machine.sessions(VOLUME)
    standby(machine, copy, first).check()
    machine.wyng("--unattended", f"--session={first}", "prune").check()
    ended = standby(machine, copy, second).check()
    assert copy.read_bytes() == content(2)
    assert chunks_read(copy, ended) == 3


@pytest.mark.parametrize("at", range(1, 12, 2))
def test_killed_standby_is_brought_up_to_date_again(
    machine: Machine, copy: Path, at: int
) -> None:
    """Whatever of snapshot, ledger and name was done, the next is right."""
    first, second = machine.sessions(VOLUME)
    standby(machine, copy, first).check()
    fault = Fault(
        "standby", SENDER, "wyng_dom0.state.durable:write_private", at=at
    )
    ended = standby(machine, copy, second, fault=fault)
    assert ended.code == (-9 if ended.hit else 0)
    assert copy.read_bytes() in (content(1), content(2))
    with open(copy, "r+b") as file:
        os.pwrite(file.fileno(), b"scribble", 33 * CHUNK)
    standby(machine, copy, first).check()
    assert copy.read_bytes() == content(1)
    standby(machine, copy, second).check()
    assert copy.read_bytes() == content(2)


def test_snapshot_that_is_the_session_needs_no_transfer(
    machine: Machine, copy: Path
) -> None:
    home = machine.images / VOLUME
    home.write_bytes(b"lost")
    ended = receive(machine, "--use-snapshot").check()
    assert home.read_bytes() == content(2)
    assert (said(ended)["fetched"], said(ended)["from_snapshot"]) == (0, True)
    ended = receive(machine, "--req-snapshot", f"--save-to={copy}").check()
    assert copy.read_bytes() == content(2)
    assert said(ended)["fetched"] == 0


def test_snapshot_of_something_else_is_not_taken(machine: Machine) -> None:
    first, second = machine.sessions(VOLUME)
    home = machine.images / VOLUME
    failed = receive(machine, "--req-snapshot", session=first).check(1)
    assert "no snapshot here" in failed.err
    assert home.read_bytes() == content(2)
    with open(home, "r+b") as file:
        os.pwrite(file.fileno(), b"newer", 0)
    machine.wyng("monitor").check()
    receive(machine, "--req-snapshot", session=second).check(1)
    ended = receive(machine, "--use-snapshot", session=second).check()
    assert home.read_bytes() == content(2)
    assert not said(ended)["from_snapshot"]


def test_snapshot_that_was_tampered_with_is_not_taken(
    machine: Machine, copy: Path
) -> None:
    for path in machine.images.iterdir():
        if path.name != VOLUME:
            os.chmod(path, 0o600)
            with open(path, "r+b") as file:
                os.pwrite(file.fileno(), b"scribble", 10 * CHUNK)
    words = ("--req-snapshot", f"--save-to={copy}")
    assert "no snapshot here" in receive(machine, *words).check(1).err
    assert not copy.exists()


def test_ids_of_what_a_snapshot_holds_are_computed_again(
    machine: Machine, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The command is forked from here, and so reads other bytes.
    read = content_module.read_padded
    monkeypatch.setattr(
        content_module,
        "read_padded",
        lambda fd, offset, length: b"!" + read(fd, offset, length)[1:],
    )
    words = ("--req-snapshot", f"--save-to={copy}")
    failed = receive(machine, *words).check(4)
    assert "not what it was known to be" in failed.err
    assert not copy.exists()


def test_send_after_restores_at_home_misses_nothing(machine: Machine) -> None:
    """Ledgers stay true whatever receive does to a volume and its base."""
    first, second = machine.sessions(VOLUME)
    home = machine.images / VOLUME
    for turn, words in enumerate(
        (("--sparse",), ("--standby",), (), ("--use-snapshot",))
    ):
        receive(machine, *words, session=first).check()
        assert home.read_bytes() == content(1)
        with open(home, "r+b") as file:
            os.pwrite(file.fileno(), b"by hand", (5 + turn) * CHUNK)
        wanted = home.read_bytes()
        machine.send().check()
        newest = machine.sessions(VOLUME)[-1]
        target = machine.out / "check"
        receive(machine, f"--save-to={target}", session=newest).check()
        assert target.read_bytes() == wanted, words


def test_remap_lets_the_next_send_see_what_no_ledger_says(
    machine: Machine,
) -> None:
    """A ledger that says too little, as after a fault of the machine."""
    home = machine.images / VOLUME
    with open(home, "r+b") as file:
        os.pwrite(file.fileno(), b"unseen", 15 * CHUNK)
    machine.wyng("monitor").check()
    for path in (machine.state / "volumes").rglob("*.ledger"):
        ledger = ledgers.load(path)
        assert ledger.current
        ledgers.save(path.parent, replace(ledger, current=NOTHING))
    machine.send().check()
    assert len(machine.sessions(VOLUME)) == 2, "the fault is not there"
    machine.wyng("diff", "--quick", VOLUME).check(2)
    machine.send().check()
    assert len(machine.sessions(VOLUME)) == 2
    machine.wyng("diff", "--quick", "--remap", VOLUME).check(2)
    machine.send().check()
    assert len(machine.sessions(VOLUME)) == 3
    machine.wyng("diff", VOLUME).check(0)
