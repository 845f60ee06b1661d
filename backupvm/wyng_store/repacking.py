# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Moving what lives in some packs into a new one, to be rid of the old.

Order: the new pack durable -> all rows moved in one transaction -> the old
packs have none, and are unlinked like any dead pack. A crash before the
transaction leaves a new pack that nothing points into.
"""

import os
from typing import Dict, List, NamedTuple, Optional, Sequence, Union

from wyng_common.frames import BlobType, FrameHeader
from wyng_common.ids import BlobId, StagingToken
from wyng_store.archive import Archive
from wyng_store.counting import Beat
from wyng_store.errors import Full
from wyng_store.layout import PACK_ENTRIES_MAX, PACK_NAME_SIZE, PACK_TARGET
from wyng_store.packing import FinishedPack, GrowingPack
from wyng_store.packs import PackHeader, PackKind
from wyng_store.rows import BlobRow, CopyRow, PackRow

Row = Union[BlobRow, CopyRow]
# Packs of about one size are merged when there are this many: each blob is
# rewritten once per size class, of which there are four.
MERGED_AT = 16
_SMALLEST = 64 * 1024
_GROWTH = 8


class Moving(NamedTuple):
    """What lives in one pack, in order of place, and its types."""

    pack: PackRow
    rows: List[Row]
    types: List[int]


def repack(archive: Archive, victims: Sequence[PackRow], beat: Beat) -> int:
    """Move what lives in packs of one kind into new ones; gives the bytes
    moved. A pack of which not all can be read or is committed stays as it
    is. Raises Full with nothing moved but whole packs."""
    moved = 0
    waiting: List[Moving] = []
    size = count = 0
    for pack in victims:
        moving = _collect(archive, pack)
        if moving is None:
            continue
        full = size + pack.bytes > PACK_TARGET
        if waiting and (full or count + pack.rows > PACK_ENTRIES_MAX):
            moved += _move(archive, waiting)
            waiting, size, count = [], 0, 0
        waiting.append(moving)
        size, count = size + pack.bytes, count + pack.rows
        beat(moved, 0)
    return moved + (_move(archive, waiting) if waiting else 0)


def small_packs(archive: Archive) -> List[List[PackRow]]:
    """Groups of packs that are worth merging: many of one kind and size."""
    groups: Dict["tuple[int, int]", List[PackRow]] = {}
    for pack in archive.index.packs_below(PACK_TARGET // 4):
        key = (pack.kind, _size_class(pack.size))
        groups.setdefault(key, []).append(pack)
    return [group for group in groups.values() if len(group) >= MERGED_AT]


def _size_class(size: int) -> int:
    found = 0
    while size >= _SMALLEST:
        size //= _GROWTH
        found += 1
    return found


def _collect(archive: Archive, pack: PackRow) -> Optional[Moving]:
    """None when the pack must stay: it holds staged blobs, which belong to
    its token, or does not list all that lies in it."""
    try:
        entries = archive.shelf.contents(pack.name).entries
    except OSError:
        return None
    ids = [entry.id for entry in entries]
    blobs = archive.index.find_all(ids)
    rows: List[Row] = []
    if pack.kind == PackKind.COPY:
        rows.extend(archive.index.find_copies(ids))
    else:
        rows.extend(blobs.values())
    rows = [row for row in rows if row.pack == pack.num]
    held = [blobs.get(row.id) for row in rows]
    if len(rows) != pack.rows or not all(b and b.refs for b in held):
        return None
    rows.sort(key=lambda row: row.offset)
    return Moving(pack, rows, [blobs[row.id].type for row in rows])


def _move(archive: Archive, group: List[Moving]) -> int:
    kind = PackKind(group[0].pack.kind)
    name = os.urandom(PACK_NAME_SIZE)
    header = PackHeader(kind, archive.identity, StagingToken.zero(), name)
    pack = GrowingPack(archive.layout, header)
    moved: List[Row] = []
    try:
        for moving in group:
            if _append(archive, pack, moving):
                moved.extend(moving.rows)
        finished = pack.finish()
    except Full:
        pack.entries.clear()
        pack.abandon()
        raise
    _point(archive, finished, moved)
    return sum(row.length for row in moved)


def _append(archive: Archive, pack: GrowingPack, moving: Moving) -> bool:
    """Copy frames whose digest holds; False when one does not: then all
    stays where it is, for a scrub to tell."""
    for row, kind in zip(moving.rows, moving.types):
        found = archive.fetcher.read_place(row)
        if found is None:
            return False
        header = FrameHeader(BlobType(kind), BlobId(row.id), 0, 0)
        pack.append(header, found[0])
    return True


def _point(archive: Archive, pack: FinishedPack, moved: List[Row]) -> None:
    index = archive.index
    places = {entry.id: entry for entry in pack.entries}
    used = archive.shelf.modified(pack.header.name)
    with index.transaction():
        token = index.token_number(pack.header.token, used)
        num = index.add_pack(
            pack.header.name, pack.header.kind, token, pack.size
        )
        for row in moved:
            offset = places[row.id].offset
            new = row._replace(pack=num, offset=offset)
            if isinstance(new, CopyRow):
                index.write_copy(new)
            elif isinstance(row, BlobRow):
                index.write([(row, new)])
