# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Scrubbing: reading everything again, and counting it again.

Marks what can't be read in the index, so that the next send puts it anew;
points to a second copy where that is good. Deletes nothing.
"""

from dataclasses import dataclass, field
from typing import Iterator, List, Sequence, Tuple

from wyng_common.frames import DOUBLED_TYPES
from wyng_common.ids import BlobId
from wyng_common.limits import LISTED_IDS_MAX
from wyng_store import locks
from wyng_store.archive import Archive
from wyng_store.counting import Beat, silent
from wyng_store.errors import Busy, StoreError
from wyng_store.index import Index
from wyng_store.opening import open_writer
from wyng_store.packs import PackContents
from wyng_store.rows import BlobRow, CopyRow, PackRow
from wyng_store.schema import sqlite_checked

_IDS_MAX = 65536


@dataclass
class Scrubbed:
    """What a scrub read and found. `ids`: damaged or missing blobs, at most
    65,536. `counts_agreed`: the index's counts were right. `spoiled`: damaged
    places that cost no blob: second copies, bad or gone, frames that nothing
    points to, headers and footers of packs."""

    frames: int = 0
    read_bytes: int = 0
    damaged: int = 0
    missing: int = 0
    spoiled: int = 0
    counts_agreed: bool = True
    chain_intact: bool = True
    ids: List[BlobId] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        return not self.damaged and not self.missing and self.chain_intact

    def restart(self) -> None:
        """Forget what reading found over a damaged index, not what is
        missing: that was counted from the packs."""
        self.frames = self.read_bytes = self.damaged = self.spoiled = 0
        del self.ids[min(self.missing, LISTED_IDS_MAX) :]

    def note(self, id: bytes) -> None:
        if len(self.ids) < _IDS_MAX:
            self.ids.append(BlobId(id))


def scrub(
    archive: Archive,
    digests: bool,
    counts: bool,
    budget: int = 0,
    beat: Beat = silent,
) -> Scrubbed:
    """Read frames again (`budget` bytes, 0: all, going on where the last
    one stopped) and count again. Raises Full, Busy."""
    found = Scrubbed()
    if counts:
        # First: over an index that is behind, blobs that are rightly gone
        # would be called damaged.
        _scrub_counts(archive, found, beat)
    if digests:
        archive.healing(lambda: _scrub_digests(archive, found, budget, beat))
    if counts:
        found.damaged = max(found.damaged, archive.index.state.bad)
    return found


def readable(archive: Archive, ids: Sequence[BlobId]) -> bytes:
    """The bitmap of those that live here and are not known to be bad: id i
    is bit 7-(i mod 8) of byte i/8. A no never comes from a lost row."""
    rows = archive.index.find_all(ids)
    bits = bytearray((len(ids) + 7) // 8)
    for at, id in enumerate(ids):
        row = rows.get(id)
        if row is not None and row.refs and not row.bad:
            bits[at >> 3] |= 0x80 >> (at & 7)
        elif row is None:
            archive.verify_index()
    return bytes(bits)


def _scrub_digests(
    archive: Archive, found: Scrubbed, budget: int, beat: Beat
) -> None:
    found.restart()
    changes: List[Tuple[BlobRow, BlobRow]] = []
    cursor = bytes(16)
    for pack in _from_cursor(archive.index):
        rows = _rows_of(archive, pack)
        found.spoiled += _spoiled_places(archive, pack, rows)
        for row in rows:
            found.frames += 1
            found.read_bytes += row.length
            new = _judged(archive, row)
            if new.bad:
                found.damaged += 1
                found.note(new.id)
            elif new.pack != row.pack or not _is_doubled(archive, row):
                found.spoiled += 1
            if new != row:
                changes.append((row, new))
            beat(found.read_bytes, archive.index.state.all_bytes)
        if budget and found.read_bytes >= budget:
            cursor = pack.name
            break
    _record(archive, changes, cursor)


def _from_cursor(index: Index) -> Iterator[PackRow]:
    packs = sorted(index.packs(), key=lambda pack: pack.name)
    cursor = index.load_state().cursor
    return (pack for pack in packs if pack.name > cursor)


def _rows_of(archive: Archive, pack: PackRow) -> List[BlobRow]:
    """The rows that point into a pack, in the order of its frames."""
    try:
        entries = archive.shelf.contents(pack.name).entries
    except OSError:
        entries = []
    rows = archive.index.find_all(entry.id for entry in entries).values()
    here = [row for row in rows if row.pack == pack.num]
    here.sort(key=lambda row: row.offset)
    if len(here) < pack.rows:
        here = [row for row in archive.index.blobs() if row.pack == pack.num]
        here.sort(key=lambda row: row.offset)
    return here


def _is_doubled(archive: Archive, row: BlobRow) -> bool:
    """Is there a second copy elsewhere of what is alive and must have one?"""
    if not row.refs or row.type not in DOUBLED_TYPES:
        return True
    copy = archive.index.find_copy(row.id)
    return copy is not None and copy.pack != row.pack


def _spoiled_places(
    archive: Archive, pack: PackRow, rows: List[BlobRow]
) -> int:
    """How much of a pack is damaged beside the frames of its rows: header
    or footer, second copies, what is dead."""
    try:
        contents = archive.shelf.contents(pack.name)
    except OSError:
        return 0
    header = contents.header
    whole = contents.footed and header is not None
    if header is not None:
        owner = (header.archive, header.name)
        whole = whole and owner == (archive.identity, pack.name)
    places = _other_places(archive, pack, contents, rows)
    read = map(archive.fetcher.read_place, places)
    return (not whole) + sum(frame is None for frame in read)


def _other_places(
    archive: Archive, pack: PackRow, contents: PackContents, rows: List[BlobRow]
) -> List[CopyRow]:
    """Where the frames lie that no blob's row points to. Of a holed pack
    only second copies: what else it lists may be a hole."""
    if archive.shelf.is_holed(pack.name):
        ids = [entry.id for entry in contents.entries]
        copies = archive.index.find_copies(ids)
        return [copy for copy in copies if copy.pack == pack.num]
    held = {row.offset for row in rows}
    return [
        CopyRow(entry.id, pack.num, entry.offset, entry.length)
        for entry in contents.entries
        if entry.offset not in held
    ]


def _judged(archive: Archive, row: BlobRow) -> BlobRow:
    """The row as it should be: marked, unmarked, or at its second copy."""
    fetcher = archive.fetcher
    if fetcher.read_place(row) is not None:
        return row._replace(bad=0)
    copy = archive.index.find_copy(row.id)
    if copy is None or fetcher.read_place(copy) is None:
        return row._replace(bad=1)
    return row._replace(
        bad=0, pack=copy.pack, offset=copy.offset, length=copy.length
    )


def _record(
    archive: Archive, changes: List[Tuple[BlobRow, BlobRow]], cursor: bytes
) -> None:
    """Write down what was found; a reader borrows the writer lock for it."""
    if archive.is_private:
        return
    if archive.writer:
        _apply(archive.index, changes, cursor)
        return
    try:
        lock = locks.acquire_writer(archive.layout.lock)
    except (Busy, OSError):
        return
    try:
        with sqlite_checked():
            index = open_writer(archive.layout.index)
        _apply(index, changes, cursor)
        index.close()
    except StoreError:
        return
    finally:
        lock.close()


def _apply(
    index: Index, changes: List[Tuple[BlobRow, BlobRow]], cursor: bytes
) -> None:
    with index.transaction():
        live = False
        for old, new in changes:
            if index.find(old.id) == old:
                index.write([(old, new)])
                live = live or bool(new.bad and new.refs)
        index.set_state(cursor=cursor)
        if live:
            index.set_state(safe=1)


def _scrub_counts(archive: Archive, found: Scrubbed, beat: Beat) -> None:
    built, finding = archive.build_aside()
    try:
        with sqlite_checked():
            agreed = archive.index.load_state().safe or _agree(
                archive.index, built, beat
            )
    except StoreError:
        agreed = False
    finally:
        built.close()
    found.counts_agreed = bool(agreed)
    found.chain_intact = finding.chain_intact
    found.missing = finding.missing_count
    for id in finding.missing:
        found.note(id)
    safe = archive.index.state.safe
    if not agreed or bool(safe) != (not finding.is_whole):
        archive.rebuild()


def _agree(index: Index, built: Index, beat: Beat) -> bool:
    """Do both hold the same blobs alive, equally often?"""
    ours, theirs = _live(index), _live(built)
    while True:
        pair = next(ours, None), next(theirs, None)
        beat(0, 0)
        if pair == (None, None):
            return True
        if pair[0] != pair[1]:
            return False


def _live(index: Index) -> "Iterator[Tuple[bytes, int]]":
    for row in index.blobs():
        if row.refs:
            yield row.id, row.refs
