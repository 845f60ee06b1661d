# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Making, opening and proving index files. Knows no blob."""

from pathlib import Path
from typing import Callable

from wyng_store import rows
from wyng_store.errors import IndexDamaged
from wyng_store.index import Index
from wyng_store.rows import State
from wyng_store.schema import (
    check_version,
    connect,
    create_tables,
    sqlite_checked,
)
from wyng_store.tally import TOTAL_MASK


def create_index(path: Path) -> Index:
    """Make an index in a file that must not exist, fast and not durable.

    Its maker fsyncs and renames it when it is complete.
    """
    with sqlite_checked():
        db = connect(path, "rwc")
        db.execute("PRAGMA journal_mode=OFF")
        db.execute("PRAGMA synchronous=OFF")
        create_tables(db)
        return Index(db)


def open_writer(path: Path) -> Index:
    """Open an index to change it; raises IndexDamaged."""
    with sqlite_checked():
        db = connect(path, "rw")
        try:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=FULL")
            check_version(db)
            index = Index(db)
            index.load_state()
            return index
        except BaseException:
            db.close()
            raise


def open_reader(path: Path) -> Index:
    """Open an index to read it beside a writer; raises IndexDamaged."""
    with sqlite_checked():
        db = connect(path, "ro")
        try:
            check_version(db)
            index = Index(db)
            index.load_state()
            return index
        except BaseException:
            db.close()
            raise


def open_resting(path: Path) -> Index:
    """Open an index that nobody writes, making no file beside it: where the
    directory can't be written, or the disk is full. Should somebody write it
    all the same, checksums tell. Raises IndexDamaged."""
    log = path.with_name(path.name + "-wal")
    if log.exists() and log.stat().st_size:
        raise IndexDamaged("the index has a log that can't be read here")
    with sqlite_checked():
        db = connect(path, "ro", immutable=True)
        try:
            check_version(db)
            index = Index(db)
            index.load_state()
            return index
        except BaseException:
            db.close()
            raise


def verify_rows(index: Index, beat: Callable[[int, int], None]) -> None:
    """Read every row: order, checksums and sums; raises IndexDamaged."""
    with sqlite_checked():
        index.begin_reading()
        try:
            state = index.load_state()
            _verify_blobs(index, state, beat)
        finally:
            index.end_reading()


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
    if (count, total & TOTAL_MASK) != (state.rows, state.total):
        raise IndexDamaged("rows of the index are missing")
