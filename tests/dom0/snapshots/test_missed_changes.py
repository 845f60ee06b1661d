# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Random histories of files: no change is ever missed.

A hundred histories on each file system, with WYNG_TEST_LONG two thousand.
"""

import fcntl
import os
import random
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from driver_rig import MIB, missed, surplus
from file_rigs import FICLONE, FileRig, punch_hole
from wyng_dom0.snapshots import file_changes
from wyng_dom0.snapshots.driver import SnapshotRef
from wyng_dom0.snapshots.file_changes import changes_between
from wyng_dom0.snapshots.reflink import ReflinkDriver

LONG = bool(os.environ.get("WYNG_TEST_LONG"))
HISTORIES = 2000 if LONG else 100
FICLONERANGE = 0x4020940D
BLOCK = 4096
BLOCKS = 256


@dataclass
class Disk:
    """A file that things happen to; `touched` since the last clone."""

    folder: Path
    fd: int
    chance: random.Random
    touched: "list[tuple[int, int]]"

    def change(self) -> None:
        kinds = (
            [self.write] * 6
            + [self.write_text, self.punch] * 2
            + [self.allocate, self.copy_within, self.resize, self.sync]
        )
        self.chance.choice(kinds)()

    def write(self) -> None:
        at, length = self._range()
        self._put(at, self.chance.randbytes(length))

    def write_text(self) -> None:
        at, length = self._range()
        self._put(at, (b"%d times " % at * length)[:length])

    def punch(self) -> None:
        at, length = self._range()
        punch_hole(self.fd, at, length)
        self.touched.append((at, length))

    def allocate(self) -> None:
        """Preallocated where it was a hole; data stays."""
        at, length = self._range()
        os.posix_fallocate(self.fd, at, length)
        self.touched.append((at, length))

    def copy_within(self) -> None:
        """Share blocks with another part of the same file."""
        blocks = os.fstat(self.fd).st_size // BLOCK
        count = self.chance.randrange(1, 20)
        if blocks < 2 * count + 2:
            return
        source = self.chance.randrange(blocks - count)
        target = self.chance.randrange(blocks - count)
        if abs(source - target) < count:
            return
        numbers = (source * BLOCK, count * BLOCK, target * BLOCK)
        fcntl.ioctl(
            self.fd, FICLONERANGE, struct.pack("=qQQQ", self.fd, *numbers)
        )
        self.touched.append((target * BLOCK, count * BLOCK))

    def resize(self) -> None:
        before = os.fstat(self.fd).st_size
        after = self.chance.randrange(BLOCK, BLOCKS * BLOCK)
        os.ftruncate(self.fd, after)
        low, high = sorted((before, after))
        self.touched.append((low, high - low))

    def sync(self) -> None:
        os.fsync(self.fd)

    def _put(self, at: int, data: bytes) -> None:
        before = os.fstat(self.fd).st_size
        assert os.pwrite(self.fd, data, at) == len(data)
        # Writing beyond the end also fills what lies between with zeros.
        start = min(at, before)
        self.touched.append((start, at + len(data) - start))

    def _range(self) -> "tuple[int, int]":
        at = self.chance.randrange(BLOCKS * BLOCK - BLOCK)
        if self.chance.random() < 0.7:
            at -= at % BLOCK
        longest = BLOCKS * BLOCK - at
        length = self.chance.choice((1, 700, BLOCK, 3 * BLOCK, 9999, 200_000))
        return at, min(length, longest)

    def clone(self, name: str) -> int:
        """A clone as it is now, and touching begins anew."""
        fd = os.open(self.folder / name, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        fcntl.ioctl(fd, FICLONE, self.fd)
        self.touched.clear()
        return fd


@contextmanager
def disk(folder: Path, seed: int) -> Iterator[Disk]:
    path = folder / "disk"
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        made = Disk(folder, fd, random.Random(seed), [])
        for _ in range(made.chance.randrange(12)):
            made.change()
        yield made
    finally:
        os.close(fd)
        os.unlink(path)


def ending(fd: int) -> "tuple[int, int]":
    """What may be told where a file ended that is longer or shorter now."""
    size = os.fstat(fd).st_size
    return size - size % 65536, 65536


def read(fd: int) -> bytes:
    return os.pread(fd, os.fstat(fd).st_size, 0)


def assert_none_missed(old: int, new: int) -> "list[tuple[int, int]]":
    found = list(changes_between(old, new))
    assert missed(read(old), read(new), found) == []
    return found


def test_no_history_hides_a_change(folder: Path, mocker: MockerFixture) -> None:
    """And no more is told than what was touched, in blocks."""
    for seed in range(HISTORIES):
        with disk(folder, seed) as made, ExitStack() as stack:
            clones = []
            for number in range(3):
                clones.append(made.clone(f"clone-{number}"))
                stack.callback(os.unlink, folder / f"clone-{number}")
                stack.callback(os.close, clones[-1])
                for _ in range(made.chance.randrange(8)):
                    made.change()
            told = assert_none_missed(clones[-1], made.fd)
            ends = [ending(clones[-1]), ending(made.fd)]
            extra = surplus([*made.touched, *ends], told, BLOCK)
            assert extra == [], seed
            assert_none_missed(clones[0], made.fd)
            assert_none_missed(made.fd, clones[1])
            mocker.patch.object(file_changes, "may_search", return_value=False)
            assert_none_missed(clones[1], clones[2])
            assert_none_missed(clones[0], made.fd)
            mocker.stopall()


def test_clones_of_a_file_that_is_being_written_are_compared_rightly(
    folder: Path,
) -> None:
    """Each snapshot is of some moment; between two nothing is missed."""
    rig = FileRig(ReflinkDriver(), folder)
    volume = rig.make("busy", 8 * MIB)
    ended = threading.Event()

    def write_on() -> None:
        chance = random.Random(3)
        with open(volume.place, "r+b", buffering=0) as file:
            while not ended.is_set():
                at = chance.randrange(2000) * BLOCK
                os.pwrite(file.fileno(), chance.randbytes(6000), at)

    writer = threading.Thread(target=write_on)
    writer.start()
    try:
        refs = [rig.driver.take(volume) for _ in range(40 if LONG else 6)]
    finally:
        ended.set()
        writer.join()
    assert_refs_tell_all(rig, refs)


def assert_refs_tell_all(rig: FileRig, refs: "list[SnapshotRef]") -> None:
    with rig.driver.comparing(refs) as comparing, ExitStack() as stack:
        files = [stack.enter_context(open(each.place, "rb")) for each in refs]
        data = [file.read() for file in files]
        for number in range(1, len(refs)):
            found = list(comparing(refs[number - 1], refs[number]))
            assert missed(data[number - 1], data[number], found) == []


@pytest.mark.parametrize("cloning", ["btrfs", "btrfs-zstd"], indirect=True)
def test_extents_that_move_meanwhile_hide_nothing(folder: Path) -> None:
    """A balance gives all extents other places while maps are read."""
    rig = FileRig(ReflinkDriver(), folder)
    volume = rig.make("moving", 16 * MIB)
    chance = random.Random(8)
    refs = []
    for _ in range(4):
        for _ in range(200):
            at = chance.randrange(4000) * BLOCK
            rig.write(volume, at, chance.randbytes(5000))
        refs.append(rig.driver.take(volume))
    for _ in range(20 if LONG else 1):
        with balancing(folder):
            for _ in range(3):
                assert_refs_tell_all(rig, refs)


@contextmanager
def balancing(folder: Path) -> Iterator[None]:
    words = ["btrfs", "balance", "start", "-d", str(folder.parent)]
    running = subprocess.Popen(
        words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        with suppress(subprocess.TimeoutExpired):
            running.wait(30)
        running.kill()
        running.wait()
