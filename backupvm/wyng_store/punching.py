# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Punching holes where dead frames lay, so that no data is rewritten.

A pack is renamed before its first hole, durably: whoever builds an index
from a pack called .holed believes only frames whose digest holds. A pack
with a second name (`cp -al`) is another archive's too and stays as it is.
"""

import os
import tempfile
from typing import Iterable, List, Optional, Tuple

from wyng_store import durable
from wyng_store.archive import Archive
from wyng_store.packs import Entry
from wyng_store.rows import PackRow

_BLOCK = 4096


def holes(entries: List[Entry], kept: Iterable[int]) -> List[Tuple[int, int]]:
    """Where (offset, length) whole blocks hold nothing but dead frames.

    `entries` are all of a pack, `kept` the offsets of those that stay.
    """
    living = set(kept)
    found: List[Tuple[int, int]] = []
    begin = end = 0
    for entry in sorted(entries, key=lambda entry: entry.offset):
        if entry.offset in living:
            continue
        if entry.offset != end:
            _add_blocks(found, begin, end)
            begin = entry.offset
        end = entry.offset + entry.length
    _add_blocks(found, begin, end)
    return found


def punch(
    archive: Archive, pack: PackRow, ranges: List[Tuple[int, int]]
) -> Optional[int]:
    """Punch them; gives what the pack takes then, None when it can't be.

    Readers must be out, and the rows of what is punched durably gone.
    """
    if not ranges or not can_punch(archive):
        return None
    if not _open_for_holes(archive, pack):
        return None
    path = archive.layout.holed(pack.name)
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        for offset, length in ranges:
            if not durable.punch(fd, offset, length):
                return None
        durable.sync_file(fd, path)
    finally:
        os.close(fd)
    return archive.shelf.size(pack.name)


def can_punch(archive: Archive) -> bool:
    """Can the file system of the packs do it? Tried once, on a file of no
    name, because a pack is renamed before it is known otherwise."""
    if archive.punches is None:
        try:
            with tempfile.TemporaryFile(dir=archive.layout.packs) as file:
                file.write(bytes(2 * _BLOCK))
                file.flush()
                archive.punches = durable.punch(file.fileno(), 0, _BLOCK)
        except OSError:
            # A full disk can't be asked; on many, giving back still works.
            return True
    return archive.punches


def _open_for_holes(archive: Archive, pack: PackRow) -> bool:
    """Give the pack its other name, if it is ours alone."""
    path = archive.shelf.path(pack.name)
    if os.stat(path).st_nlink != 1:
        return False
    holed = archive.layout.holed(pack.name)
    if path != holed:
        durable.rename(path, holed)
        durable.sync_directory(holed.parent)
    return True


def _add_blocks(found: List[Tuple[int, int]], begin: int, end: int) -> None:
    first = -(-begin // _BLOCK) * _BLOCK
    last = end // _BLOCK * _BLOCK
    if last > first:
        found.append((first, last - first))
