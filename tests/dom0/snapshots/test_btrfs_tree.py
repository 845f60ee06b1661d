# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Extent items of btrfs: answers of the kernel taken apart, and real ones."""

import os
import struct
from pathlib import Path

import pytest

from wyng_dom0.snapshots.btrfs_tree import (
    INLINE,
    PREALLOCATED,
    REGULAR,
    BtrfsTree,
    parse_piece,
)
from wyng_dom0.snapshots.driver import CannotTell
from wyng_dom0.snapshots.extent_maps import ENDLESS, Moved, Record, Segment

HEAD = bytes(112)
KIB = 1 << 10


def item(
    offset: int,
    kind: int = REGULAR,
    disk: int = 1 << 30,
    start: int = 0,
    length: int = 4096,
    packing: int = 0,
    encryption: int = 0,
    other: int = 0,
) -> bytes:
    """An item with its header, as on a little-endian machine."""
    body = struct.pack(
        "<QQBBHBQQQQ",
        9,
        length,
        packing,
        encryption,
        other,
        kind,
        disk,
        length,
        start,
        length,
    )
    return header(offset, len(body)) + body


def inline(offset: int, data: bytes) -> bytes:
    body = struct.pack("<QQBBHB", 9, len(data), 0, 0, 0, INLINE) + data
    return header(offset, len(body)) + body


def header(offset: int, length: int, kind: int = 108) -> bytes:
    return struct.pack("=QQQII", 5, 257, offset, kind, length)


def told(*items: bytes, asked: int = 100) -> "tuple[list[Record], int]":
    buffer = HEAD + b"".join(items)
    piece = parse_piece(buffer + bytes(200 * KIB), len(items), asked)
    return list(piece.records), piece.end


@pytest.fixture
def tree(tmp_path: Path) -> BtrfsTree:
    with open(tmp_path / "a", "wb") as file:
        return BtrfsTree(os.dup(file.fileno()))


def segment(tree: BtrfsTree, made: bytes) -> "Segment | None":
    records, _ = told(made)
    known = tree.segment(records[0])
    unknown = known is not None and known.place is None
    assert tree.all_known(records) is not unknown
    return known


def test_item_lies_at_its_disk_address_and_offset(tree: BtrfsTree) -> None:
    made = item(8192, disk=1 << 30, start=65536, length=4096)
    place = (0, (1 << 30) + 65536 - 8192)
    assert segment(tree, made) == Segment(8192, 12288, place)


def test_compressed_item_lies_in_its_extent_at_an_offset(
    tree: BtrfsTree,
) -> None:
    one = segment(tree, item(0, start=0, length=65536, packing=3))
    other = segment(tree, item(0, start=65536, length=65536, packing=3))
    later = segment(tree, item(65536, start=65536, length=65536, packing=3))
    plain = segment(tree, item(0, start=0, length=65536))
    assert one and other and later and plain
    assert one.place == later.place is not None
    assert len({one.place, other.place, plain.place}) == 3


@pytest.mark.parametrize(
    "made",
    [item(0, disk=0, length=1 << 30), item(0, PREALLOCATED)],
    ids=["hole", "preallocated"],
)
def test_hole_and_preallocated_are_zeros(tree: BtrfsTree, made: bytes) -> None:
    assert segment(tree, made) is None


@pytest.mark.parametrize(
    "made",
    [item(4096, kind=3), item(4096, encryption=1), item(4096, other=2)],
    ids=["kind", "encrypted", "otherwise encoded"],
)
def test_item_of_an_unknown_kind_has_no_place(
    tree: BtrfsTree, made: bytes
) -> None:
    assert segment(tree, made) == Segment(4096, 8192, None)


@pytest.mark.parametrize("size", [1, 32, 2000, 4096])
def test_inline_item_has_no_place(tree: BtrfsTree, size: int) -> None:
    """Of 32 bytes it is as long as an item that isn't inline."""
    made = inline(0, b"\xff" * size)
    assert segment(tree, made) == Segment(0, 4096, None)
    records, end = told(made, item(4096), asked=2)
    assert [each[0] for each in records] == [0, 4096] and end == 8192


def test_answer_shorter_than_asked_for_is_the_end() -> None:
    assert told(item(0), item(8192), asked=3)[1] == ENDLESS
    assert told(item(0), item(8192), asked=2)[1] == 12288
    assert told(asked=2) == ([], ENDLESS)


def test_answer_that_fills_its_buffer_is_not_the_end() -> None:
    """Items end early where the next one had no room."""
    buffer = HEAD + item(0) + item(8192) + bytes(60 * KIB)
    assert parse_piece(buffer, 2, 100).end == 12288


@pytest.mark.parametrize(
    "buffer",
    [
        HEAD + header(0, 20) + bytes(100 * KIB),
        HEAD + header(0, 53, kind=84) + bytes(100 * KIB),
        HEAD + header(0, 60) + b"\1" * (100 * KIB),
        HEAD + header(0, 4000),
    ],
    ids=["short", "no extent", "long", "cut off"],
)
def test_item_of_another_form_is_refused(buffer: bytes) -> None:
    with pytest.raises(CannotTell, match="another form"):
        parse_piece(buffer, 1, 100)


def pieces(folder: Path, batch: int) -> "list[int]":
    """Where the extents of a file begin, read in batches."""
    fd = os.open(folder / "a", os.O_RDONLY)
    try:
        tree, at, starts = BtrfsTree(fd, batch), 0, set()
        while at < 1 << 30:
            piece = tree.read(at)
            starts |= {record[0] for record in piece.records}
            tree.pass_to(piece.end, piece)
            at = piece.end
        return sorted(starts)
    finally:
        os.close(fd)


@pytest.fixture
def spread(folder: Path) -> Path:
    """A file of 50 extents with holes between."""
    with open(folder / "a", "w+b", buffering=0) as file:
        for number in range(50):
            os.pwrite(file.fileno(), os.urandom(8192), number * 65536)
        os.fsync(file.fileno())
    return folder


BTRFS = pytest.mark.parametrize("cloning", ["btrfs"], indirect=True)


@BTRFS
@pytest.mark.parametrize("batch", [2, 3, 10, 50, 51, 2048])
def test_every_extent_is_met_in_batches(spread: Path, batch: int) -> None:
    assert pieces(spread, batch) == list(range(0, 50 * 65536, 65536))


@BTRFS
def test_extent_that_holds_the_position_is_found_again(spread: Path) -> None:
    with open(spread / "a", "rb") as file:
        tree = BtrfsTree(file.fileno(), 4)
        piece = tree.read(0)
        tree.pass_to(3 * 65536 + 4096, piece)
        assert tree.read(3 * 65536 + 4096).records[0][0] == 3 * 65536
        fresh = BtrfsTree(file.fileno(), 4)
        fresh.find(40 * 65536 + 4096)
        assert fresh.read(40 * 65536 + 4096).records[0][0] == 40 * 65536


@BTRFS
def test_extent_that_went_from_where_it_was_is_noticed(spread: Path) -> None:
    with open(spread / "a", "r+b", buffering=0) as file:
        tree = BtrfsTree(file.fileno(), 4)
        piece = tree.read(0)
        tree.pass_to(3 * 65536 + 4096, piece)
        os.pwrite(file.fileno(), b"x" * 8192, 3 * 65536)
        os.fsync(file.fileno())
        with pytest.raises(Moved):
            tree.read(3 * 65536 + 4096)
        tree.find(3 * 65536 + 4096)
        assert tree.read(3 * 65536 + 4096).records[0][0] == 3 * 65536
