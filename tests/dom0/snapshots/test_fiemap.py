# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""FIEMAP's answers: what they say, and what they don't."""

import os
import struct
from pathlib import Path

import pytest

from wyng_dom0.snapshots import fiemap
from wyng_dom0.snapshots.extent_maps import ENDLESS, Segment
from wyng_dom0.snapshots.fiemap import Fiemap, all_extents, parse_piece

HARMLESS = (
    0,
    fiemap.LAST,
    fiemap.MERGED,
    fiemap.SHARED,
    fiemap.SHARED | fiemap.MERGED | fiemap.LAST,
)
ZEROS = (fiemap.UNWRITTEN, fiemap.UNWRITTEN | fiemap.SHARED)
UNKNOWN = [
    1 << bit
    for bit in range(32)
    if not 1 << bit
    & (fiemap.LAST | fiemap.MERGED | fiemap.SHARED | fiemap.UNWRITTEN)
]


@pytest.fixture
def extents(tmp_path: Path) -> Fiemap:
    with open(tmp_path / "a", "wb") as file:
        return Fiemap(os.dup(file.fileno()))


@pytest.mark.parametrize("flags", HARMLESS)
def test_extent_lies_where_it_is_said(extents: Fiemap, flags: int) -> None:
    record = (4096, 1 << 40, 8192, flags)
    assert extents.segment(record) == Segment(
        4096, 12288, (0, (1 << 40) - 4096)
    )
    assert extents.all_known([record])


@pytest.mark.parametrize("flags", ZEROS)
def test_unwritten_extent_is_zeros(extents: Fiemap, flags: int) -> None:
    assert extents.segment((4096, 1 << 40, 8192, flags)) is None
    assert extents.all_known([(4096, 1 << 40, 8192, flags)])


@pytest.mark.parametrize("flags", UNKNOWN)
def test_extent_that_is_anything_else_has_no_place(
    extents: Fiemap, flags: int
) -> None:
    """Inline, encoded, delayed, encrypted, unaligned, or not invented yet."""
    for more in (0, fiemap.SHARED, fiemap.UNWRITTEN):
        record = (4096, 1 << 40, 8192, flags | more)
        assert extents.segment(record) == Segment(4096, 12288, None)
        assert not extents.all_known([(0, 0, 4096, 0), record])


def answer(room: int, *records: "tuple[int, int, int, int]") -> bytes:
    """As the kernel leaves it."""
    head = struct.pack("=QQIIII", 0, 1 << 63, 1, len(records), room, 0)
    extents = b"".join(
        struct.pack("=QQQQQIIII", at, disk, size, 7, 7, flags, 7, 7, 7)
        for at, disk, size, flags in records
    )
    return head + extents.ljust(room * 56, b"\xee")


def test_answer_is_read_as_the_kernel_writes_it() -> None:
    record = (4096, 1 << 40, 8192, fiemap.SHARED)
    piece = parse_piece(answer(3, record))
    assert piece.records == [record] and piece.end == ENDLESS


def test_full_answer_goes_as_far_as_its_last_extent() -> None:
    """Even when that one is said to be the last: more is asked then."""
    last = (65536, 1 << 40, 8192, fiemap.LAST)
    piece = parse_piece(answer(2, (0, 1 << 41, 4096, 0), last))
    assert len(piece.records) == 2 and piece.end == 73728


def test_file_without_extents_ends_at_once() -> None:
    assert parse_piece(answer(4)).records == []
    assert parse_piece(answer(4)).end == ENDLESS


def test_all_extents_are_told_once_in_batches(folder: Path) -> None:
    with open(folder / "a", "w+b", buffering=0) as file:
        for number in range(50):
            os.pwrite(file.fileno(), b"data", number * 65536)
        whole = list(all_extents(file.fileno()))
        starts = [each[0] for each in whole]
        assert set(starts) >= set(range(0, 50 * 65536, 65536))
        assert starts == sorted(set(starts))
        for batch in (1, 2, 7, 50):
            assert list(all_extents(file.fileno(), batch)) == whole
