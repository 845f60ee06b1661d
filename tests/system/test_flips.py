# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every byte of a small archive flipped, one at a time.

Whatever is flipped: no session ever restores to anything but what was sent,
no error is not one of ours, and in packs, commits, keys and format no flip
stays unnoticed. In the index every flip heals.

WYNG_TEST_LONG=1 flips all of the index, which takes long.
"""

import dataclasses
import os
import random
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional

import pytest

from system.direct import (
    Digests,
    access_to,
    check,
    record,
    replay,
    restore_all,
    scrub_and_heal,
    threaded_stores,
)
from system.faults import ANSWERED, STORE, Fault
from system.machine import Lifeline, Machine, Running, temporary_root
from wyng_dom0.engine.opened import Access
from wyng_dom0.state.places import Places
from wyng_dom0.transport.destination import Destination

LONG = os.environ.get("WYNG_TEST_LONG") == "1"
SAMPLE = 600
CYCLES = 20
PAGES = 2 * 4096
NAMES = ("one.img", "two.img")


class Small(NamedTuple):
    """A small archive, its pristine files, and what its sessions hold."""

    machine: Machine
    access: Access
    files: Dict[str, bytes]
    wanted: Digests
    sealed: bool


def write_images(machine: Machine, turn: int) -> None:
    """Content that packs well, so that there are few bytes to flip."""
    for number, name in enumerate(NAMES):
        if turn == 3 and number:
            continue
        first = bytes([turn * 16 + number]) * 65536
        rest = b"of both and always the same " * 2000
        (machine.images / name).write_bytes(first + rest * (2 - number))


def make_small(machine: Machine, *words: str) -> Digests:
    """Two volumes, three sessions, a prune."""
    machine.init(*words).check()
    for turn in (1, 2, 3):
        write_images(machine, turn)
        machine.send(*NAMES).check()
    oldest = machine.sessions(NAMES[0])[0]
    machine.wyng("--unattended", f"--session={oldest}", "prune").check()
    return machine.restored_all()


def read_files(root: Path) -> Dict[str, bytes]:
    """All files of an archive but the locks, which are empty."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name not in ("lock", "readers")
    }


@pytest.fixture(scope="module", params=["sealed", "off"])
def small(request: pytest.FixtureRequest) -> Iterator[Small]:
    """A small archive of each kind, at rest: nothing is in the journal."""
    machine = Machine(temporary_root())
    words = ["--encrypt=off"] if request.param == "off" else []
    wanted = make_small(machine, *words)
    machine.store("rebuild").check()
    assert len(wanted) == 3
    machine.save("small")
    files = read_files(machine.archive)
    before = tempfile.tempdir
    tempfile.tempdir = str(machine.root)
    yield Small(machine, access_to(machine), files, wanted, not words)
    tempfile.tempdir = before
    shutil.rmtree(machine.root)


def flipped(content: bytes, at: int) -> bytes:
    """All of one byte's bits flipped, or only the lowest, in turn."""
    mask = 0x01 if at % 2 else 0xFF
    return content[:at] + bytes([content[at] ^ mask]) + content[at + 1 :]


class Bench:
    """One worker's own copy of the small archive, to be damaged."""

    def __init__(self, small: Small, number: int) -> None:
        base = small.machine.root / f"bench{number}"
        shutil.copytree(small.machine.live, base, symlinks=True)
        self.root = base / "archive"
        self.target = base / "target"
        self.access = dataclasses.replace(
            small.access,
            destination=Destination("internal", str(self.root)),
            places=Places(base / "state"),
        )
        self.files = small.files
        self.wanted = small.wanted
        # Twice: the first time it also notes the head that it sees.
        restore_all(self.access, self.target)
        self.questions, outcome = record(self.access, self.target)
        assert outcome.restored == self.wanted and not outcome.errors
        self.answers = replay(self.questions, self.root)
        self.put_back()

    def expect_right_or_told(self, where: str, verify: bool) -> None:
        """No session restores wrong; one that does not has an error."""
        if replay(self.questions, self.root) == self.answers:
            return
        outcome = restore_all(self.access, self.target, verify)
        for key, digest in outcome.restored.items():
            assert digest == self.wanted[key], f"wrong: {where} {key}"
        whole = outcome.restored == self.wanted
        assert whole or outcome.errors, f"silently missing: {where}"

    def is_noticed(self, name: str, damaged: bytes) -> bool:
        """Does the store itself report or heal it?"""
        for look in (check, scrub_and_heal):
            found = look(self.root)
            if found is None or not found.is_whole or found.spoiled:
                return True
        path = self.root / name
        return not path.exists() or path.read_bytes() != damaged

    def put_back(self) -> None:
        """Make the archive what it was."""
        for path in self.root.rglob("*"):
            name = str(path.relative_to(self.root))
            known = name in self.files or path.name in ("lock", "readers")
            if path.is_file() and not known:
                path.unlink()
        for name, content in self.files.items():
            path = self.root / name
            if not path.exists() or path.read_bytes() != content:
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(content)


Job = Callable[[Bench, str, int], Optional[str]]


def for_each_byte(
    small: Small, places: "List[tuple[str, int]]", job: Job
) -> List[str]:
    """Do a job for every place, on all processors; what the jobs said."""
    workers = os.cpu_count() or 1

    def share(number: int) -> Callable[[Lifeline], int]:
        def work(_: Lifeline) -> int:
            with threaded_stores():
                bench = Bench(small, number)
                for name, at in places[number::workers]:
                    said = job(bench, name, at)
                    bench.put_back()
                    if said:
                        sys.stdout.write(said + "\n")
            return 0

        return work

    running = [Running(share(number), b"") for number in range(workers)]
    ended = [each.wait(3600).check() for each in running]
    for number in range(workers):
        shutil.rmtree(small.machine.root / f"bench{number}")
    return [line for each in ended for line in each.out.splitlines()]


def flip_and_look(bench: Bench, name: str, at: int) -> Optional[str]:
    """A flip that must be harmless or told, and noticed by the store."""
    damaged = flipped(bench.files[name], at)
    (bench.root / name).write_bytes(damaged)
    # Restoring reads all that verifying does: a part will do for that.
    bench.expect_right_or_told(f"{name} at {at}", verify=at % 8 == 0)
    if bench.is_noticed(name, damaged):
        return None
    return f"{name} at {at} of {len(damaged)}"


@pytest.mark.parametrize("kind", ["packs", "log", "keys", "format"])
def test_no_flip_restores_wrong_or_stays_unnoticed(
    small: Small, kind: str
) -> None:
    every = [
        (name, at)
        for name, content in small.files.items()
        if name.startswith(kind)
        for at in range(len(content))
    ]
    # The layout is the same where nothing is sealed: there a part will do.
    places = every if small.sealed or LONG else every[::5]
    unnoticed = for_each_byte(small, places, flip_and_look)
    sys.stdout.write(f"{kind}: {len(places)} of {len(every)} bytes flipped\n")
    assert places and not unnoticed, (len(unnoticed), unnoticed[:20])


def flip_index(bench: Bench, name: str, at: int) -> Optional[str]:
    """A flip in the index must change no answer at all, and heal."""
    path = bench.root / name
    path.write_bytes(flipped(bench.files[name], at))
    assert replay(bench.questions, bench.root) == bench.answers, at
    found = check(bench.root)
    assert found is not None and found.is_whole, at
    return None


def index_places(size: int) -> List[int]:
    """Which bytes of the index to flip."""
    if LONG:
        return list(range(size))
    rest = range(min(size, PAGES), size)
    sampled = random.Random(7).sample(rest, min(SAMPLE, len(rest)))
    return [*range(min(size, PAGES)), *sorted(sampled)]


def test_every_flip_in_the_index_heals(small: Small) -> None:
    size = len(small.files["index.db"])
    chosen = index_places(size)
    places = [("index.db", at) for at in chosen[:: 1 if small.sealed else 10]]
    assert for_each_byte(small, places, flip_index) == []
    sys.stdout.write(f"index.db: {len(places)} of {size} bytes flipped\n")


def test_index_flips_free_nothing_alive(small: Small) -> None:
    """A send, a prune and a send over a damaged index keep the rest."""
    machine = small.machine
    size = len(small.files["index.db"])
    for at in random.Random(8).sample(range(size), size if LONG else CYCLES):
        machine.put_back("small")
        path = machine.archive / "index.db"
        path.write_bytes(flipped(small.files["index.db"], at))
        cycle(machine, small.wanted)
    machine.put_back("small")


def cycle(machine: Machine, wanted: Digests) -> None:
    """Send, prune and send again; what stays restores as before."""
    write_images(machine, 7)
    machine.send().check()
    gone = min(session for _, session in wanted)
    machine.wyng("--unattended", f"--session={gone}", "prune").check()
    write_images(machine, 8)
    machine.send().check()
    machine.store("check", "--digests").check()
    restored = machine.restored_all()
    for (volume, session), digest in wanted.items():
        if session != gone:
            assert restored[volume, session] == digest
    assert len(restored) == len([k for k in wanted if k[1] != gone]) + 4


def test_flips_in_the_journal_of_a_killed_store_heal(small: Small) -> None:
    """What SQLite has written but not yet moved into the database."""
    machine = small.machine
    machine.put_back("small")
    write_images(machine, 4)
    answered = Fault(
        "killed", STORE, "wyng_store.operations:OPERATIONS[COMMIT]", ANSWERED
    )
    assert machine.send(fault=answered).hit
    files = read_files(machine.archive)
    machine.save("killed")
    killed = small._replace(files=files, wanted=machine.restored_all())
    machine.put_back("killed")
    places = []
    for name, most in (("index.db-wal", 400), ("index.db-shm", 100)):
        size = len(files[name])
        assert size, name
        places += [(name, at) for at in some_of(size, size if LONG else most)]
    assert for_each_byte(killed, places, flip_index) == []
    sys.stdout.write(f"journal: {len(places)} bytes flipped\n")
    shutil.rmtree(machine.root / "killed")
    machine.put_back("small")


def some_of(size: int, most: int) -> List[int]:
    """Places spread at random, the same ones each time."""
    return sorted(random.Random(9).sample(range(size), min(size, most)))
