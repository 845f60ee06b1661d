# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What is too much for memory, sorted by SQLite beside the index.

Temporary tables of one connection: they are filled in any order, read once
in order of ids, and then empty. Reading the index in that order touches each
of its pages once, where random order would read and write it over and over.
"""

from typing import Any, Callable, Iterable, Iterator, List, Tuple

from wyng_common.frames import BlobType
from wyng_store import rows
from wyng_store.errors import IndexDamaged
from wyng_store.index import Index
from wyng_store.rows import BlobRow
from wyng_store.tally import Tally

_BUFFERED = 4096
_READ_AT_ONCE = 4096
_SUMS = (
    "SELECT e.id,e.total,e.added,b.id,b.type,b.pack,b.offset,b.length,"
    "b.count,b.token,b.bad,b.sum FROM (SELECT id,sum(delta) AS total,"
    "max(delta)>0 AS added FROM temp.edges GROUP BY id ORDER BY id) AS e"
    " LEFT JOIN main.blobs AS b ON b.id=e.id"
)


# May a new node hold a chunk with that row? (refs, pack, token, bad)
Usable = Callable[[int, int, int, int], bool]


class Settlement:
    """What the edges to some chunks come to.

    `recounted`: (count, token, checksum, id) of rows as they will be;
    `gone`: rows that nobody holds any more; `missing`: ids that somebody came
    to hold and that can't be; `tally`: what `recounted` changes in the sums.
    """

    def __init__(self) -> None:
        self.recounted: List[Tuple[int, int, int, bytes]] = []
        self.gone: List[BlobRow] = []
        self.missing: List[bytes] = []
        self.tally = Tally()


class Edges:
    """Holders that came and went, by the id they hold."""

    def __init__(self, index: Index) -> None:
        self._db = index.database
        self._buffer: List[Tuple[bytes, int]] = []
        _make(self._db, "edges", "id BLOB, delta INTEGER")

    def add(self, ids: Iterable[bytes], delta: int) -> None:
        """Each of them is held by one more (1) or less (-1)."""
        self._buffer.extend((id, delta) for id in ids)
        if len(self._buffer) >= _BUFFERED:
            self._store()

    def settle(self, usable: Usable) -> Iterator[Settlement]:
        """Everything in order of ids, in batches, each id once. The index
        may be changed at ids that were given already. Empty afterwards.
        Raises IndexDamaged where a row can't be right."""
        self._store()
        cursor = self._db.execute(_SUMS)
        while True:
            found = cursor.fetchmany(_READ_AT_ONCE)
            if not found:
                break
            yield _settle(found, usable)
        self._db.execute("DELETE FROM temp.edges")

    def _store(self) -> None:
        self._db.executemany("INSERT INTO temp.edges VALUES(?,?)", self._buffer)
        self._buffer.clear()


class Places:
    """Where blobs lie, from the footers of many packs."""

    def __init__(self, index: Index) -> None:
        self._db = index.database
        _make(
            self._db,
            "places",
            "id BLOB, pack INTEGER, type INTEGER, offset INTEGER,"
            " length INTEGER, token INTEGER",
        )

    def add(
        self, places: Iterable[Tuple[bytes, int, int, int, int, int]]
    ) -> None:
        """(id, pack, type, offset, length, token) of each."""
        self._db.executemany(
            "INSERT INTO temp.places VALUES(?,?,?,?,?,?)", places
        )

    def sorted(self) -> Iterator[BlobRow]:
        """All of them as rows that nobody holds, by id and then by pack, in
        the order in which they were added. Empty afterwards."""
        cursor = self._db.execute(
            "SELECT id,type,pack,offset,length,0,token,0 FROM temp.places"
            " ORDER BY id,pack"
        )
        while True:
            found = cursor.fetchmany(_READ_AT_ONCE)
            if not found:
                break
            yield from map(BlobRow._make, found)
        self._db.execute("DELETE FROM temp.places")


def _settle(found: List[Tuple[Any, ...]], usable: Usable) -> Settlement:
    """One pass with no call that can be spared: millions come by here."""
    settled = Settlement()
    recounted, checksum = settled.recounted, rows.blob_sum
    total = live = live_bytes = 0
    tokens = settled.tally.tokens
    for id, delta, added, *row in found:
        _, kind, pack, offset, length, count, token, bad, known = row
        if kind is None:
            _expect(added)
            settled.missing.append(id)
            continue
        if not rows.is_whole(row):
            raise IndexDamaged("a blob's row fails its checksum")
        if added and not usable(count, pack, token, bad):
            settled.missing.append(id)
            continue
        refs = count + delta
        _expect(kind == BlobType.CHUNK and refs >= 0)
        if not delta:
            continue
        if not refs:
            settled.gone.append(BlobRow._make(row[:8]))
            continue
        new = checksum((id, kind, pack, offset, length, refs, 0, bad))
        recounted.append((refs, 0, new, id))
        total += new - known
        if not count:
            live += 1
            live_bytes += length
            tokens[token] = tokens.get(token, 0) - 1
    tally = settled.tally
    tally.total, tally.live, tally.live_bytes = total, live, live_bytes
    return settled


def _expect(possible: bool) -> None:
    if not possible:
        raise IndexDamaged("a chunk's row can't be right")


def _make(db: Any, name: str, columns: str) -> None:
    db.execute(f"CREATE TEMP TABLE IF NOT EXISTS {name}({columns})")
    db.execute(f"DELETE FROM temp.{name}")
