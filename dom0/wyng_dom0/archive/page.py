# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A page: a volume's name, description, dedup domain and sessions."""

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Iterable, List, Optional, Tuple

from wyng_common.errors import FormatError
from wyng_common.ids import FixedBytes
from wyng_dom0.archive.fields import Field, Record, make_record
from wyng_dom0.archive.history import (
    SEGMENT_SESSIONS,
    Part,
    Segment,
    Shelf,
    append_part,
    encode_part,
    parse_part,
    replace_sessions,
    sessions_of,
    store_segment,
)
from wyng_dom0.archive.session import Session, encode_session, parse_session
from wyng_dom0.errors import IntegrityError
from wyng_dom0.seal.keys import DomainId


class VolumeId(FixedBytes):
    """Random; names are only under the seal."""

    SIZE = 16


class Tag(IntEnum):
    """Field tags of a page's record."""

    VOLUME = 1
    NAME = 2
    DESCRIPTION = 3
    DOMAIN = 4
    NEXT_SEQUENCE = 5
    PART = 6
    SESSION = 7


@dataclass(frozen=True)
class Page:
    """A volume. `recent` are its newest sessions, `parts` the older ones."""

    volume: VolumeId
    name: str
    domain: DomainId
    description: str = ""
    next_sequence: int = 1
    parts: Tuple[Part, ...] = ()
    recent: Tuple[Session, ...] = ()
    others: Tuple[Field, ...] = ()

    @property
    def session_count(self) -> int:
        """How many sessions the volume has."""
        return len(self.recent) + sum(part.count for part in self.parts)

    @property
    def newest(self) -> Optional[Session]:
        """The newest session, or None before the first."""
        return self.recent[-1] if self.recent else None

    def sessions(self, shelf: Shelf) -> List[Session]:
        """Every session, oldest first; reads the history."""
        return [*sessions_of(self.parts, shelf), *self.recent]

    def with_session(self, session: Session, shelf: Shelf) -> "Page":
        """The page with a newer session, whose sequence it gives."""
        session = replace(session, sequence=self.next_sequence)
        page = self
        if len(self.recent) >= SEGMENT_SESSIONS:
            segment = store_segment(Segment(self.recent), shelf)
            parts = append_part(self.parts, segment, shelf)
            page = replace(self, parts=parts, recent=())
        return replace(
            page,
            recent=(*page.recent, session),
            next_sequence=self.next_sequence + 1,
        )

    def without_sessions(
        self, doomed: "frozenset[int]", shelf: Shelf
    ) -> "Page":
        """The page without the sessions of some sequences.

        The newest of what is left always stands in the page itself.
        """

        def keep(sessions: List[Session]) -> List[Session]:
            return [each for each in sessions if each.sequence not in doomed]

        recent = tuple(keep(list(self.recent)))
        old = ranges(n for n in doomed if not self._is_recent(n))
        parts = self.parts
        if old:
            parts = replace_sessions(parts, old, keep, shelf)
        if parts and not recent:
            recent = tuple(sessions_of(parts, shelf)[-SEGMENT_SESSIONS:])
            gone = frozenset(each.sequence for each in recent)
            parts = replace_sessions(
                parts,
                ranges(gone),
                lambda some: [
                    each for each in some if each.sequence not in gone
                ],
                shelf,
            )
        return replace(self, parts=parts, recent=recent)

    def with_pins(
        self, sequences: "frozenset[int]", pinned: bool, shelf: Shelf
    ) -> "Page":
        """The page with some sessions protected from prunes, or not."""

        def edit(sessions: List[Session]) -> List[Session]:
            return [
                (
                    replace(each, pinned=pinned)
                    if each.sequence in sequences
                    else each
                )
                for each in sessions
            ]

        old = ranges(n for n in sequences if not self._is_recent(n))
        parts = self.parts
        if old:
            parts = replace_sessions(parts, old, edit, shelf)
        return replace(self, parts=parts, recent=tuple(edit([*self.recent])))

    def _is_recent(self, sequence: int) -> bool:
        return bool(self.recent) and sequence >= self.recent[0].sequence


def encode_page(page: Page) -> Record:
    """The page as a record."""
    known = [
        Field(Tag.VOLUME, bytes(page.volume)),
        Field(Tag.NAME, page.name),
        Field(Tag.DESCRIPTION, page.description),
        Field(Tag.DOMAIN, bytes(page.domain)),
        Field(Tag.NEXT_SEQUENCE, page.next_sequence),
        *(Field(Tag.PART, encode_part(each)) for each in page.parts),
        *(Field(Tag.SESSION, encode_session(each)) for each in page.recent),
    ]
    return make_record(known, page.others)


def parse_page(record: Record, volume: VolumeId) -> Page:
    """A page from its record; raises IntegrityError.

    `volume` is the id under which the catalog lists it: pages can't be
    exchanged.
    """
    if record.octets(Tag.VOLUME) != volume:
        raise IntegrityError("a page belongs to another volume")
    recent = [parse_session(each) for each in record.records(Tag.SESSION)]
    return Page(
        volume=volume,
        name=record.text(Tag.NAME),
        domain=_domain(record.octets(Tag.DOMAIN)),
        description=record.text(Tag.DESCRIPTION, ""),
        next_sequence=record.integer(Tag.NEXT_SEQUENCE),
        parts=tuple(parse_part(each) for each in record.records(Tag.PART)),
        recent=tuple(recent),
        others=record.without(Tag),
    )


def _domain(value: bytes) -> DomainId:
    try:
        return DomainId(value)
    except FormatError:
        raise IntegrityError("a page's dedup domain is malformed") from None


def ranges(numbers: Iterable[int]) -> List[Tuple[int, int]]:
    """Ascending (first, last) ranges of consecutive numbers."""
    result: List[Tuple[int, int]] = []
    for number in sorted(numbers):
        if result and number == result[-1][1] + 1:
            result[-1] = (result[-1][0], number)
        else:
            result.append((number, number))
    return result


def hidden_sessions(
    old: Page, new: Optional[Page], shelf: Shelf
) -> List[Session]:
    """Sessions of an old page that a newer page of the volume lacks.

    Parts that both pages share are not read. A session counts as the same
    only when its tree root and size are the same too.
    """
    shared = set(old.parts) & set(new.parts if new else ())
    kept = _unshared(new, shared, shelf) if new else ()
    known = {(each.sequence, each.root, each.size) for each in kept}
    return [
        each
        for each in _unshared(old, shared, shelf)
        if (each.sequence, each.root, each.size) not in known
    ]


def _unshared(
    page: Page, shared: "set[Part]", shelf: Shelf
) -> Tuple[Session, ...]:
    parts = [part for part in page.parts if part not in shared]
    return (*sessions_of(parts, shelf), *page.recent)
