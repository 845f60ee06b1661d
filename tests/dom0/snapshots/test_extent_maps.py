# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The comparison of two maps against byte by byte, with maps made up."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wyng_dom0.snapshots.driver import CannotTell
from wyng_dom0.snapshots.extent_maps import (
    ENDLESS,
    LARGEST_BLOCK,
    Moved,
    Piece,
    Record,
    Segment,
    changed_ranges,
)

BLOCK = 16
UNKNOWN = -1


@dataclass
class MadeUp:
    """A map given as a list; records are (start, end, disk or UNKNOWN)."""

    records: list[Record]
    batch: int = 3
    reads: int = 0
    passed: list[int] = field(default_factory=list)
    # Called before each reading with its number.
    meanwhile: Callable[["MadeUp"], None] = lambda _: None

    def read(self, at: int) -> Piece:
        self.reads += 1
        self.meanwhile(self)
        following = [each for each in self.records if each[1] > at]
        some = following[: self.batch]
        if len(some) < self.batch:
            return Piece(some, ENDLESS)
        return Piece(some, some[-1][1])

    def pass_to(self, at: int, piece: Piece) -> None:
        self.passed.append(at)

    def find(self, at: int) -> None:
        self.passed.append(at)

    def segment(self, record: Record) -> "Segment | None":
        start, end, disk = record
        if disk == UNKNOWN:
            return Segment(start, end, None)
        return Segment(start, end, (0, disk - start))

    def all_known(self, records: Sequence[Record]) -> bool:
        return all(record[2] != UNKNOWN for record in records)


# For each block of a file: a hole, an unknown place, or one of few places.
Blocks = list[int]
HOLE = -2
blocks = st.lists(st.sampled_from([HOLE, UNKNOWN, *range(12)]), max_size=40)
likeness = st.lists(st.booleans(), min_size=40, max_size=40)


def records_of(places: Blocks, cuts: Sequence[bool]) -> list[Record]:
    """Records of the blocks; neighbours are joined except at cuts."""
    records: list[Any] = []
    for number, place in enumerate(places):
        start = number * BLOCK
        disk = place * BLOCK if place >= 0 else place
        if place == HOLE:
            continue
        last = records[-1] if records else (0, -1, 0)
        follows = last[1] == start and not cuts[number % len(cuts)]
        if follows and place >= 0 and last[2] >= 0:
            if last[2] + last[1] - last[0] == disk:
                records[-1] = (last[0], start + BLOCK, last[2])
                continue
        records.append((start, start + BLOCK, disk))
    return records


def told(
    old: list[Record], new: list[Record], size: int, batch: int
) -> set[int]:
    found = changed_ranges(MadeUp(old, batch), MadeUp(new, batch), size, size)
    said: set[int] = set()
    last = -1
    for offset, length in found:
        assert offset > last and length > 0
        last = offset + length
        assert offset % BLOCK == length % BLOCK == 0
        said |= set(range(offset // BLOCK, last // BLOCK))
    return said


@settings(max_examples=400, deadline=None)
@given(blocks, blocks, likeness, likeness, likeness, st.integers(2, 5))
def test_exactly_the_blocks_that_lie_elsewhere_are_told(
    one: Blocks,
    other: Blocks,
    alike: list[bool],
    cuts: list[bool],
    more_cuts: list[bool],
    batch: int,
) -> None:
    count = max(len(one), len(other))
    old = (one + [HOLE] * count)[:count]
    new = (other + [HOLE] * count)[:count]
    new = [
        a if same else b for a, b, same in zip(old, new, alike, strict=False)
    ]
    said = told(
        records_of(old, cuts), records_of(new, more_cuts), count * BLOCK, batch
    )
    assert said == {
        number
        for number, (a, b) in enumerate(zip(old, new, strict=True))
        if a != b or a == UNKNOWN
    }


def test_what_is_unknown_in_both_is_told() -> None:
    unknown = [(0, 64, UNKNOWN)]
    assert told(unknown, list(unknown), 128, 3) == {0, 1, 2, 3}


def test_write_in_the_middle_tells_only_itself() -> None:
    whole = [(0, 1000 * BLOCK, 0)]
    split = [
        (0, 500 * BLOCK, 0),
        (500 * BLOCK, 501 * BLOCK, 9000 * BLOCK),
        (501 * BLOCK, 1000 * BLOCK, 501 * BLOCK),
    ]
    assert told(whole, split, 1000 * BLOCK, 3) == {500}


def moving_back_and_forth(reads: int) -> Callable[[MadeUp], None]:
    """Another map at each reading, for that many readings."""

    def move(made: MadeUp) -> None:
        if made.reads <= reads:
            made.records = [(0, 64, 640 * made.reads)]

    return move


def test_map_that_moved_between_readings_is_read_again() -> None:
    """At its first reading the old map says that nothing changed."""
    new = MadeUp([(0, 64, 640)])
    old = MadeUp([], meanwhile=moving_back_and_forth(2))
    assert list(changed_ranges(old, new, 64, 64)) == [(0, 64)]
    assert old.reads == 4


def test_new_map_that_moved_is_read_again() -> None:
    old = MadeUp([(0, 64, 640)])
    new = MadeUp([], meanwhile=moving_back_and_forth(2))
    assert list(changed_ranges(old, new, 64, 64)) == [(0, 64)]
    assert new.reads == 4


def test_map_that_never_holds_still_tells_nothing() -> None:
    old = MadeUp([], meanwhile=moving_back_and_forth(1 << 30))
    with pytest.raises(CannotTell, match="keeps moving"):
        list(changed_ranges(old, MadeUp([(0, 64, 640)]), 64, 64))
    assert old.reads < 100


def test_extents_cut_elsewhere_between_readings_are_the_same() -> None:
    def cut(made: MadeUp) -> None:
        if made.reads == 2:
            made.records = [(0, 32, 640), (32, 64, 672)]

    old = MadeUp([(0, 64, 640)], meanwhile=cut)
    assert list(changed_ranges(old, MadeUp([(0, 64, 640)]), 64, 64)) == []
    assert old.reads == 2


def test_place_that_is_lost_is_found_again() -> None:
    records = [(at, at + BLOCK, at) for at in range(0, 320, BLOCK)]

    def lose(made: MadeUp) -> None:
        if made.reads == 3:
            raise Moved

    old = MadeUp(records, meanwhile=lose)
    new = MadeUp([*records[:-1], (304, 320, 9999)])
    assert list(changed_ranges(old, new, 320, 320)) == [(304, BLOCK)]
    assert old.passed.count(48) == new.passed.count(48) == 2


def test_map_without_progress_is_no_endless_loop() -> None:
    class Stuck(MadeUp):
        def read(self, at: int) -> Piece:
            return Piece([(0, BLOCK, 0)], BLOCK)

    with pytest.raises(CannotTell, match="no progress"):
        list(changed_ranges(Stuck([]), Stuck([]), 64, 64))


@pytest.mark.parametrize("sizes", [(70_000, 70_001), (70_001, 70_000)])
def test_block_in_which_a_file_ends_counts_as_changed(
    sizes: "tuple[int, int]",
) -> None:
    records = [(0, 131_072, 0)]
    found = list(changed_ranges(MadeUp(records), MadeUp(records), *sizes))
    assert found == [(LARGEST_BLOCK, 70_001 - LARGEST_BLOCK)]


def test_end_joins_the_changes_around_it() -> None:
    old, new = [(0, 8192, 0)], [(0, 4096, 0), (4096, 262_144, 999_999)]
    found = list(changed_ranges(MadeUp(old), MadeUp(new), 8192, 262_144))
    assert found == [(0, 262_144)]


def test_nothing_is_kept_of_what_was_passed() -> None:
    """Maps are read in order, each piece twice, none more often."""
    records = [(at * 32, at * 32 + 16, at * 32) for at in range(300)]
    old, new = MadeUp(records, 10), MadeUp(records, 10)
    assert list(changed_ranges(old, new, 9600, 9600)) == []
    assert old.reads == new.reads == 2 * 31
    assert old.passed == sorted(set(old.passed))
