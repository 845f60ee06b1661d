# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What is known to make changes of a file be missed, on real file systems.

Each test is about one protection and fails without it. Some also show that
the trap is there: that without the protection the change is not seen.
"""

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from driver_rig import missed
from file_rigs import FICLONE, punch_hole
from wyng_dom0.snapshots import fiemap, file_changes
from wyng_dom0.snapshots.btrfs_tree import BtrfsTree
from wyng_dom0.snapshots.extent_maps import (
    ExtentMap,
    Record,
    Segment,
    changed_ranges,
)
from wyng_dom0.snapshots.fiemap import Fiemap
from wyng_dom0.snapshots.file_changes import changes_between
from wyng_dom0.snapshots.snapshot import Range

KIB = 1 << 10
MIB = 1 << 20
FICLONERANGE = 0x4020940D
COMPRESSING = pytest.mark.parametrize("cloning", ["btrfs-zstd"], indirect=True)
PLAIN = pytest.mark.parametrize("cloning", ["btrfs", "xfs"], indirect=True)


@pytest.fixture
def disk(folder: Path) -> Iterator["tuple[int, int]"]:
    """A file of 4 MiB, on the disk, and its clone."""
    with ExitStack() as stack:
        fd = stack.enter_context(open_new(folder / "disk", os.urandom(4 * MIB)))
        clone = stack.enter_context(open_new(folder / "clone"))
        fcntl.ioctl(clone, FICLONE, fd)
        yield fd, clone


@contextmanager
def open_new(path: Path, data: bytes = b"") -> Iterator[int]:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.pwrite(fd, data, 0)
        os.fsync(fd)
        yield fd
    finally:
        os.close(fd)


def by_maps(old: ExtentMap, new: ExtentMap, size: int) -> list[Range]:
    return list(changed_ranges(old, new, size, size))


def read(fd: int) -> bytes:
    return os.pread(fd, os.fstat(fd).st_size, 0)


def force_fiemap(mocker: MockerFixture) -> None:
    """As where this process may not search btrfs' tree."""
    mocker.patch.object(file_changes, "may_search", return_value=False)


def test_dirty_pages_are_written_out_before_the_tree_is_read(
    disk: "tuple[int, int]",
) -> None:
    fd, clone = disk
    os.pwrite(fd, b"dirty" * 1000, MIB)
    found = list(changes_between(clone, fd))
    assert missed(read(clone), read(fd), found) == []


def test_fiemap_writes_out_dirty_pages(disk: "tuple[int, int]") -> None:
    fd, clone = disk
    os.pwrite(fd, b"dirty" * 1000, MIB)
    unsynced = by_maps(Fiemap(clone, flags=0), Fiemap(fd, flags=0), 4 * MIB)
    assert missed(read(clone), read(fd), unsynced), "this is no trap any more"
    found = by_maps(Fiemap(clone), Fiemap(fd), 4 * MIB)
    assert missed(read(clone), read(fd), found) == []


def test_place_of_a_deleted_file_holds_other_bytes(
    folder: Path, kind: str
) -> None:
    """A map that outlives its snapshot tells of bytes that are gone.

    Only XFS gives the same blocks out at once.
    """
    with open_new(folder / "old", b"a" * MIB) as fd:
        saved = Fiemap(fd).read(0)
    os.unlink(folder / "old")
    again = 0
    for number in range(40):
        with open_new(folder / f"new-{number}", b"b" * MIB) as fd:
            again += Fiemap(fd).read(0) == saved
    assert again or kind != "xfs"


def compressed(fd: int) -> bool:
    records = Fiemap(fd).read(0).records
    return bool(records) and all(each[3] & fiemap.ENCODED for each in records)


@pytest.fixture
def shifted(folder: Path) -> Iterator["tuple[int, int]"]:
    """Two files of one compressed extent: all of it, and twice its end."""
    text = b"".join(b"line %9d\n" % number for number in range(16384))
    with ExitStack() as stack:
        fd = stack.enter_context(open_new(folder / "a", text[: 128 * KIB]))
        other = stack.enter_context(open_new(folder / "b"))
        fcntl.ioctl(other, FICLONE, fd)
        part = struct.pack("=qQQQ", fd, 64 * KIB, 64 * KIB, 0)
        fcntl.ioctl(other, FICLONERANGE, part)
        os.fsync(other)
        assert compressed(fd) and compressed(other)
        yield fd, other


class WhereTheyBegin(Fiemap):
    """FIEMAP taken at its word: compressed extents have a place too."""

    def segment(self, record: Record) -> "Segment | None":
        return super().segment((*record[:3], record[3] & ~fiemap.ENCODED))

    def all_known(self, records: object) -> bool:
        return True


@COMPRESSING
def test_other_part_of_a_compressed_extent_is_a_change(
    shifted: "tuple[int, int]",
) -> None:
    one, other = shifted
    found = list(changes_between(one, other))
    assert missed(read(one), read(other), found) == []
    assert found == [(0, 64 * KIB)]


@COMPRESSING
def test_fiemap_counts_compressed_extents_as_changed(
    shifted: "tuple[int, int]", mocker: MockerFixture
) -> None:
    one, other = shifted
    blind = by_maps(WhereTheyBegin(one), WhereTheyBegin(other), 128 * KIB)
    assert missed(read(one), read(other), blind), "this is no trap any more"
    force_fiemap(mocker)
    found = list(changes_between(one, other))
    assert missed(read(one), read(other), found) == []


def assert_told_alone(folder: Path) -> None:
    """A write splits an extent, and only the write is told, both ways."""
    with ExitStack() as stack:
        data = os.urandom(16 * MIB)
        fd = stack.enter_context(open_new(folder / "large", data))
        clone = stack.enter_context(open_new(folder / "clone"))
        fcntl.ioctl(clone, FICLONE, fd)
        os.pwrite(fd, b"x" * 4096, 5 * MIB)
        assert list(changes_between(clone, fd)) == [(5 * MIB, 4096)]
        assert list(changes_between(fd, clone)) == [(5 * MIB, 4096)]


def test_small_write_into_a_large_extent_tells_itself_alone(
    folder: Path,
) -> None:
    assert_told_alone(folder)


@PLAIN
def test_fiemap_tells_a_small_write_alone(
    folder: Path, mocker: MockerFixture
) -> None:
    force_fiemap(mocker)
    assert_told_alone(folder)


def test_punched_hole_is_a_change(disk: "tuple[int, int]") -> None:
    fd, clone = disk
    punch_hole(fd, MIB, 64 * KIB)
    assert list(changes_between(clone, fd)) == [(MIB, 64 * KIB)]
    assert list(changes_between(fd, clone)) == [(MIB, 64 * KIB)]


@pytest.mark.parametrize("by_fiemap", [False, True])
def test_hole_and_preallocated_are_both_zeros(
    folder: Path, mocker: MockerFixture, by_fiemap: bool
) -> None:
    if by_fiemap:
        force_fiemap(mocker)
    with ExitStack() as stack:
        holes = stack.enter_context(open_new(folder / "holes"))
        allocated = stack.enter_context(open_new(folder / "allocated"))
        os.truncate(holes, 8 * MIB)
        os.posix_fallocate(allocated, 0, 8 * MIB)
        assert list(changes_between(holes, allocated)) == []
        assert list(changes_between(allocated, holes)) == []
        os.pwrite(allocated, b"data", 4 * MIB)
        assert list(changes_between(holes, allocated)) == [(4 * MIB, 4096)]


def test_inline_data_counts_as_changed(folder: Path) -> None:
    """Small files lie inside of the tree, at no place of their own."""
    with ExitStack() as stack:
        one = stack.enter_context(open_new(folder / "one", b"small"))
        other = stack.enter_context(open_new(folder / "other", b"SMALL"))
        found = list(changes_between(one, other))
        assert missed(b"small", b"SMALL", found) == []
        assert found and found[0][0] == 0


def test_rewriting_in_place_is_seen_where_nothing_is_copied_on_write(
    folder: Path, kind: str
) -> None:
    """A clone makes even such a file be copied on write."""
    with ExitStack() as stack:
        fd = stack.enter_context(open_new(folder / "disk"))
        clone = stack.enter_context(open_new(folder / "clone"))
        if kind != "xfs":
            for each in (fd, clone):
                fcntl.ioctl(each, 0x40086602, struct.pack("=l", 0x00800000))
        os.pwrite(fd, os.urandom(MIB), 0)
        fcntl.ioctl(clone, FICLONE, fd)
        for at in (0, 128 * KIB, 900 * KIB):
            os.pwrite(fd, b"in place?", at)
        found = list(changes_between(clone, fd))
        assert missed(read(clone), read(fd), found) == []
        assert sum(length for _, length in found) == 3 * 4096


def test_small_batches_tell_the_same(folder: Path, kind: str) -> None:
    """Pieces that end within extents of the other file, in both ways."""
    with ExitStack() as stack:
        fd = stack.enter_context(open_new(folder / "disk"))
        clone = stack.enter_context(open_new(folder / "clone"))
        for at in range(0, 8 * MIB, 40 * KIB):
            os.pwrite(fd, os.urandom(20 * KIB), at)
        fcntl.ioctl(clone, FICLONE, fd)
        for at in range(0, 8 * MIB, 97 * KIB):
            os.pwrite(fd, os.urandom(6000), at)
            punch_hole(fd, at + 30 * KIB, 9000)
        expected = list(changes_between(clone, fd))
        assert missed(read(clone), read(fd), expected) == []
        kinds: list[type[Fiemap] | type[BtrfsTree]] = []
        kinds += [Fiemap] if kind != "btrfs-zstd" else []
        kinds += [BtrfsTree] if kind != "xfs" else []
        for each in kinds:
            for batch in (2, 3, 7):
                maps = each(clone, batch), each(fd, batch)
                assert by_maps(*maps, 8 * MIB) == expected
