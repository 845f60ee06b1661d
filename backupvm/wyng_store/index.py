# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The index: which blobs there are, where, and how often they are held.

A cache of packs and log in SQLite, and nothing but that: any doubt about it
raises IndexDamaged, and its owner builds it again. All SQL of the store is
here, but the tables' own (`schema`) and what is sorted in bulk (`bulk`). It
decides nothing about what lives or dies, and reads no pack.

Write-ahead log, because one commit of millions of rows must not make readers
wait for minutes, as a rollback journal would; synchronous=FULL, because packs
are unlinked once the rows that pointed into them are gone for good. Readers
open the file read-only: SQLite then never removes a -wal by its name, which
may already belong to an index built anew.
"""

import dataclasses
import sqlite3
from contextlib import contextmanager
from typing import Any, Dict, Iterable, Iterator, List, Optional, Set, Tuple

from wyng_store import rows
from wyng_store.errors import IndexDamaged
from wyng_store.rows import BlobRow, CopyRow, PackRow, State, TokenRow
from wyng_store.schema import sqlite_checked
from wyng_store.tally import Tally, counted

_BLOBS = "SELECT id,type,pack,offset,length,count,token,bad,sum FROM blobs"
_COPIES = "SELECT id,pack,offset,length,sum FROM copies"
_PACKS = "SELECT num,name,kind,token,size,rows,bytes,sum FROM packs"
_TOKENS = "SELECT num,token,used,staged,sum FROM tokens"
_PUT_BLOB = "INSERT OR REPLACE INTO blobs VALUES(?,?,?,?,?,?,?,?,?)"
_RECOUNT = "UPDATE blobs SET count=?,token=?,sum=? WHERE id=?"
_PACKS_CACHED = 4096
# SQLite 3.26 takes 999 parameters.
_BATCH = 512


class Index:
    """One open index. Make it with `create`, `open_writer`, `open_reader`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._packs: Dict[int, PackRow] = {}
        self._tally = Tally()
        # Packs that lost rows since somebody looked, to be reclaimed from.
        self.shrunk: Set[int] = set()
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

    def find_all(self, ids: Iterable[bytes]) -> Dict[bytes, BlobRow]:
        """The rows of those that have one."""
        found: Dict[bytes, BlobRow] = {}
        parse = rows.parse_blob
        for row in self._select(_BLOBS + " WHERE id IN", ids):
            found[row[0]] = parse(row)
        return found

    def find_metas(self, ids: Iterable[bytes]) -> "set[bytes]":
        """Which of them are in the index and no chunks. Not proved by a
        checksum: whoever counts chunks finds out what was one by mistake."""
        query = "SELECT id FROM blobs INDEXED BY metas WHERE type<>1 AND id IN"
        return {id for (id,) in self._select(query, ids)}

    def find_copy(self, id: bytes) -> Optional[CopyRow]:
        """The row of a blob's second copy; None when there is none."""
        found = self._db.execute(_COPIES + " WHERE id=?", (id,)).fetchone()
        return None if found is None else rows.parse_copy(found)

    def find_copies(self, ids: Iterable[bytes]) -> List[CopyRow]:
        """The rows of those that have a second copy."""
        found = self._select(_COPIES + " WHERE id IN", ids)
        return [rows.parse_copy(row) for row in found]

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

    def find_pack_by_number(self, num: int) -> Optional[PackRow]:
        """The pack numbered so, its counters as stored; None when gone."""
        found = self._db.execute(_PACKS + " WHERE num=?", (num,)).fetchone()
        return None if found is None else rows.parse_pack(found)

    def packs(self) -> Iterator[PackRow]:
        """All packs, by number."""
        for found in self._db.execute(_PACKS + " ORDER BY num"):
            yield rows.parse_pack(found)

    def dead_packs(self) -> List[PackRow]:
        """Packs that nothing live or staged points into."""
        found = self._db.execute(_PACKS + " WHERE rows=0")
        return [rows.parse_pack(row) for row in found.fetchall()]

    def packs_below(self, size: int) -> List[PackRow]:
        """Packs in use that take less than that, by number."""
        query = _PACKS + " WHERE rows>0 AND size<? ORDER BY num"
        found = self._db.execute(query, (size,))
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
        tally, self._tally = self._tally, Tally()
        for num, (count, size) in tally.packs.items():
            if count or size:
                if size < 0:
                    self.shrunk.add(num)
                self._packs.pop(num, None)
                pack = self.pack(num)
                held = counted(pack.rows, count), counted(pack.bytes, size)
                self._write_pack(pack._replace(rows=held[0], bytes=held[1]))
        for num, count in tally.tokens.items():
            if count:
                token = self._token(num)
                staged = counted(token.staged, count)
                self._write_token(token._replace(staged=staged))
        self.state = tally.applied(self.state)
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
            self._tally.change(old, new, checksum)
        self._db.executemany(_PUT_BLOB, batch)

    def recount(self, changes: Iterable[Tuple[BlobRow, BlobRow]]) -> None:
        """Write rows of which only count and token changed; faster."""
        batch = []
        for old, new in changes:
            checksum = rows.blob_sum(new)
            batch.append((new.refs, new.token, checksum, new.id))
            self._tally.recount(old, new, checksum)
        self._db.executemany(_RECOUNT, batch)

    def insert(self, new: List[BlobRow]) -> None:
        """Insert staged rows of blobs that have none; faster."""
        batch = [(*row, rows.blob_sum(row)) for row in new]
        self._tally.come(new, sum(row[8] for row in batch))
        self._db.executemany(_PUT_BLOB, batch)

    def settle(
        self,
        recounted: List[Tuple[int, int, int, bytes]],
        gone: List[BlobRow],
        tally: Tally,
    ) -> None:
        """Write chunks' (count, token, checksum, id), whose effect on the
        sums is in `tally`; remove others, which have no second copies."""
        self._db.executemany(_RECOUNT, recounted)
        self._tally.add(tally)
        batch = []
        for old in gone:
            self._tally.change(old, None, 0)
            batch.append((old.id,))
        self._db.executemany("DELETE FROM blobs WHERE id=?", batch)

    def remove(self, old: BlobRow) -> None:
        """Delete a blob's row, and its second copy's."""
        self._tally.change(old, None, 0)
        self._db.execute("DELETE FROM blobs WHERE id=?", (old.id,))
        copy = self.find_copy(old.id)
        if copy is not None:
            self._tally.point(copy.pack, -1, -copy.length)
            self._db.execute("DELETE FROM copies WHERE id=?", (old.id,))

    def write_copy(self, new: CopyRow) -> None:
        """Insert or replace the row of a second copy."""
        old = self.find_copy(new.id)
        if old is not None:
            self._tally.point(old.pack, -1, -old.length)
        self._tally.point(new.pack, 1, new.length)
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

    def resize_pack(self, num: int, size: int) -> None:
        """Note what a pack's file takes now."""
        self._packs.pop(num, None)
        self._write_pack(self.pack(num)._replace(size=size))

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

    def delayed(self) -> List[Tuple[int, int]]:
        """Released commits that are still counted, and when they are due."""
        found = self._db.execute("SELECT sequence,due,sum FROM delayed")
        return [rows.parse_delayed(row) for row in found.fetchall()]

    def add_delayed(self, sequence: int, due: int) -> None:
        """Note that a released commit stays counted until then."""
        checksum = rows.delayed_sum((sequence, due))
        self._db.execute(
            "INSERT OR REPLACE INTO delayed VALUES(?,?,?)",
            (sequence, due, checksum),
        )

    def remove_delayed(self, sequence: int) -> None:
        """Note that it does not any more."""
        self._db.execute("DELETE FROM delayed WHERE sequence=?", (sequence,))

    def pack_bytes(self) -> int:
        """What all packs take."""
        query = "SELECT coalesce(sum(size),0) FROM packs"
        (total,) = self._db.execute(query).fetchone()
        return int(total)

    # For whoever works in bulk

    @property
    def database(self) -> sqlite3.Connection:
        """The connection, for temporary tables beside the index's own."""
        return self._db

    def begin_reading(self) -> None:
        """See one state of the index until `end_reading`."""
        self._db.execute("BEGIN")

    def end_reading(self) -> None:
        """Let go of that state."""
        self._db.execute("ROLLBACK")

    # Inside

    def _select(
        self, query: str, ids: Iterable[bytes]
    ) -> Iterator[Tuple[Any, ...]]:
        """Run a query that ends in IN over sorted batches of ids."""
        wanted = sorted(set(ids))
        for at in range(0, len(wanted), _BATCH):
            part = wanted[at : at + _BATCH]
            # Few sizes, so that the statements stay prepared.
            size = 1 << (len(part) - 1).bit_length()
            part += part[-1:] * (size - len(part))
            marks = ",".join("?" * size)
            yield from self._db.execute(f"{query}({marks})", part)

    def _forget(self, before: State) -> None:
        self.state = before
        self._tally = Tally()
        self._packs.clear()
        if self._db.in_transaction:
            self._db.rollback()

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
