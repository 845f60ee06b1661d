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

    def load_all(
        self, blob_type: BlobType, ids: Sequence[BlobId]
    ) -> Iterator[Record]:
        """The records of some blobs, in order; raises IntegrityError.

        They are asked for together: a store may be far away.
        """

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


def load_segments(parts: Sequence[Part], shelf: Shelf) -> Iterator[Segment]:
    """The segments of level-0 parts, in order; raises IntegrityError."""
    ids = [part.id for part in parts]
    for record in shelf.load_all(BlobType.SEGMENT, ids):
        sessions = [parse_session(each) for each in record.records(Tag.SESSION)]
        yield Segment(tuple(sessions), record.without(Tag))


def load_groups(parts: Sequence[Part], shelf: Shelf) -> Iterator[Group]:
    """The groups of parts of level 1 or more; raises IntegrityError."""
    records = shelf.load_all(BlobType.GROUP, [part.id for part in parts])
    for part, record in zip(parts, records, strict=True):
        below = [parse_part(each) for each in record.records(Tag.PART)]
        if any(each.level != part.level - 1 for each in below):
            raise IntegrityError("a group of a volume's history is malformed")
        yield Group(tuple(below), record.without(Tag))


def sessions_of(parts: Sequence[Part], shelf: Shelf) -> List[Session]:
    """Every session below some parts, oldest first."""
    (found,) = sessions_of_each([parts], shelf)
    return found


def sessions_of_each(
    histories: Sequence[Sequence[Part]], shelf: Shelf
) -> List[List[Session]]:
    """The sessions below the parts of each of some volumes, oldest first.

    Read level by level for all together: as many rounds of questions as there
    are levels, however many sessions and volumes.
    """
    owned = [(n, part) for n, parts in enumerate(histories) for part in parts]
    while groups := [part for _, part in owned if part.level]:
        below = load_groups(groups, shelf)
        owned = [
            (n, each)
            for n, part in owned
            for each in (next(below).parts if part.level else (part,))
        ]
    found: List[List[Session]] = [[] for _ in histories]
    segments = load_segments([part for _, part in owned], shelf)
    for (n, _), segment in zip(owned, segments, strict=True):
        found[n].extend(segment.sessions)
    return found


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
    found = [part for part in parts if _overlaps(part, touched)]
    segments = load_segments([part for part in found if not part.level], shelf)
    groups = load_groups([part for part in found if part.level], shelf)
    result: List[Part] = []
    for part in parts:
        if not _overlaps(part, touched):
            result.append(part)
            continue
        if part.level:
            edited = _edited_group(next(groups), touched, edit, shelf)
        else:
            edited = _edited_segment(next(segments), edit, shelf)
        if edited is not None:
            result.append(replace(edited, others=part.others))
    return tuple(_merge_small(result, shelf))


def _overlaps(part: Part, touched: Sequence[Tuple[int, int]]) -> bool:
    return any(a <= part.last and part.first <= b for a, b in touched)


def _edited_segment(
    segment: Segment, edit: "Edit", shelf: Shelf
) -> Optional[Part]:
    """What is left of a segment, None when nothing is."""
    kept = tuple(edit(list(segment.sessions)))
    segment = replace(segment, sessions=kept)
    return store_segment(segment, shelf) if kept else None


def _edited_group(
    group: Group,
    touched: Sequence[Tuple[int, int]],
    edit: "Edit",
    shelf: Shelf,
) -> Optional[Part]:
    """What is left of a group, None when nothing is."""
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
    first, second = load_segments([before, part], shelf)
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
