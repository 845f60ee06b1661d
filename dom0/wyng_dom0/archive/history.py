# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A volume's older sessions: segments, grouped in a small tree.

A page holds its newest sessions itself. When it holds SEGMENT_SESSIONS of
them they move into a segment, and GROUP_PARTS parts of one level become a
group of the next, so that a commit rewrites a page of bounded size however
many sessions there are. `Shelf` is where segments and groups come from and
go to.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Iterator, List, Protocol, Sequence, Tuple

from wyng_common.frames import BlobType
from wyng_common.ids import BlobId
from wyng_dom0.archive.fields import Field, Record, make_record
from wyng_dom0.archive.session import (
    Session,
    encode_session,
    parse_session,
)
from wyng_dom0.errors import IntegrityError

SEGMENT_SESSIONS = 16
GROUP_PARTS = 16
_LEVEL_MAX = 8


class Shelf(Protocol):
    """Loads and stores records as blobs."""

    def load(self, blob_type: BlobType, id: BlobId) -> Record:
        """The record of a blob; raises IntegrityError."""

    def store_record(self, blob_type: BlobType, record: Record) -> BlobId:
        """Seal a record as a blob and give its id."""


class Tag(IntEnum):
    """Field tags of segments, groups and of the parts they list."""

    SESSION = 1
    PART = 2
    LEVEL = 3
    CHILD = 4
    COUNT = 5
    FIRST = 6
    LAST = 7


@dataclass(frozen=True)
class Part:
    """A segment (level 0) or a group of parts of the level below.

    `count` sessions with sequences `first` to `last`, not all in use.
    """

    level: int
    id: BlobId
    count: int
    first: int
    last: int


def encode_part(part: Part) -> Record:
    """The part as a record."""
    return Record(
        (
            Field(Tag.LEVEL, part.level),
            Field(Tag.CHILD, part.id),
            Field(Tag.COUNT, part.count),
            Field(Tag.FIRST, part.first),
            Field(Tag.LAST, part.last),
        )
    )


def parse_part(record: Record) -> Part:
    """A part from its record; raises IntegrityError."""
    child = record.child(Tag.CHILD)
    part_level = record.integer(Tag.LEVEL)
    if child is None or not 0 <= part_level <= _LEVEL_MAX:
        raise IntegrityError("a part of a volume's history is malformed")
    return Part(
        part_level,
        child,
        record.integer(Tag.COUNT),
        record.integer(Tag.FIRST),
        record.integer(Tag.LAST),
    )


def store_segment(sessions: Sequence[Session], shelf: Shelf) -> Part:
    """Put sessions, oldest first and at least one, into a segment."""
    fields = [Field(Tag.SESSION, encode_session(each)) for each in sessions]
    id = shelf.store_record(BlobType.SEGMENT, make_record(fields, ()))
    first, last = sessions[0].sequence, sessions[-1].sequence
    return Part(0, id, len(sessions), first, last)


def load_segment(part: Part, shelf: Shelf) -> List[Session]:
    """The sessions of a level-0 part, oldest first."""
    record = shelf.load(BlobType.SEGMENT, part.id)
    return [parse_session(each) for each in record.records(Tag.SESSION)]


def load_group(part: Part, shelf: Shelf) -> List[Part]:
    """The parts of a group, oldest first."""
    record = shelf.load(BlobType.GROUP, part.id)
    parts = [parse_part(each) for each in record.records(Tag.PART)]
    if any(each.level != part.level - 1 for each in parts):
        raise IntegrityError("a group of a volume's history is malformed")
    return parts


def sessions_of(parts: Sequence[Part], shelf: Shelf) -> Iterator[Session]:
    """Every session below some parts, oldest first."""
    for part in parts:
        if part.level == 0:
            yield from load_segment(part, shelf)
        else:
            yield from sessions_of(load_group(part, shelf), shelf)


def append_part(
    parts: Tuple[Part, ...], part: Part, shelf: Shelf
) -> Tuple[Part, ...]:
    """Parts with a newer one behind them, grouped where a level is full."""
    grown = [*parts, part]
    while _same_level_tail(grown) == GROUP_PARTS:
        tail = grown[-GROUP_PARTS:]
        grown[-GROUP_PARTS:] = [_store_group(tail, shelf)]
    return tuple(grown)


def replace_sessions(
    parts: Sequence[Part],
    touched: Sequence[Tuple[int, int]],
    edit: "Edit",
    shelf: Shelf,
) -> Tuple[Part, ...]:
    """Parts after `edit` went over the segments that touch some ranges.

    `touched` are (first, last) sequences; only segments that overlap one
    are read. An edit that gives no sessions drops the segment.
    """
    result: List[Part] = []
    for part in parts:
        if not any(a <= part.last and part.first <= b for a, b in touched):
            result.append(part)
        elif part.level == 0:
            kept = edit(load_segment(part, shelf))
            if kept:
                result.append(store_segment(kept, shelf))
        else:
            below = load_group(part, shelf)
            kept_parts = replace_sessions(below, touched, edit, shelf)
            if kept_parts:
                result.append(_store_group(list(kept_parts), shelf))
    return tuple(_merge_small(result, shelf))


class Edit(Protocol):
    """Gives the sessions that shall stand in place of a segment's."""

    def __call__(self, sessions: List[Session]) -> List[Session]: ...


def _merge_small(parts: List[Part], shelf: Shelf) -> List[Part]:
    """Join neighbouring segments that fit into one."""
    merged: List[Part] = []
    for part in parts:
        before = merged[-1] if merged else None
        if (
            before is not None
            and before.level == part.level == 0
            and before.count + part.count <= SEGMENT_SESSIONS
        ):
            both = load_segment(before, shelf) + load_segment(part, shelf)
            merged[-1] = store_segment(both, shelf)
        else:
            merged.append(part)
    return merged


def _store_group(parts: List[Part], shelf: Shelf) -> Part:
    fields = [Field(Tag.PART, encode_part(each)) for each in parts]
    id = shelf.store_record(BlobType.GROUP, make_record(fields, ()))
    count = sum(each.count for each in parts)
    level = parts[0].level + 1
    return Part(level, id, count, parts[0].first, parts[-1].last)


def _same_level_tail(parts: Sequence[Part]) -> int:
    tail = 0
    for part in reversed(parts):
        if part.level != parts[-1].level:
            break
        tail += 1
    return tail
