# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The index: which blobs there are, where, and how often they are held.

A cache of packs and log in SQLite, and nothing but that: any doubt about it
raises IndexDamaged, and its owner builds it again. All SQL of the store is
here. It decides nothing about what lives or dies, and reads no pack.

Write-ahead log, because one commit of millions of rows must not make readers
wait for minutes, as a rollback journal would; synchronous=FULL, because packs
are unlinked once the rows that pointed into them are gone for good. Readers
open the file read-only: SQLite then never removes a -wal by its name, which
may already belong to an index built anew. No mmap: a cut file would kill us.
"""

import dataclasses
import sqlite3
from contextlib import contextmanager
from pathlib import Path
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    Optional,
    Tuple,
)

from wyng_store import rows
from wyng_store.errors import Full, IndexDamaged, StoreError
from wyng_store.rows import BlobRow, CopyRow, PackRow, State, TokenRow

SCHEMA_VERSION = 1
_SCHEMA = (
    "CREATE TABLE blobs(id BLOB PRIMARY KEY, type INTEGER, pack INTEGER,"
    " offset INTEGER, length INTEGER, count INTEGER, token INTEGER,"
    " bad INTEGER, sum INTEGER) WITHOUT ROWID",
    "CREATE TABLE copies(id BLOB PRIMARY KEY, pack INTEGER, offset INTEGER,"
    " length INTEGER, sum INTEGER) WITHOUT ROWID",
    "CREATE TABLE packs(num INTEGER PRIMARY KEY AUTOINCREMENT, name BLOB"
    " UNIQUE, kind INTEGER, token INTEGER, size INTEGER, rows INTEGER,"
    " bytes INTEGER, sum INTEGER)",
    "CREATE TABLE tokens(num INTEGER PRIMARY KEY AUTOINCREMENT, token BLOB"
    " UNIQUE, used INTEGER, staged INTEGER, sum INTEGER)",
    "CREATE TABLE roots(sequence INTEGER PRIMARY KEY, catalog BLOB,"
    " sum INTEGER)",
    "CREATE TABLE state(id INTEGER PRIMARY KEY, body BLOB)",
)
_BLOBS = "SELECT id,type,pack,offset,length,count,token,bad,sum FROM blobs"
_COPIES = "SELECT id,pack,offset,length,sum FROM copies"
_PACKS = "SELECT num,name,kind,token,size,rows,bytes,sum FROM packs"
_TOKENS = "SELECT num,token,used,staged,sum FROM tokens"
_PUT_BLOB = "INSERT OR REPLACE INTO blobs VALUES(?,?,?,?,?,?,?,?,?)"
_CACHE_KIB = 32 * 1024
_PACKS_CACHED = 4096
_TOTAL_MASK = (1 << 63) - 1


@contextmanager
def sqlite_checked() -> Iterator[None]:
    """Turn SQLite's errors into Full, StoreError (locked) or IndexDamaged."""
    try:
        yield
    except sqlite3.Error as error:
        text = str(error)
        if "full" in text:
            raise Full("no space left for the index") from error
        if "locked" in text or "readonly" in text:
            raise StoreError(f"the index can't be used: {text}") from error
        raise IndexDamaged(f"the index is damaged: {text}") from error
    except (OverflowError, UnicodeDecodeError) as error:
        raise IndexDamaged("the index holds what can't be") from error


class _Tally:
    """What a transaction changes in the sums of the state so far."""

    __slots__ = ("rows", "total", "bytes", "live", "live_bytes", "bad")

    def __init__(self) -> None:
        self.rows = self.total = self.bytes = 0
        self.live = self.live_bytes = self.bad = 0

    def note(self, row: BlobRow, sign: int, checksum: int) -> None:
        """A row came (sign 1) or went (-1)."""
        self.rows += sign
        self.total += sign * checksum
        self.bytes += sign * row.length
        self.bad += sign * row.bad
        if row.refs:
            self.live += sign
            self.live_bytes += sign * row.length

    def applied(self, state: State) -> State:
        """The state with all that added."""
        return dataclasses.replace(
            state,
            rows=_counted(state.rows, self.rows),
            total=(state.total + self.total) & _TOTAL_MASK,
            all_bytes=_counted(state.all_bytes, self.bytes),
            live_rows=_counted(state.live_rows, self.live),
            live_bytes=_counted(state.live_bytes, self.live_bytes),
            bad=_counted(state.bad, self.bad),
        )


class Index:
    """One open index. Make it with `create`, `open_writer`, `open_reader`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._deltas: Dict[int, List[int]] = {}
        self._staged: Dict[int, int] = {}
        self._packs: Dict[int, PackRow] = {}
        self._tally = _Tally()
        self.state = State()

    def close(self) -> None:
        """Close; the last writer's close also ends the write-ahead log."""
        with sqlite_checked():
            self._db.close()

    def load_state(self) -> State:
        """Read the state again, as a reader beside a writer must."""
        with sqlite_checked():
            found = self._db.execute(
                "SELECT body FROM state WHERE id=1"
            ).fetchone()
        if found is None:
            raise IndexDamaged("the index has no state")
        self.state = rows.parse_state(found[0])
        return self.state

    # Looking up

    def find(self, id: bytes) -> Optional[BlobRow]:
        """The row of a blob; None when there is none."""
        found = self._db.execute(_BLOBS + " WHERE id=?", (id,)).fetchone()
        return None if found is None else rows.parse_blob(found)

    def find_copy(self, id: bytes) -> Optional[CopyRow]:
        """The row of a blob's second copy; None when there is none."""
        found = self._db.execute(_COPIES + " WHERE id=?", (id,)).fetchone()
        return None if found is None else rows.parse_copy(found)

    def pack(self, num: int) -> PackRow:
        """The pack numbered so, its name above all: counters may be old.

        Raises IndexDamaged when there is none.
        """
        cached = self._packs.get(num)
        if cached is not None:
            return cached
        found = self._db.execute(_PACKS + " WHERE num=?", (num,)).fetchone()
        if found is None:
            raise IndexDamaged("a row points into a pack that is not listed")
        if len(self._packs) >= _PACKS_CACHED:
            self._packs.clear()
        return self._packs.setdefault(num, rows.parse_pack(found))

    def packs(self) -> Iterator[PackRow]:
        """All packs, by number."""
        for found in self._db.execute(_PACKS + " ORDER BY num"):
            yield rows.parse_pack(found)

    def dead_packs(self) -> List[PackRow]:
        """Packs that nothing live or staged points into."""
        found = self._db.execute(_PACKS + " WHERE rows=0")
        return [rows.parse_pack(row) for row in found.fetchall()]

    def tokens(self) -> List[TokenRow]:
        """All staging tokens."""
        found = self._db.execute(_TOKENS).fetchall()
        return [rows.parse_token(row) for row in found]

    def blobs(self) -> Iterator[BlobRow]:
        """All blob rows in order of their ids."""
        for found in self._db.execute(_BLOBS + " ORDER BY id"):
            yield rows.parse_blob(found)

    def copies(self) -> Iterator[CopyRow]:
        """All second copies in order of their ids."""
        for found in self._db.execute(_COPIES + " ORDER BY id"):
            yield rows.parse_copy(found)

    def bad_ids(self, limit: int) -> List[bytes]:
        """Ids marked bad; reads the whole table when there are any."""
        if not self.state.bad:
            return []
        found = self._db.execute(
            "SELECT id FROM blobs WHERE bad<>0 LIMIT ?", (limit,)
        )
        return [id for (id,) in found.fetchall()]

    # Changing: only inside `transaction`

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, durable at its end. Not reentrant."""
        before = self.state
        with sqlite_checked():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.flush()
                self._db.execute("COMMIT")
            except BaseException:
                self._forget(before)
                raise

    def flush(self) -> None:
        """Write the pending counters, so that COMMIT has little left."""
        for num, (count, size) in self._deltas.items():
            self._packs.pop(num, None)
            pack = self.pack(num)
            self._write_pack(
                pack._replace(
                    rows=_counted(pack.rows, count),
                    bytes=_counted(pack.bytes, size),
                )
            )
        for num, count in self._staged.items():
            token = self._token(num)
            staged = _counted(token.staged, count)
            self._write_token(token._replace(staged=staged))
        self._deltas.clear()
        self._staged.clear()
        self.state = self._tally.applied(self.state)
        self._tally = _Tally()
        body = self.state.encode()
        self._db.execute("INSERT OR REPLACE INTO state VALUES(1,?)", (body,))

    def set_state(self, **changes: Any) -> None:
        """Change fields of the state; stored with the transaction."""
        self.state = dataclasses.replace(self.state, **changes)

    def write(
        self, changes: Iterable[Tuple[Optional[BlobRow], BlobRow]]
    ) -> None:
        """Insert (old is None) or replace blob rows, keeping the sums."""
        batch = []
        for old, new in changes:
            checksum = rows.blob_sum(new)
            batch.append((*new, checksum))
            self._account(old, new, checksum)
        self._db.executemany(_PUT_BLOB, batch)

    def remove(self, old: BlobRow) -> None:
        """Delete a blob's row, and its second copy's."""
        self._account(old, None, 0)
        self._db.execute("DELETE FROM blobs WHERE id=?", (old.id,))
        copy = self.find_copy(old.id)
        if copy is not None:
            self._point(copy.pack, -1, -copy.length)
            self._db.execute("DELETE FROM copies WHERE id=?", (old.id,))

    def write_copy(self, new: CopyRow) -> None:
        """Insert or replace the row of a second copy."""
        old = self.find_copy(new.id)
        if old is not None:
            self._point(old.pack, -1, -old.length)
        self._point(new.pack, 1, new.length)
        values = (*new, rows.copy_sum(new))
        self._db.execute(
            "INSERT OR REPLACE INTO copies VALUES(?,?,?,?,?)", values
        )

    def add_pack(self, name: bytes, kind: int, token: int, size: int) -> int:
        """List a pack; gives its number. Listing it twice is an error."""
        cursor = self._db.execute("INSERT INTO packs(name) VALUES(?)", (name,))
        num = int(cursor.lastrowid or 0)
        self._write_pack(PackRow(num, name, kind, token, size, 0, 0))
        return num

    def find_pack(self, name: bytes) -> Optional[PackRow]:
        """The pack called so; None when it is not listed."""
        found = self._db.execute(_PACKS + " WHERE name=?", (name,)).fetchone()
        return None if found is None else rows.parse_pack(found)

    def remove_pack(self, num: int) -> None:
        """Forget a pack that nothing points into."""
        self._packs.pop(num, None)
        self._db.execute("DELETE FROM packs WHERE num=?", (num,))

    def token_number(self, token: bytes, used: int) -> int:
        """The number of a staging token, noted as used at that time."""
        found = self._db.execute(
            _TOKENS + " WHERE token=?", (token,)
        ).fetchone()
        if found is not None:
            row = rows.parse_token(found)
            self._write_token(row._replace(used=max(used, row.used)))
            return row.num
        cursor = self._db.execute(
            "INSERT INTO tokens(token) VALUES(?)", (token,)
        )
        num = int(cursor.lastrowid or 0)
        self._write_token(TokenRow(num, token, used, 0))
        return num

    def roots(self, first: int, last: int) -> List[Tuple[int, bytes]]:
        """Counted commits in a range of sequences, and their catalogs."""
        found = self._db.execute(
            "SELECT sequence,catalog,sum FROM roots"
            " WHERE sequence BETWEEN ? AND ?",
            (first, last),
        )
        return [rows.parse_root(row) for row in found.fetchall()]

    def add_root(self, sequence: int, catalog: bytes) -> None:
        """Note that the catalog of a commit is counted."""
        checksum = rows.root_sum((sequence, catalog))
        self._db.execute(
            "INSERT OR REPLACE INTO roots VALUES(?,?,?)",
            (sequence, catalog, checksum),
        )

    def remove_root(self, sequence: int) -> None:
        """Note that the catalog of a commit is no longer counted."""
        self._db.execute("DELETE FROM roots WHERE sequence=?", (sequence,))

    # Inside

    def _forget(self, before: State) -> None:
        self.state = before
        self._tally = _Tally()
        self._deltas.clear()
        self._staged.clear()
        self._packs.clear()
        if self._db.in_transaction:
            self._db.rollback()

    def _account(
        self, old: Optional[BlobRow], new: Optional[BlobRow], checksum: int
    ) -> None:
        """Note one row's change for the state and the counters."""
        tally = self._tally
        if old is not None:
            tally.note(old, -1, rows.blob_sum(old))
            if not old.refs:
                self._stage(old.token, -1)
        if new is not None:
            tally.note(new, 1, checksum)
            if not new.refs:
                self._stage(new.token, 1)
        self._move(old, new)

    def _move(self, old: Optional[BlobRow], new: Optional[BlobRow]) -> None:
        if old is not None and new is not None and old.pack == new.pack:
            if old.length == new.length:
                return
        if old is not None:
            self._point(old.pack, -1, -old.length)
        if new is not None:
            self._point(new.pack, 1, new.length)

    def _point(self, pack: int, count: int, size: int) -> None:
        delta = self._deltas.setdefault(pack, [0, 0])
        delta[0] += count
        delta[1] += size

    def _stage(self, token: int, count: int) -> None:
        self._staged[token] = self._staged.get(token, 0) + count

    def _token(self, num: int) -> TokenRow:
        found = self._db.execute(_TOKENS + " WHERE num=?", (num,)).fetchone()
        if found is None:
            raise IndexDamaged("a row is staged under no token")
        return rows.parse_token(found)

    def _write_pack(self, pack: PackRow) -> None:
        values = (*pack, rows.pack_sum(pack))
        self._db.execute(
            "INSERT OR REPLACE INTO packs VALUES(?,?,?,?,?,?,?,?)", values
        )
        self._packs.pop(pack.num, None)

    def _write_token(self, token: TokenRow) -> None:
        values = (*token, rows.token_sum(token))
        self._db.execute(
            "INSERT OR REPLACE INTO tokens VALUES(?,?,?,?,?)", values
        )


def create_index(path: Path) -> Index:
    """Make an index in a file that must not exist, fast and not durable.

    Its maker fsyncs and renames it when it is complete.
    """
    with sqlite_checked():
        db = _connect(f"{path.absolute().as_uri()}?mode=rwc")
        db.execute("PRAGMA journal_mode=OFF")
        db.execute("PRAGMA synchronous=OFF")
        for statement in _SCHEMA:
            db.execute(statement)
        db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        return Index(db)


def open_writer(path: Path) -> Index:
    """Open an index to change it; raises IndexDamaged."""
    with sqlite_checked():
        db = _connect(f"{path.absolute().as_uri()}?mode=rw")
        try:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=FULL")
            return _checked(db)
        except BaseException:
            db.close()
            raise


def open_reader(path: Path) -> Index:
    """Open an index to read it beside a writer; raises IndexDamaged."""
    with sqlite_checked():
        db = _connect(f"{path.absolute().as_uri()}?mode=ro")
        try:
            return _checked(db)
        except BaseException:
            db.close()
            raise


def _connect(uri: str) -> sqlite3.Connection:
    db = sqlite3.connect(uri, timeout=60.0, isolation_level=None, uri=True)
    db.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
    db.execute("PRAGMA mmap_size=0")
    return db


def _checked(db: sqlite3.Connection) -> Index:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version != SCHEMA_VERSION:
        raise IndexDamaged("the index has another version")
    index = Index(db)
    index.load_state()
    return index


def verify_rows(index: Index, beat: Callable[[int, int], None]) -> None:
    """Read every row: order, checksums and sums; raises IndexDamaged."""
    with sqlite_checked():
        index._db.execute("BEGIN")
        try:
            state = index.load_state()
            _verify_blobs(index, state, beat)
        finally:
            index._db.execute("ROLLBACK")


def _verify_blobs(
    index: Index, state: State, beat: Callable[[int, int], None]
) -> None:
    before = b""
    count = total = 0
    for row in index.blobs():
        if row.id <= before:
            raise IndexDamaged("the rows of the index are out of order")
        before = row.id
        count += 1
        total += rows.blob_sum(row)
        if count % 4096 == 0:
            beat(count, state.rows)
    if (count, total & _TOTAL_MASK) != (state.rows, state.total):
        raise IndexDamaged("rows of the index are missing")


def _counted(value: int, delta: int) -> int:
    """value + delta; a counter below zero is damage."""
    if value + delta < 0:
        raise IndexDamaged("a counter of the index falls below zero")
    return value + delta
