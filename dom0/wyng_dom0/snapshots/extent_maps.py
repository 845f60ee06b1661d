# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What differs between two files of one file system, by where their bytes lie.

Owns the comparison of two extent maps, whoever reads them; it reads no data
and calls nothing of the system. Both files must never be written while they
exist, and both must exist: then the same place holds the same bytes, whatever
became of the volume they were cloned from.

A map is read in pieces, and each piece of both files twice, A, B, A, B.
What was the same both times was so at one moment, between the reads, and
files that are never written keep for good what was equal at one moment. So
memory is bounded by the pieces, and what was moved meanwhile (balance,
defragmentation) costs reading that piece again and nothing else.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from wyng_dom0.snapshots.driver import CannotTell
from wyng_dom0.snapshots.snapshot import Range

ENDLESS = 1 << 64
TRIES = 8
# No file system compared has larger blocks: the end of a file lies in one.
LARGEST_BLOCK = 64 << 10

# As the system gave it; records that are equal mean equal extents.
Record = tuple[Any, ...]
# Where bytes lie, without where in the file: pieces of one extent that are
# cut differently have the same place. None: not known, equal to nothing.
Place = tuple[int, int]


class Moved(Exception):
    """What was read of a map before is no longer there; find it again."""


@dataclass(frozen=True)
class Segment:
    """Bytes `start` to `end` of a file, which lie at `place`.

    What reads as zeros, be it hole or preallocated, is no segment.
    """

    start: int
    end: int
    place: "Place | None"


@dataclass(frozen=True)
class Piece:
    """Some of a map's records, ascending; all there are up to `end`."""

    records: Sequence[Record]
    end: int


class ExtentMap(Protocol):
    """The extents of an open file, read from a position on."""

    def read(self, at: int) -> Piece:
        """Extents from `at` on, the one that holds `at` first if any does.

        Goes beyond `at` whatever the map is like. Raises Moved when its own
        memory of where things are doesn't hold; then `find` helps.
        """

    def pass_to(self, at: int, piece: Piece) -> None:
        """From now on `at` or more is read; `piece` was read last."""

    def find(self, at: int) -> None:
        """Forget what is remembered; be able to read from `at`."""

    def segment(self, record: Record) -> "Segment | None":
        """What a record says; None for zeros."""

    def all_known(self, records: Sequence[Record]) -> bool:
        """True when no record has a place that is not known; fast."""


def changed_ranges(
    old: ExtentMap, new: ExtentMap, old_size: int, new_size: int
) -> Iterator[Range]:
    """Ranges in which two files may differ, ascending, disjoint, not adjacent.

    Beyond its end a file counts as zeros. Raises CannotTell when the maps
    don't hold still.
    """
    size = max(old_size, new_size)
    found = _compare(old, new, size)
    if old_size != new_size:
        # Bytes behind the end of a file within its last block.
        end = min(old_size, new_size)
        start = end - end % LARGEST_BLOCK
        found = _with(found, (start, min(start + LARGEST_BLOCK, size)))
    for start, end in _joined(found):
        yield start, end - start


def _compare(
    old: ExtentMap, new: ExtentMap, size: int
) -> Iterator[tuple[int, int]]:
    at = 0
    while at < size:
        before, after = _read_still(old, new, at)
        end = min(before.end, after.end, size)
        if end <= at:
            raise CannotTell("an extent map makes no progress")
        yield from _differing(
            *_unlike(old, before.records, new, after.records), at, end
        )
        old.pass_to(end, before)
        new.pass_to(end, after)
        at = end


def _read_still(old: ExtentMap, new: ExtentMap, at: int) -> tuple[Piece, Piece]:
    """A piece of each, both as they were at one moment."""
    for _ in range(TRIES):
        try:
            before, after = old.read(at), new.read(at)
            again = old.read(at), new.read(at)
        except Moved:
            old.find(at)
            new.find(at)
            continue
        if _same(old, before, again[0]) and _same(new, after, again[1]):
            return before, after
    raise CannotTell("the file system keeps moving the extents of a snapshot")


def _same(extents: ExtentMap, one: Piece, other: Piece) -> bool:
    """True when two readings of a piece say the same.

    Flags that say who else uses an extent may come and go, and cut extents
    in other pieces: only where bytes lie counts.
    """
    if one == other:
        return True
    if one.end != other.end:
        return False
    return _simple(extents, one.records) == _simple(extents, other.records)


def _simple(extents: ExtentMap, records: Iterable[Record]) -> list[Segment]:
    """Segments, those joined that lie at one place one after the other."""
    simple: list[Segment] = []
    for segment in _segments(extents, records):
        last = simple[-1] if simple else None
        if last and last.end == segment.start and last.place == segment.place:
            simple[-1] = Segment(last.start, segment.end, segment.place)
        else:
            simple.append(segment)
    return simple


def _segments(
    extents: ExtentMap, records: Iterable[Record]
) -> Iterator[Segment]:
    for record in records:
        segment = extents.segment(record)
        if segment is not None:
            yield segment


def _unlike(
    old: ExtentMap,
    before: Sequence[Record],
    new: ExtentMap,
    after: Sequence[Record],
) -> tuple[list[Segment], list[Segment]]:
    """The segments of each whose record is not among the other's.

    Extents of a file don't overlap, so whatever lies in the range of such a
    record on the other side is among the other's unlike ones or is zeros.
    """
    common = frozenset(before).intersection(after)
    if not old.all_known(before) or not new.all_known(after):
        common = frozenset()
    return (
        list(_segments(old, (r for r in before if r not in common))),
        list(_segments(new, (r for r in after if r not in common))),
    )


def _differing(
    old: Sequence[Segment], new: Sequence[Segment], at: int, end: int
) -> Iterator[tuple[int, int]]:
    """(start, end) within `at` to `end` where the places are not the same."""
    ours, theirs = iter(old), iter(new)
    one, other = next(ours, None), next(theirs, None)
    while at < end and (one or other):
        if one and one.end <= at:
            one = next(ours, None)
            continue
        if other and other.end <= at:
            other = next(theirs, None)
            continue
        stop = min(_next_edge(one, at), _next_edge(other, at), end)
        if not _equal(_place(one, at), _place(other, at)):
            yield at, stop
        at = stop


ZEROS: Place = (-1, 0)


def _place(segment: "Segment | None", at: int) -> "Place | None":
    if segment is None or segment.start > at:
        return ZEROS
    return segment.place


def _next_edge(segment: "Segment | None", at: int) -> int:
    if segment is None:
        return ENDLESS
    return segment.start if segment.start > at else segment.end


def _equal(one: "Place | None", other: "Place | None") -> bool:
    return one is not None and one == other


def _with(
    ranges: Iterator[tuple[int, int]], extra: tuple[int, int]
) -> Iterator[tuple[int, int]]:
    """One more range, where it belongs by its start."""
    waiting = True
    for each in ranges:
        if waiting and extra[0] <= each[0]:
            waiting = False
            yield extra
        yield each
    if waiting:
        yield extra


def _joined(
    ranges: Iterable[tuple[int, int]],
) -> Iterator[tuple[int, int]]:
    """Ranges that touch or overlap as one."""
    current: "tuple[int, int] | None" = None
    for start, end in ranges:
        if current is not None and start <= current[1]:
            current = current[0], max(current[1], end)
            continue
        if current is not None:
            yield current
        current = start, end
    if current is not None and current[0] < current[1]:
        yield current
