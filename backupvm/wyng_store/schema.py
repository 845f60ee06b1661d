# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The index's tables, its connections, and what SQLite's errors mean.

One page cache for the index and one for what is sorted beside it, both
bounded: a store must get along with 128 MiB. No mmap: a cut file would kill
us. What is sorted in bulk lies in SQLite's own temporary files (/var/tmp).
"""

import sqlite3
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from wyng_store.errors import Full, IndexDamaged, StoreError

SCHEMA_VERSION = 2
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
    "CREATE TABLE delayed(sequence INTEGER PRIMARY KEY, due INTEGER,"
    " sum INTEGER)",
    "CREATE TABLE state(id INTEGER PRIMARY KEY, body BLOB)",
    # Which children of a blob have children themselves: one in a hundred.
    "CREATE INDEX metas ON blobs(id) WHERE type<>1",
)
# Not the index is wrong then, but its place.
_UNUSABLE = ("locked", "readonly", "unable to open")
_CACHE_KIB = 24 * 1024
_TEMPORARY_CACHE_KIB = 2 * 1024


@contextmanager
def sqlite_checked() -> Iterator[None]:
    """Turn SQLite's errors into Full, StoreError (locked) or IndexDamaged."""
    try:
        yield
    except sqlite3.Error as error:
        text = str(error)
        if "full" in text:
            raise Full("no space left for the index") from error
        if any(word in text for word in _UNUSABLE):
            raise StoreError(f"the index can't be used: {text}") from error
        raise IndexDamaged(f"the index is damaged: {text}") from error
    except (OverflowError, UnicodeDecodeError) as error:
        raise IndexDamaged("the index holds what can't be") from error


def connect(
    path: Path, mode: str, immutable: bool = False
) -> sqlite3.Connection:
    """Open the file in SQLite's mode `ro`, `rw` or `rwc`; immutable: with no
    locks, no log and no shared memory."""
    uri = f"{path.absolute().as_uri()}?mode={mode}&immutable={immutable:d}"
    db = sqlite3.connect(uri, timeout=60.0, isolation_level=None, uri=True)
    db.execute("PRAGMA temp_store=FILE")
    db.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
    db.execute(f"PRAGMA temp.cache_size=-{_TEMPORARY_CACHE_KIB}")
    db.execute("PRAGMA mmap_size=0")
    return db


def create_tables(db: sqlite3.Connection) -> None:
    """Make the tables in an empty database."""
    for statement in _SCHEMA:
        db.execute(statement)
    db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")


def check_version(db: sqlite3.Connection) -> None:
    """Raises IndexDamaged when the tables are not ours."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version != SCHEMA_VERSION:
        raise IndexDamaged("the index has another version")
