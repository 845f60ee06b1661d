# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What differs between a volume as it is now and a session, or two sessions.

Every differing range is counted; only so many are kept to be shown. What
lies behind the end of the smaller side counts as zeros there.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from wyng_dom0.archive.session import Session
from wyng_dom0.engine.bases import drop_unread
from wyng_dom0.engine.content import SessionContent, Teller
from wyng_dom0.engine.local_ids import LocalIds, differing
from wyng_dom0.engine.spans import spans_of
from wyng_dom0.errors import IntegrityError
from wyng_dom0.snapshots.choose import take_best
from wyng_dom0.snapshots.snapshot import Range, Snapshot
from wyng_dom0.sources.source import Source
from wyng_dom0.sources.writing import read_padded
from wyng_dom0.state import ledgers, locks
from wyng_dom0.state.changed import Changed
from wyng_dom0.state.places import Places
from wyng_dom0.state.volumes import state_of

RANGES_KEPT = 10_000
_PIECE = 1 << 20
_NOT_ZERO = re.compile(rb"[^\0]+")


@dataclass
class Differences:
    """How two things differ: (size, size), and (offset, length) in bytes.

    `ranges` are the first RANGES_KEPT of `count`; `chunks` has a bit for
    each chunk that differs, the lowest first.
    """

    sizes: tuple[int, int]
    bytes: int = 0
    count: int = 0
    ranges: list[Range] = field(default_factory=list)
    chunks: bytearray = field(default_factory=bytearray)
    _end: int = -1

    @property
    def same(self) -> bool:
        """Whether nothing differs, the sizes neither."""
        return self.bytes == 0 and self.sizes[0] == self.sizes[1]

    def add(self, offset: int, length: int) -> None:
        """A range that differs, behind all before; adjacent ones are one."""
        self.bytes += length
        if offset == self._end:
            if self.count <= len(self.ranges):
                start, before = self.ranges[-1]
                self.ranges[-1] = start, before + length
        else:
            self.count += 1
            if len(self.ranges) < RANGES_KEPT:
                self.ranges.append((offset, length))
        self._end = offset + length

    def add_chunk(self, number: int) -> None:
        """A chunk that differs; one may be told twice."""
        place, bit = divmod(number, 8)
        if place >= len(self.chunks):
            self.chunks.extend(bytes(place + 1 - len(self.chunks)))
        self.chunks[place] |= 1 << bit


def by_data(
    content: SessionContent, local: Snapshot, teller: Teller
) -> Differences:
    """Fetch all of the session and compare every byte with the volume."""
    found = Differences((local.size, content.session.size))
    at = 0
    for number, there in content.fetch(content.refs()):
        if isinstance(there, IntegrityError):
            raise there
        start = number * content.chunk_size
        _add_data(found, content, local, at, start)
        _compare(found, content, local, number, there)
        at = start + content.chunk_size
        teller.tell(at)
    _add_data(found, content, local, at, local.size)
    teller.end()
    return found


def by_ids(
    content: SessionContent, local: Snapshot, teller: Teller
) -> Differences:
    """Hash the volume and compare ids; no chunk is fetched.

    Ranges are whole chunks.
    """
    found = Differences((local.size, content.session.size))
    chunk_size = content.chunk_size
    hasher = content.hasher()
    chunks = -(-max(found.sizes) // chunk_size)
    spans = spans_of(0, chunks, chunk_size, local.data_ranges())
    with LocalIds(local.fd, local.size, chunk_size, hasher) as ids:
        for number, _ in differing(ids.of(spans), content.refs()):
            _add_whole_chunk(found, number, chunk_size)
            teller.tell(number * chunk_size)
    teller.end()
    return found


def of_sessions(content: SessionContent, older: Session) -> Differences:
    """Two sessions of a volume by their trees: equal subtrees are skipped."""
    found = Differences((older.size, content.session.size))
    for number, _ in content.runs_since(older.root, older.size):
        _add_whole_chunk(found, number, content.chunk_size)
    return found


def _add_whole_chunk(found: Differences, number: int, chunk_size: int) -> None:
    start = number * chunk_size
    end = min(max(found.sizes), start + chunk_size)
    found.add(start, end - start)
    found.add_chunk(number)


def _compare(
    found: Differences,
    content: SessionContent,
    local: Snapshot,
    number: int,
    there: bytes,
) -> None:
    start = number * content.chunk_size
    here = _read(local, start, content.chunk_size)
    if here == there:
        return
    found.add_chunk(number)
    for offset, length in unequal(here, there):
        found.add(start + offset, length)


def _add_data(
    found: Differences,
    content: SessionContent,
    local: Snapshot,
    start: int,
    end: int,
) -> None:
    """All that isn't zeros here, where the session has a hole."""
    for offset, length in _pieces(local, start, end):
        here = _read(local, offset, length)
        for match in _NOT_ZERO.finditer(here):
            first, last = offset + match.start(), offset + match.end() - 1
            found.add(first, last + 1 - first)
            for number in range(
                first // content.chunk_size, last // content.chunk_size + 1
            ):
                found.add_chunk(number)


def _pieces(local: Snapshot, start: int, end: int) -> Iterator[Range]:
    """Where data may be between two offsets, in pieces that fit in memory."""
    for offset, length in local.data_ranges(start, end):
        for at in range(offset, offset + length, _PIECE):
            yield at, min(_PIECE, offset + length - at)


def _read(local: Snapshot, offset: int, length: int) -> bytes:
    there = max(0, min(length, local.size - offset))
    return read_padded(local.fd, offset, there) + bytes(length - there)


def unequal(one: bytes, other: bytes) -> Iterable[Range]:
    """The ranges in which two pieces of equal length differ, every byte."""
    mixed = int.from_bytes(one, "little") ^ int.from_bytes(other, "little")
    for match in _NOT_ZERO.finditer(mixed.to_bytes(len(one), "little")):
        yield match.start(), match.end() - match.start()


def remap(
    places: Places, source: Source, content: SessionContent, found: Differences
) -> None:
    """Durably have the next send to this archive look at what differs.

    A volume that has no ledger is read whole by the next send anyway.
    """
    state = state_of(places, source.key, content.page.name)
    if not state.folder.exists():
        return
    with locks.hold_ledgers(places, state.folder):
        ledger = ledgers.read_ledger(
            state.folder,
            content.archive.access.keys.terms.archive,
            bytes(content.page.volume),
            content.chunk_size,
        )
        changed = Changed(bytes(found.chunks))
        ledgers.save(state.folder, ledger.with_changes(changed))


@contextmanager
def held_still(places: Places, source: Source, name: str) -> Iterator[Snapshot]:
    """The volume by a snapshot of now, which is dropped afterwards.

    Where no driver can take one the volume itself is read: see the
    snapshot's `point_in_time`. Raises SourceError or NotFound.
    """
    volume = source.locate(name)
    with locks.make_snapshots(places):
        driver, ref = take_best(volume, source.drivers())
        # From here nobody takes it for a stray.
        reading = locks.start_reading(places, ref.identity)
    try:
        with driver.open(ref, volume) as snapshot:
            yield snapshot
    finally:
        reading.release()
        drop_unread(places, driver, [ref])
