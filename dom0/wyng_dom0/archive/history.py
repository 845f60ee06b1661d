# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A volume's older sessions: segments, grouped in a small tree.

A page holds its newest sessions itself. When it holds SEGMENT_SESSIONS of
them they move into a segment, and GROUP_PARTS parts of one level become a
group of the next, so that a commit rewrites a page of bounded size however
many sessions there are. `Shelf` is where segments and groups come from and
go to.
"""

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Iterator, List, Optional, Protocol, Sequence, Tuple

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
    `others` are fields of the part's entry that we don't know.
    """

    level: int
    id: BlobId
    count: int
    first: int
    last: int
    others: Tuple[Field, ...] = ()


@dataclass(frozen=True)
class Segment:
    """What a segment's blob holds: sessions, oldest first."""

    sessions: Tuple[Session, ...]
    others: Tuple[Field, ...] = ()


@dataclass(frozen=True)
class Group:
    """What a group's blob holds: parts of one level, oldest first."""

    parts: Tuple[Part, ...]
    others: Tuple[Field, ...] = ()


def encode_part(part: Part) -> Record:
    """The part as a record."""
    known = (
        Field(Tag.LEVEL, part.level),
        Field(Tag.CHILD, part.id),
        Field(Tag.COUNT, part.count),
        Field(Tag.FIRST, part.first),
        Field(Tag.LAST, part.last),
    )
    return make_record(known, part.others)


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
        record.without(Tag),
    )


def store_segment(segment: Segment, shelf: Shelf) -> Part:
    """Store a segment of at least one session."""
    sessions = segment.sessions
    fields = [Field(Tag.SESSION, encode_session(each)) for each in sessions]
    record = make_record(fields, segment.others)
    id = shelf.store_record(BlobType.SEGMENT, record)
    first, last = sessions[0].sequence, sessions[-1].sequence
    return Part(0, id, len(sessions), first, last)


def load_segment(part: Part, shelf: Shelf) -> Segment:
    """The segment of a level-0 part; raises IntegrityError."""
    record = shelf.load(BlobType.SEGMENT, part.id)
    sessions = [parse_session(each) for each in record.records(Tag.SESSION)]
    return Segment(tuple(sessions), record.without(Tag))


def load_group(part: Part, shelf: Shelf) -> Group:
    """The group of a part of level 1 or more; raises IntegrityError."""
    record = shelf.load(BlobType.GROUP, part.id)
    parts = [parse_part(each) for each in record.records(Tag.PART)]
    if any(each.level != part.level - 1 for each in parts):
        raise IntegrityError("a group of a volume's history is malformed")
    return Group(tuple(parts), record.without(Tag))


def sessions_of(parts: Sequence[Part], shelf: Shelf) -> Iterator[Session]:
    """Every session below some parts, oldest first."""
    for part in parts:
        if part.level == 0:
            yield from load_segment(part, shelf).sessions
        else:
            yield from sessions_of(load_group(part, shelf).parts, shelf)


def append_part(
    parts: Tuple[Part, ...], part: Part, shelf: Shelf
) -> Tuple[Part, ...]:
    """Parts with a newer one behind them, grouped where a level is full."""
    grown = [*parts, part]
    while _same_level_tail(grown) == GROUP_PARTS:
        group = Group(tuple(grown[-GROUP_PARTS:]))
        grown[-GROUP_PARTS:] = [_store_group(group, shelf)]
    return tuple(grown)


def replace_sessions(
    parts: Sequence[Part],
    touched: Sequence[Tuple[int, int]],
    edit: "Edit",
    shelf: Shelf,
) -> Tuple[Part, ...]:
    """Parts after `edit` went over the segments that touch some ranges.

    `touched` are (first, last) sequences; only segments that overlap one
    are read. An edit that gives no sessions drops the segment. Unknown
    fields stay where they were.
    """
    result: List[Part] = []
    for part in parts:
        if not any(a <= part.last and part.first <= b for a, b in touched):
            result.append(part)
            continue
        edited = _edited(part, touched, edit, shelf)
        if edited is not None:
            result.append(replace(edited, others=part.others))
    return tuple(_merge_small(result, shelf))


def _edited(
    part: Part, touched: Sequence[Tuple[int, int]], edit: "Edit", shelf: Shelf
) -> Optional[Part]:
    """What is left of a part, None when nothing is."""
    if part.level == 0:
        segment = load_segment(part, shelf)
        kept = tuple(edit(list(segment.sessions)))
        segment = replace(segment, sessions=kept)
        return store_segment(segment, shelf) if kept else None
    group = load_group(part, shelf)
    parts = replace_sessions(group.parts, touched, edit, shelf)
    group = replace(group, parts=parts)
    return _store_group(group, shelf) if parts else None


class Edit(Protocol):
    """Gives the sessions that shall stand in place of a segment's."""

    def __call__(self, sessions: List[Session]) -> List[Session]: ...


def _merge_small(parts: List[Part], shelf: Shelf) -> List[Part]:
    """Join neighbouring segments that fit into one."""
    merged: List[Part] = []
    for part in parts:
        joined = _joined(merged[-1], part, shelf) if merged else None
        if joined is None:
            merged.append(part)
        else:
            merged[-1] = joined
    return merged


def _joined(before: Part, part: Part, shelf: Shelf) -> Optional[Part]:
    """Two small segments as one; None where that can't be.

    Fields that we don't know may be about the one or the other: segments
    that have some stay as they are.
    """
    if before.level or part.level or before.others or part.others:
        return None
    if before.count + part.count > SEGMENT_SESSIONS:
        return None
    first, second = load_segment(before, shelf), load_segment(part, shelf)
    if first.others or second.others:
        return None
    both = Segment((*first.sessions, *second.sessions))
    return store_segment(both, shelf)


def _store_group(group: Group, shelf: Shelf) -> Part:
    parts = group.parts
    fields = [Field(Tag.PART, encode_part(each)) for each in parts]
    record = make_record(fields, group.others)
    id = shelf.store_record(BlobType.GROUP, record)
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
