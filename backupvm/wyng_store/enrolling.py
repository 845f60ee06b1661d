# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Enrolling packs: their rows into the index, in bulk.

Three ways to come: just written by this process, found on the disk at open,
or all of them in a rebuild. Works inside a transaction of the caller.
"""

from typing import Iterable, Iterator, List, Optional, Sequence, Tuple

from wyng_common.frames import DOUBLED_TYPES
from wyng_common.ids import StagingToken
from wyng_store.bulk import Places
from wyng_store.counting import Beat
from wyng_store.fetching import Fetcher
from wyng_store.index import Index
from wyng_store.packing import FinishedPack
from wyng_store.packs import Entry, PackContents, PackKind
from wyng_store.rows import BlobRow, CopyRow
from wyng_store.shelf import Shelf

_BATCH = 4096
Change = Tuple[Optional[BlobRow], BlobRow]


def enroll_written(index: Index, pack: FinishedPack, used: int) -> None:
    """Point all its blobs into a pack just written; their counts stay.

    The rows of a pack written under a token replace older ones: PUT stores
    a blob again only where the old one was bad or another token's.
    """
    header = pack.header
    if index.find_pack(header.name) is not None:
        return
    token = index.token_number(header.token, used)
    num = index.add_pack(header.name, header.kind, token, pack.size)
    if header.kind is PackKind.COPY:
        for entry in pack.entries:
            index.write_copy(_copy(entry, num))
        return
    found = index.find_all(entry.id for entry in pack.entries)
    changes: List[Change] = []
    for entry in sorted(pack.entries, key=_by_id):
        old = found.get(entry.id)
        changes.append((old, _repointed(old, entry, num, token)))
    index.write(changes)


def enroll_found(index: Index, shelf: Shelf, name: bytes) -> None:
    """List a pack that lies on the disk. Where two packs hold a blob, the
    one stays whose frame is good."""
    contents = shelf.proven(name)
    num, token = _list(index, shelf, name, contents)
    if num is None:
        return
    fetcher = Fetcher(index, shelf)
    found = index.find_all(entry.id for entry in contents.entries)
    changes: List[Change] = []
    seen = set()
    for entry in sorted(contents.entries, key=_by_id):
        old = found.get(entry.id)
        new = _repointed(old, entry, num, token)
        if entry.id in seen or not _is_better(fetcher, old, new):
            continue
        seen.add(entry.id)
        changes.append((old, new))
    index.write(changes)


def enroll_all(
    index: Index, shelf: Shelf, names: Sequence[bytes], beat: Beat
) -> None:
    """List all packs there are in an empty index: the same for many rows,
    each of which is written once, in order."""
    places = Places(index)
    for done, name in enumerate(names):
        try:
            contents = shelf.proven(name)
            num, token = _list(index, shelf, name, contents)
        except FileNotFoundError:
            continue
        if num is not None:
            places.add(
                (e.id, num, e.type, e.offset, e.length, token)
                for e in contents.entries
            )
        beat(done, len(names))
    index.flush()
    batch: List[BlobRow] = []
    for row in _best(Fetcher(index, shelf), places.sorted()):
        batch.append(row)
        if len(batch) == _BATCH:
            index.insert(batch)
            batch.clear()
            beat(0, 0)
    index.insert(batch)


def _best(fetcher: Fetcher, found: Iterable[BlobRow]) -> Iterator[BlobRow]:
    """One row of each id, the first whose frame is good."""
    best: Optional[BlobRow] = None
    for row in found:
        if best is not None and row.id != best.id:
            yield best
            best = None
        if _is_better(fetcher, best, row):
            best = row
    if best is not None:
        yield best


def _list(
    index: Index, shelf: Shelf, name: bytes, contents: PackContents
) -> "Tuple[Optional[int], int]":
    """Number of a pack listed now, and of its token. A pack of copies is
    done with that; its number is None."""
    used = shelf.modified(name)
    header = contents.header
    owner = StagingToken.zero() if header is None else header.token
    token = index.token_number(owner, used)
    kind = _kind(contents)
    num = index.add_pack(name, kind, token, shelf.size(name))
    if kind is not PackKind.COPY:
        return num, token
    for entry in contents.entries:
        index.write_copy(_copy(entry, num))
    return None, token


def promote_copies(index: Index, shelf: Shelf) -> None:
    """Where only the second copy of a blob is left, make it the first."""
    changes: List[Change] = []
    for copy in list(index.copies()):
        if index.find(copy.id) is not None:
            continue
        pack = index.pack(copy.pack)
        frame = Fetcher(index, shelf).read_place(copy)
        if frame is None:
            continue
        place = (copy.pack, copy.offset, copy.length)
        changes.append(
            (None, BlobRow(copy.id, frame[0][0], *place, 0, pack.token, 0))
        )
    index.write(changes)


def _by_id(entry: Entry) -> bytes:
    return entry.id


def _copy(entry: Entry, num: int) -> CopyRow:
    return CopyRow(entry.id, num, entry.offset, entry.length)


def _kind(contents: PackContents) -> PackKind:
    """With an unreadable header, what a pack holds tells its kind; taking a
    copy for a first one loses nothing."""
    if contents.header is not None:
        return contents.header.kind
    types = {entry.type for entry in contents.entries}
    return PackKind.META if types & DOUBLED_TYPES else PackKind.DATA


def _repointed(
    old: Optional[BlobRow], entry: Entry, num: int, token: int
) -> BlobRow:
    count = 0 if old is None else old.refs
    owner = 0 if count else token
    place = (num, entry.offset, entry.length)
    return BlobRow(entry.id, entry.type, *place, count, owner, 0)


def _is_better(fetcher: Fetcher, old: Optional[BlobRow], new: BlobRow) -> bool:
    if old is None:
        return True
    if not old.bad and fetcher.read_place(old) is not None:
        return False
    return fetcher.read_place(new) is not None
