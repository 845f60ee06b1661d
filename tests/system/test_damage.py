# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Files cut, deleted, swapped or put back from elsewhere.

As for flips: right bytes or an error of ours, never anything else; nothing
alive is freed; an archive put back to an older copy is noticed.
"""

import random
import shutil
from pathlib import Path
from threading import enumerate as enumerate_threads
from typing import Callable, Iterator, List, NamedTuple, Optional

import pytest

from system.direct import Digests, access_to
from system.machine import Ended, Machine, sha256, temporary_root
from wyng_common.messages import Capability
from wyng_dom0.engine.content import SessionContent
from wyng_dom0.engine.opened import open_archive

NAMES = ("one.img", "two.img")


class World(NamedTuple):
    """A machine with an archive; saved as `older`, and later as `now`."""

    machine: Machine
    older: Digests
    now: Digests


def write_images(machine: Machine, turn: int) -> None:
    """Other content each turn, part of it as before."""
    for number, name in enumerate(NAMES):
        changing = random.Random(turn * 8 + number).randbytes(90_000)
        constant = random.Random(number).randbytes(140_000)
        (machine.images / name).write_bytes(changing + constant)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Two sessions when it was older; a prune and another session since."""
    machine = Machine(temporary_root())
    machine.init().check()
    for turn in (1, 2):
        write_images(machine, turn)
        machine.send(*NAMES).check()
    older = machine.restored_all()
    machine.save("older")
    oldest = machine.sessions(NAMES[0])[0]
    machine.wyng("--unattended", f"--session={oldest}", "prune").check()
    write_images(machine, 3)
    machine.send().check()
    now = machine.restored_all()
    machine.save("now")
    yield World(machine, older, now)
    shutil.rmtree(machine.root)


@pytest.fixture
def machine(world: World) -> Machine:
    """The machine as it is now."""
    world.machine.put_back("now")
    return world.machine


def files_of(machine: Machine, *kinds: str) -> List[Path]:
    """Files of the archive whose place begins so; all but the locks."""
    return [
        path
        for path in sorted(machine.archive.rglob("*"))
        if path.is_file()
        and path.name not in ("lock", "readers")
        and str(path.relative_to(machine.archive)).startswith(kinds or "")
    ]


def receive(machine: Machine, volume: str, session: str) -> Ended:
    """A receive that may fail as one may; then it leaves nothing."""
    target = machine.out / "got"
    words = (f"--session={session}", f"--save-to={target}", "receive", volume)
    ended = machine.wyng(*words).check(0, 1, 4, 5, 6)
    assert target.exists() == (ended.code == 0)
    return ended


def expect_right_or_told(world: World, restores: bool = False) -> None:
    """Each session restores right, or says in a sentence why not."""
    machine = world.machine
    machine.wyng("list").check(0, 1, 4, 5, 6)
    machine.wyng("verify").check(0, 1, 4, 5, 6)
    for (volume, session), digest in world.now.items():
        ended = receive(machine, volume, session)
        assert ended.err or not ended.code
        assert not (restores and ended.code), ended
        if ended.code == 0:
            assert digest_of(machine.out / "got") == digest
            (machine.out / "got").unlink()


def digest_of(path: Path) -> str:
    """What stands for a file's content."""
    return sha256(path.read_bytes())


def is_told(machine: Machine, path: Path, damaged: Optional[bytes]) -> bool:
    """Does the store itself notice, or heal when it next writes?

    `damaged` is what the file was made; None when it was deleted.
    """
    if machine.store("check", "--digests").check(0, 1, 4, 6).code:
        return True
    if machine.store("scrub").check(0, 1, 4, 6).code:
        return True
    return path.exists() and path.read_bytes() != damaged


@pytest.mark.parametrize("part", [0.0, 0.6, -1])
@pytest.mark.parametrize("kind", ["packs", "log", "keys", "format"])
def test_cut_file_restores_right_or_is_told(
    world: World, kind: str, part: float
) -> None:
    machine = world.machine
    for number in range(len(files_of(machine, kind))):
        machine.put_back("now")
        path = files_of(machine, kind)[number]
        content = path.read_bytes()
        length = int(part * len(content)) if part >= 0 else len(content) - 1
        path.write_bytes(content[:length])
        expect_right_or_told(world, restores=kind != "packs")
        assert is_told(machine, path, content[:length]), path


@pytest.mark.parametrize("kind", ["packs", "log", "keys", "format"])
def test_deleted_file_restores_right_or_is_told(
    world: World, kind: str
) -> None:
    machine = world.machine
    for number in range(len(files_of(machine, kind))):
        machine.put_back("now")
        path = files_of(machine, kind)[number]
        path.unlink()
        expect_right_or_told(world, restores=kind != "packs")
        assert is_told(machine, path, None), path


def test_two_swapped_files_restore_right_or_are_told(world: World) -> None:
    machine = world.machine
    for kind in ("packs", "log"):
        machine.put_back("now")
        first, *_, last = files_of(machine, kind)
        one, two = first.read_bytes(), last.read_bytes()
        first.write_bytes(two)
        last.write_bytes(one)
        expect_right_or_told(world)
        assert is_told(machine, first, two)


@pytest.fixture(scope="module")
def stranger() -> Iterator[Machine]:
    """Another archive, under another key."""
    machine = Machine(temporary_root())
    machine.init().check()
    for turn in (1, 2, 3):
        write_images(machine, turn)
        machine.send(*NAMES).check()
    yield machine
    shutil.rmtree(machine.root)


@pytest.mark.parametrize("kind", ["packs", "log"])
def test_file_of_another_archive_is_not_believed(
    world: World, stranger: Machine, kind: str
) -> None:
    machine = world.machine
    for number in range(len(files_of(machine, kind))):
        machine.put_back("now")
        theirs = files_of(stranger, kind)
        ours = files_of(machine, kind)[number]
        ours.write_bytes(theirs[number % len(theirs)].read_bytes())
        damaged = ours.read_bytes()
        expect_right_or_told(world, restores=kind == "log")
        assert is_told(machine, ours, damaged), ours


def roll_back(machine: Machine) -> None:
    """The whole archive as it was when older."""
    shutil.rmtree(machine.archive)
    shutil.copytree(machine.root / "older" / "archive", machine.archive)


def test_rollback_stops_writers_and_warns_readers(
    world: World, machine: Machine
) -> None:
    roll_back(machine)
    refused = machine.send().check(4)
    assert "older copy" in refused.err
    machine.wyng("--unattended", "--session=20000101-000000", "prune").check(4)
    for words in (["list"], ["verify"]):
        said = machine.wyng(*words).check()
        assert "older copy" in said.out + said.err
    (volume, session), digest = sorted(world.older.items())[0]
    said = receive(machine, volume, session).check()
    assert "older copy" in said.out + said.err
    assert digest_of(machine.out / "got") == digest
    # It was asked for, not agreed to: the next writer is told again.
    machine.send().check(4)


def test_rollback_without_a_typed_name_is_refused(machine: Machine) -> None:
    roll_back(machine)
    refused = machine.wyng("--unattended", "--force-allow-rollback", "send")
    refused.check(1)
    machine.send().check(4)


def test_rollback_goes_on_when_the_name_is_typed(
    world: World, machine: Machine
) -> None:
    """Once: from then on that copy's chain is the archive's."""
    roll_back(machine)
    words = ("--force-allow-rollback", "send")
    machine.wyng(*words, stdin=b"another\n", terminal=True).check(1)
    machine.wyng(*words, stdin=b"default\n", terminal=True).check()
    restored = machine.restored_all()
    for key, digest in world.older.items():
        assert restored[key] == digest
    assert len(restored) == len(world.older) + len(NAMES)
    write_images(machine, 5)
    machine.send().check()
    machine.store("check", "--digests").check()


def test_older_index_beside_newer_packs_frees_nothing_alive(
    world: World, machine: Machine
) -> None:
    before = machine.root / "older" / "archive"
    for name in ("index.db", "index.db-wal", "index.db-shm"):
        (machine.archive / name).unlink(missing_ok=True)
        if (before / name).exists():
            shutil.copy(before / name, machine.archive / name)
    expect_cycle_keeps(world)


def cut_index(machine: Machine) -> None:
    path = machine.archive / "index.db"
    path.write_bytes(path.read_bytes()[:5000])


def empty_index(machine: Machine) -> None:
    (machine.archive / "index.db").write_bytes(b"")


def delete_index(machine: Machine) -> None:
    (machine.archive / "index.db").unlink()


def garbage_beside_stale_wal(machine: Machine) -> None:
    """No SQLite file at all, and a write-ahead log of another one."""
    machine.archive.joinpath("index.db").write_bytes(b"garbage" * 3000)
    wal = machine.root / "older" / "archive" / "index.db-wal"
    stale = wal.read_bytes() if wal.exists() else b"\x37\x7f\x06\x82" * 64
    machine.archive.joinpath("index.db-wal").write_bytes(stale)


@pytest.mark.parametrize(
    "spoil", [cut_index, empty_index, delete_index, garbage_beside_stale_wal]
)
def test_index_that_is_lost_is_built_again(
    world: World, machine: Machine, spoil: Callable[[Machine], None]
) -> None:
    spoil(machine)
    assert machine.restored_all() == world.now
    machine.store("check").check()
    world.machine.put_back("now")
    spoil(machine)
    expect_cycle_keeps(world)


def expect_cycle_keeps(world: World) -> None:
    """A send, a prune and a send keep all that they ought to."""
    machine = world.machine
    write_images(machine, 8)
    machine.send().check()
    gone = min(session for _, session in world.now)
    machine.wyng("--unattended", f"--session={gone}", "prune").check()
    write_images(machine, 9)
    machine.send().check()
    restored = machine.restored_all()
    for (volume, session), digest in world.now.items():
        if session != gone:
            assert restored[volume, session] == digest
    machine.store("check", "--digests").check()


def test_reading_that_is_left_ends_no_thread(machine: Machine) -> None:
    """The garbage collector ends it, also while a thread is being started,
    which holds a lock that the end of a thread takes too."""

    def workers() -> List[str]:
        names = [each.name for each in enumerate_threads()]
        return sorted(name for name in names if name.startswith("worker"))

    to = access_to(machine)
    with open_archive(to, Capability.GET, lambda event: None) as archive:
        page = archive.page_named(NAMES[0])
        content = SessionContent(archive, page, archive.sessions(page)[-1])
        reading = content.fetch(content.refs())
        next(reading)
        before = workers()
        reading.close()
        assert before and workers() == before
    assert workers() == []
