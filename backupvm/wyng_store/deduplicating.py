# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Dropping frames that lie in packs twice.

A blob has one row, so of two frames one is kept and the other is dead. How
they come to be: a crash between a pack and its rows, two senders at work on
the same, packs copied in from another archive. What is kept twice on purpose
(pages, catalogs, segments, groups: a row and a copy's row) is not twice.

Order: the kept frame's digest holds, else the row is pointed at the other
one, durably -> everything as in a reclaim. A crash between leaves a row that
points at a good frame.
"""

from functools import partial
from typing import List, NamedTuple, Optional, Tuple, Union

from wyng_common.ids import StagingToken
from wyng_store.archive import Archive
from wyng_store.counting import Beat, silent
from wyng_store.packs import Entry, PackKind
from wyng_store.reclaiming import reclaim
from wyng_store.rows import BlobRow, CopyRow, PackRow

_Row = Union[BlobRow, CopyRow]


class Deduplicated(NamedTuple):
    """What the reclaim behind it freed, and bytes that are still to be given
    back; frames that lay there twice, and their bytes."""

    freed: int = 0
    pending: int = 0
    frames: int = 0
    bytes: int = 0


class _Twice(NamedTuple):
    """What one pack holds beside what is kept elsewhere. `rows`: to be
    pointed into this pack, for what is kept elsewhere has rotted."""

    frames: int
    bytes: int
    rows: List[Tuple[BlobRow, BlobRow]]
    is_sound: bool


def deduplicate(
    archive: Archive, token: StagingToken, budget: int, beat: Beat = silent
) -> Deduplicated:
    """Find what lies there twice and reclaim it, however little of a pack
    it is; `budget` and the rest as for `reclaim`. Nothing in safe mode."""
    if archive.index.state.safe:
        archive.rebuild()
    if archive.index.state.safe:
        return Deduplicated(pending=reclaim(archive, token, budget, beat)[1])
    frames = size = 0
    victims: List[bytes] = []
    for pack in archive.healing(lambda: list(archive.index.packs())):
        twice = archive.healing(partial(_look, archive, pack.name))
        beat(size, 0)
        if twice is None or not twice.is_sound:
            continue
        frames, size = frames + twice.frames, size + twice.bytes
        if twice.frames and not twice.rows:
            victims.append(pack.name)
    freed, pending = reclaim(archive, token, budget, beat, victims)
    return Deduplicated(freed, pending, frames, size)


def _look(archive: Archive, name: bytes) -> Optional[_Twice]:
    """What a pack holds that is kept elsewhere too, with both proven; a row
    whose frame has rotted is pointed here. None: the pack is gone."""
    pack = archive.index.find_pack(name)
    if pack is None:
        return None
    try:
        entries = archive.shelf.contents(name).entries
    except OSError:
        return None
    twice = _compare(archive, pack, entries)
    if twice.rows:
        with archive.index.transaction():
            archive.index.write(twice.rows)
    return twice


def _compare(archive: Archive, pack: PackRow, entries: List[Entry]) -> _Twice:
    fetcher = archive.fetcher
    frames = size = 0
    rows: List[Tuple[BlobRow, BlobRow]] = []
    is_sound = True
    for entry, kept in _elsewhere(archive, pack, entries):
        here = CopyRow(entry.id, pack.num, entry.offset, entry.length)
        if fetcher.read_place(here) is None:
            # A hole, or rotten: nobody would miss it.
            continue
        if fetcher.read_place(kept) is not None:
            frames, size = frames + 1, size + entry.length
        elif isinstance(kept, BlobRow):
            place = (pack.num, entry.offset, entry.length)
            new = kept._replace(
                pack=place[0], offset=place[1], length=place[2], bad=0
            )
            rows.append((kept, new))
        else:
            is_sound = False
    return _Twice(frames, size, rows, is_sound)


def _elsewhere(
    archive: Archive, pack: PackRow, entries: List[Entry]
) -> List[Tuple[Entry, _Row]]:
    """The entries of a pack that nothing points to, with the row of the
    frame that is kept in their place. What has none is dead, not twice."""
    ids = [entry.id for entry in entries]
    blobs = archive.index.find_all(ids)
    copies = {row.id: row for row in archive.index.find_copies(ids)}
    found: List[Tuple[Entry, _Row]] = []
    for entry in entries:
        place = (pack.num, entry.offset)
        blob, copy = blobs.get(entry.id), copies.get(entry.id)
        held = [(row.pack, row.offset) for row in (blob, copy) if row]
        if blob is None or place in held:
            continue
        is_copy = pack.kind == PackKind.COPY and copy is not None
        found.append((entry, copy if is_copy and copy else blob))
    return found
