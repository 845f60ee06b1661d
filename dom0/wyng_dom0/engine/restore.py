# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Restoring a session to a target: whole, or only what differs there.

What is written was opened and its id computed again, whatever the way. What
is not written, because it is there already, was compared byte by byte or by
the same ids.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import islice, tee
from pathlib import Path

from wyng_common.ids import BlobId
from wyng_dom0.engine.content import SessionContent, Teller
from wyng_dom0.engine.download import Fetched, Ref
from wyng_dom0.engine.local_ids import LocalIds, differing, spans_in
from wyng_dom0.engine.spans import spans_of
from wyng_dom0.errors import IntegrityError, TargetError
from wyng_dom0.events import Listener, VolumeDone, VolumeStarted
from wyng_dom0.names import quote
from wyng_dom0.snapshots.snapshot import Snapshot
from wyng_dom0.sources.stream_target import StreamTarget
from wyng_dom0.sources.target import (
    Mode,
    Order,
    Target,
    exists_at,
    free_bytes,
    open_target,
)
from wyng_dom0.sources.unfinished import Restoring
from wyng_dom0.sources.writing import Owner, read_padded
from wyng_dom0.state.places import Places
from wyng_dom0.tree.lookup import Run

# Bytes that are read of what is there before what lacks is fetched.
_SPARED_AT_ONCE = 16 << 20


class How(Enum):
    """Which way a session gets to its target."""

    # Everything is fetched and written, over nothing.
    WHOLE = "whole"
    # Everything is fetched; only what differs there is written.
    SPARSE_WRITE = "sparse-write"
    # Only what differs there, by its ids, is fetched and written.
    SPARSE = "sparse"


@dataclass(frozen=True)
class Help:
    """What is known here that makes a restore cheaper.

    `runs` are the only chunks that may differ at the target, for SPARSE.
    `snapshot` holds the session: chunks come from there, their ids checked.
    `whole` is called with the place of what is restored once all of it is on
    the disk, while nobody else can write to it.
    """

    runs: Iterable[Run] | None = None
    snapshot: Snapshot | None = None
    whole: Callable[[Path], None] | None = None


class Restore:
    """One restore. `fetched_bytes` counts plaintext that was fetched."""

    def __init__(
        self, content: SessionContent, listener: Listener, places: Places
    ) -> None:
        self._content = content
        self._session = content.session
        self._listener = listener
        self._places = places
        self._teller = Teller(listener, content.page.name, content.session.size)
        self._snapshot: Snapshot | None = None
        self.fetched_bytes = 0
        self.written_bytes = 0

    def run(
        self,
        path: Path,
        how: How,
        help: Help = Help(),
    ) -> bool:
        """Bring the session to a path; answers whether the owner could be set.

        Raises IntegrityError or TargetError; then nothing
        that looks restored is left.
        """
        session, name = self._session, self._content.page.name
        self._snapshot = help.snapshot
        self._listener(VolumeStarted(name, session.size))
        if how is How.WHOLE or not exists_at(path):
            self._check_room(path)
        with open_target(path, self._order(how), self._places) as target:
            if how is How.WHOLE:
                self._write_all(target, self._plaintexts(self._content.refs()))
            elif how is How.SPARSE_WRITE:
                self._write_changed(target)
            else:
                self._fetch_changed(target, help.runs)
            self._teller.end()
            owned = target.finish(
                Owner(session.mode, session.uid, session.gid, session.mtime_ns),
                help.whole,
            )
        self.tell_done()
        return owned

    def stream(self, fd: int, present: int | None = None) -> None:
        """All bytes of the session, in order, into a pipe.

        What `present`, a descriptor, already holds by its ids is taken from
        there and not fetched. Raises IntegrityError or TargetError before the
        last byte is written.
        """
        session = self._session
        self._listener(VolumeStarted(self._content.page.name, session.size))
        target = StreamTarget(fd, session.size)
        chunks = self._plaintexts(self._content.refs())
        if present is not None:
            chunks = self._sparing(present)
        self._write_all(target, chunks)
        self._teller.end()
        target.finish(Owner(session.mode, session.uid, session.gid))

    def tell_done(self) -> None:
        """Let listeners know that the volume is what it was."""
        session = self._session
        self._listener(
            VolumeDone(
                volume=self._content.page.name,
                total_bytes=session.size,
                changed_bytes=self.written_bytes,
                session=session.name,
                sequence=session.sequence,
            )
        )

    def _order(self, how: How) -> Order:
        content = self._content
        restoring = Restoring(
            content.archive.access.keys.terms.archive.hex(),
            content.page.name,
            self._session.name,
        )
        mode = Mode.WHOLE if how is How.WHOLE else Mode.UPDATE
        return Order(restoring, self._session.size, mode)

    def _check_room(self, path: Path) -> None:
        """Refuse before a byte is written, where a new file can't fit."""
        free = free_bytes(path)
        if free is None or free >= self._session.size:
            return
        most = free // self._content.chunk_size
        if sum(1 for _ in islice(self._content.refs(), most + 1)) > most:
            raise TargetError(
                f"there is no room for {quote(str(path))}: the session has"
                f" more data than the {free} bytes that are free there",
                about=str(path),
            )

    def _sparing(self, present: int) -> Iterator[tuple[int, bytes]]:
        """As _plaintexts of all, some chunks at a time from `present`."""
        content, hasher = self._content, self._content.hasher()
        refs = content.refs()
        at_once = max(1, _SPARED_AT_ONCE // content.chunk_size)
        while some := list(islice(refs, at_once)):
            held: dict[int, bytes] = {}
            for number, id in some:
                data = read_padded(present, *content.extent(number))
                data += bytes(content.chunk_size - len(data))
                if hasher.chunk_id(data) == id:
                    held[number] = data
            lacking = (each for each in some if each[0] not in held)
            held.update(self._plaintexts(lacking))
            yield from ((number, held[number]) for number, _ in some)

    def _write_all(
        self, target: Target, chunks: Iterator[tuple[int, bytes]]
    ) -> None:
        at = 0
        for number, content in chunks:
            offset, length = self._content.extent(number)
            if offset > at:
                target.zero(at, offset - at)
            self._write(target, offset, content, length)
            at = offset + length
        if at < self._session.size:
            target.zero(at, self._session.size - at)

    def _write_changed(self, target: Target) -> None:
        at = 0
        for number, content in self._plaintexts(self._content.refs()):
            offset, length = self._content.extent(number)
            if offset > at:
                target.zero(at, offset - at)
            if read_padded(target.fd, offset, length) != content[:length]:
                self._write(target, offset, content, length)
            at = offset + length
        if at < self._session.size:
            target.zero(at, self._session.size - at)

    def _fetch_changed(
        self, target: Target, runs: Iterable[Run] | None
    ) -> None:
        content, size = self._content, self._session.size
        if runs is None:
            ranges = target.data_ranges()
            spans = spans_of(0, content.chunks, content.chunk_size, ranges)
            refs = content.refs()
        else:
            to_read, to_find = tee(runs)
            spans = spans_in(to_read, content.chunk_size)
            refs = content.refs_in(to_find)
        hasher = content.hasher()
        with LocalIds(target.fd, size, content.chunk_size, hasher) as local:
            wanted = self._to_fetch(target, differing(local.of(spans), refs))
            for number, plaintext in self._plaintexts(wanted):
                offset, length = content.extent(number)
                self._write(target, offset, plaintext, length)

    def _to_fetch(
        self, target: Target, differences: Iterator[tuple[int, BlobId | None]]
    ) -> Iterator[Ref]:
        """The chunks to fetch; those that should be zeros are made so here."""
        for number, id in differences:
            offset, length = self._content.extent(number)
            self._teller.tell(offset)
            if id is None:
                target.zero(offset, length)
                self.written_bytes += length
            else:
                yield number, id

    def _write(
        self, target: Target, offset: int, content: bytes, length: int
    ) -> None:
        data = content if length == len(content) else content[:length]
        target.pwrite(offset, data)
        self.written_bytes += length

    def _plaintexts(self, refs: Iterator[Ref]) -> Iterator[tuple[int, bytes]]:
        fetched: Iterator[Fetched]
        if self._snapshot is None:
            fetched = self._content.fetch(refs)
        else:
            fetched = self._content.fetch_from(self._snapshot, refs)
        for number, found in fetched:
            if isinstance(found, IntegrityError):
                raise found
            offset, length = self._content.extent(number)
            if self._snapshot is None:
                self.fetched_bytes += length
            yield number, found
            self._teller.tell(offset + length)
