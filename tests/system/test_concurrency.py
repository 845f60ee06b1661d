# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Several commands at once on one archive.

Where one must be in the middle of something, it waits there for a word of
the test: nothing is timed.
"""

import os
import shutil
from contextlib import contextmanager
from typing import Any, Callable, Iterator

import pytest

from system.machine import Machine, Running, sha256, temporary_root
from wyng_dom0.engine import publish, restore

IMAGES = ("one.img", "two.img")


@pytest.fixture
def machine() -> Iterator[Machine]:
    """Two volumes with a session each, and changes since."""
    made = Machine(temporary_root())
    made.init("--encrypt=off").check()
    write_images(made, 1)
    made.send(*IMAGES).check()
    write_images(made, 2)
    yield made
    shutil.rmtree(made.root)


def write_images(machine: Machine, turn: int) -> None:
    """Other content each turn."""
    for number, name in enumerate(IMAGES):
        content = bytes([turn, number]) * 100_000
        (machine.images / name).write_bytes(content)


class Gate:
    """A place in a process where it waits for the test.

    Patched in before the process forks, and out after.
    """

    def __init__(self) -> None:
        self._came = os.pipe()
        self._go = os.pipe()

    def pass_through(self) -> None:
        """In the process: say that we are here, wait to be let go."""
        os.write(self._came[1], b"!")
        os.read(self._go[0], 1)

    def wait(self) -> None:
        """In the test: until the process is here."""
        assert os.read(self._came[0], 1) == b"!"

    def open(self) -> None:
        """In the test: let it go on."""
        os.write(self._go[1], b"!")

    def before(self, old: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, behind the gate the first time."""
        waited = False

        def gated(*arguments: Any, **named: Any) -> Any:
            nonlocal waited
            if not waited:
                waited = True
                self.pass_through()
            return old(*arguments, **named)

        return gated


@contextmanager
def stopped(
    start: Callable[[], Running], holder: Any, name: str
) -> Iterator["tuple[Running, Gate]"]:
    """A process that stands before its first call of holder.name."""
    gate = Gate()
    old = getattr(holder, name)
    setattr(holder, name, gate.before(old))
    try:
        running = start()
    finally:
        setattr(holder, name, old)
    gate.wait()
    yield running, gate


def test_second_send_is_told_busy_at_once(machine: Machine) -> None:
    with stopped(
        lambda: machine.start("--json", "send"), publish, "_commit"
    ) as (first, gate):
        second = machine.send().check(5)
        assert "in use" in second.err
        gate.open()
        first.wait().check()
    assert len(machine.sessions(IMAGES[0])) == 2


def test_second_machine_is_told_busy_by_the_store(machine: Machine) -> None:
    """Another state directory has another lock: the store's decides."""
    other = Machine(machine.root / "other")
    other.archive = machine.archive
    shutil.copytree(machine.state, other.state)
    with stopped(
        lambda: machine.start("--json", "send"), publish, "_commit"
    ) as (first, gate):
        second = other.send(*IMAGES).check(5)
        assert "in use" in second.err
        gate.open()
        first.wait().check()


def test_readers_work_while_a_send_is_under_way(machine: Machine) -> None:
    session = machine.sessions(IMAGES[0])[0]
    wanted = sha256(bytes([1, 0]) * 100_000)
    with stopped(
        lambda: machine.start("--json", "send"), publish, "_commit"
    ) as (sending, gate):
        assert machine.sessions(IMAGES[0]) == [session]
        assert sha256(machine.restored(IMAGES[0], session)) == wanted
        machine.wyng("verify").check()
        gate.open()
        sending.wait().check()
    assert len(machine.sessions(IMAGES[0])) == 2


def packed(machine: Machine) -> int:
    """Bytes in pack files."""
    packs = (machine.archive / "packs").rglob("*.pack")
    return sum(path.stat().st_size for path in packs)


@contextmanager
def reading(machine: Machine, session: str) -> Iterator["tuple[Running, Gate]"]:
    """A receive that stands right before its first chunk."""
    words = (f"--session={session}", f"--save-to={machine.out / 'read'}")
    with stopped(
        lambda: machine.start(*words, "receive", IMAGES[0]),
        restore,
        "open_target",
    ) as started:
        yield started


def test_prune_beside_a_reader_waits_or_stays_pending(
    machine: Machine,
) -> None:
    """Nothing is taken away while somebody reads; what is pending then is
    taken by the next who writes."""
    machine.send().check()
    oldest, newest = machine.sessions(IMAGES[0])
    with reading(machine, newest) as (reader, gate):
        before = packed(machine)
        machine.wyng("--unattended", f"--session={oldest}", "prune").check()
        assert machine.sessions(IMAGES[0]) == [newest]
        assert packed(machine) >= before
        gate.open()
        reader.wait().check()
    content = (machine.out / "read").read_bytes()
    assert content == bytes([2, 0]) * 100_000
    during = packed(machine)
    machine.wyng("--unattended", f"--session={oldest}", "prune").check()
    assert packed(machine) < during
    machine.store("check", "--digests").check()


def test_reclaim_says_pending_while_somebody_reads(machine: Machine) -> None:
    """It waits ten seconds for the reader, which here does not end."""
    machine.send().check()
    oldest, newest = machine.sessions(IMAGES[0])
    with reading(machine, newest) as (reader, gate):
        machine.wyng("--unattended", f"--session={oldest}", "prune").check()
        assert "freed 0 bytes" in machine.store("reclaim").check(5).out
        gate.open()
        reader.wait().check()
    assert "freed 0 bytes" not in machine.store("reclaim").check().out


def test_session_pruned_while_it_is_read_is_whole_or_an_error(
    machine: Machine,
) -> None:
    """Never half of it: nothing stands at the target then."""
    machine.send().check()
    oldest = machine.sessions(IMAGES[0])[0]
    target = machine.out / "read"
    with reading(machine, oldest) as (reader, gate):
        machine.wyng("--unattended", f"--session={oldest}", "prune").check()
        gate.open()
        if reader.wait().check(0, 4, 6).code:
            assert list(machine.out.iterdir()) == []
        else:
            assert target.read_bytes() == bytes([1, 0]) * 100_000
