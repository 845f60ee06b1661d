# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A volume of a wyng archive as it was in a session, chunk by chunk.

Manifests are laid over each other, oldest first, in a map with one record a
chunk: which session holds it, and its hash. The map is a file without a name,
so that memory does not depend on the volume.
"""

import errno
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType

from wyng_dom0.errors import ForeignDamage, SourceError
from wyng_dom0.migrate.archive import ForeignArchive
from wyng_dom0.migrate.manifest import HASH_SIZE, Entry
from wyng_dom0.migrate.records import ForeignSession, ForeignVolume

_INDEX_SIZE = 2
RECORD = _INDEX_SIZE + HASH_SIZE
_HOLE = bytes(RECORD)
_RECORDS_AT_ONCE = 1 << 13

Range = tuple[int, int]


class ChunkMap:
    """Number of a chunk -> session and hash, in a file without a name."""

    def __init__(self, scratch: str) -> None:
        self._file = tempfile.TemporaryFile(dir=scratch)  # noqa: SIM115
        self._fd = self._file.fileno()

    def close(self) -> None:
        """Give the file back."""
        self._file.close()

    def put(self, index: int, entries: Iterator[Entry]) -> Iterator[Range]:
        """Lay a manifest over; gives (first, count) of chunks it names.

        `index` is the session's among the volume's, from 0. Half of it is
        laid over when the entries raise.
        """
        mark = (index + 1).to_bytes(_INDEX_SIZE, "big")
        first, run = 0, bytearray()
        for number, hash in entries:
            if run and (
                number != first + len(run) // RECORD
                or len(run) >= RECORD * _RECORDS_AT_ONCE
            ):
                yield self._write(first, run)
                run = bytearray()
            if not run:
                first = number
            run += _HOLE if hash is None else mark + hash
        if run:
            yield self._write(first, run)

    def get(self, first: int, count: int) -> list[tuple[int, bytes] | None]:
        """(session's index, hash) of some chunks, None for holes."""
        data = os.pread(self._fd, count * RECORD, first * RECORD)
        data += bytes(count * RECORD - len(data))
        return [
            self._parse(data[at : at + RECORD])
            for at in range(0, len(data), RECORD)
        ]

    def data_runs(self, first: int, end: int) -> Iterator[Range]:
        """(first, count) of chunks that are no holes, ascending."""
        at = start = first
        while at < end:
            at = self._next_data(at, end)
            count = min(_RECORDS_AT_ONCE, end - at)
            if count <= 0:
                return
            found = self.get(at, count)
            start = at
            for number, record in enumerate(found, at):
                if record is None:
                    if number > start:
                        yield start, number - start
                    start = number + 1
            at += count
            if at > start:
                yield start, at - start

    def _next_data(self, at: int, end: int) -> int:
        """The first chunk from `at` on that may be no hole, or `end`."""
        try:
            offset = os.lseek(self._fd, at * RECORD, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return end
            return at
        return max(at, offset // RECORD)

    def _write(self, first: int, run: bytearray) -> Range:
        data, offset = memoryview(bytes(run)), first * RECORD
        while data:
            try:
                done = os.pwrite(self._fd, data, offset)
            except OSError as error:
                raise SourceError(
                    "the map of its chunks can't be written into the state:"
                    f" {error.strerror}"
                ) from None
            data, offset = data[done:], offset + done
        return first, len(run) // RECORD

    @staticmethod
    def _parse(record: bytes) -> tuple[int, bytes] | None:
        index = int.from_bytes(record[:_INDEX_SIZE], "big")
        return (index - 1, record[_INDEX_SIZE:]) if index else None


@dataclass
class VolumeContent:
    """A volume as of one of its sessions; a Content of the engine's.

    Begins before the first; `advance` goes to the next. Reading is safe
    between threads, advancing is not. Damage found is kept, so that a later
    session that still needs the chunk is known to be lost at once.
    """

    archive: ForeignArchive
    volume: ForeignVolume
    map: ChunkMap
    at: int = -1
    _bad: dict[int, tuple[int, str]] = field(default_factory=dict)
    _named: int = 0

    def __enter__(self) -> "VolumeContent":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.map.close()

    @property
    def session(self) -> ForeignSession:
        """The session that it shows."""
        return self.volume.sessions[self.at]

    @property
    def size(self) -> int:
        """In bytes."""
        return self.session.size

    def advance(self) -> Iterator[Range]:
        """Go to the next session; gives (offset, length) of what it names.

        To be exhausted before anything is read. ForeignDamage when its
        manifest can't be had: then no later session can.
        """
        self.at += 1
        size = self.archive.chunk_size
        most = -(-self.volume.largest // size)
        with self.archive.entries(self.volume, self.session) as entries:
            inside = (each for each in entries if each[0] < most)
            for first, count in self.map.put(self.at, inside):
                if first <= self._named:
                    self._named = max(self._named, first + count)
                yield first * size, count * size

    def damage(self) -> str:
        """Why this session is lost, as far as is known, or "".

        wyng names every chunk, holes too: one that no manifest names was in
        a manifest that was cut, and is no hole.
        """
        if self._named * self.archive.chunk_size < self.size:
            return (
                f"chunk {self._named} is in no manifest of it or of those"
                " before: one of them is cut"
            )
        for number, (index, why) in self._bad.items():
            inside = number * self.archive.chunk_size < self.size
            record = self.map.get(number, 1)[0]
            if inside and record is not None and record[0] == index:
                return why
        return ""

    def data_ranges(
        self, start: int = 0, end: int | None = None
    ) -> Iterator[Range]:
        """See the engine's Content."""
        chunk = self.archive.chunk_size
        size = self.size if end is None else min(end, self.size)
        for first, count in self.map.data_runs(
            start // chunk, -(-size // chunk)
        ):
            begin = max(start, first * chunk)
            yield begin, min(size, (first + count) * chunk) - begin

    def read(self, offset: int, length: int) -> bytes:
        """See the engine's Content; raises ForeignDamage."""
        chunk = self.archive.chunk_size
        first = offset // chunk
        records = self.map.get(first, -(-(offset + length) // chunk) - first)
        data = b"".join(
            self._chunk(number, record)
            for number, record in enumerate(records, first)
        )
        start = offset - first * chunk
        return data[start : start + length]

    def read_ahead(self, offset: int, length: int) -> None:
        """See the engine's Content; a chunk is a file of its own."""

    def _chunk(self, number: int, record: tuple[int, bytes] | None) -> bytes:
        """A whole chunk; zeros behind the volume's end."""
        size = self.archive.chunk_size
        if record is None:
            return bytes(size)
        index, hash = record
        name = self.volume.sessions[index].name
        wanted = min(size, self.size - number * size)
        try:
            data = self.archive.chunk(self.volume, name, number, hash)
            if len(data) < wanted:
                raise ForeignDamage(
                    f"chunk {number} of the session {name} is too short"
                )
        except ForeignDamage as error:
            self._bad[number] = index, str(error)
            raise
        return data[:wanted] + bytes(size - wanted)
