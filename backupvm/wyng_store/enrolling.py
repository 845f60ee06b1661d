# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Enrolling packs: their rows into the index, in bulk.

Three ways to come: just written by this process, found on the disk at open,
or all of them in a rebuild. Works inside a transaction of the caller.
"""

from typing import List, Optional, Tuple

from wyng_common.frames import DOUBLED_TYPES
from wyng_common.ids import StagingToken
from wyng_store.fetching import Fetcher
from wyng_store.index import Index
from wyng_store.packing import FinishedPack
from wyng_store.packs import Entry, PackContents, PackKind
from wyng_store.rows import BlobRow, CopyRow
from wyng_store.shelf import Shelf

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
    changes: List[Change] = []
    for entry in sorted(pack.entries, key=_by_id):
        old = index.find(entry.id)
        changes.append((old, _repointed(old, entry, num, token)))
    index.write(changes)


def enroll_found(
    index: Index, shelf: Shelf, name: bytes, contents: PackContents
) -> None:
    """List a pack that lies on the disk. Where two packs hold a blob, the
    one stays whose frame is good."""
    used = shelf.modified(name)
    header = contents.header
    owner = StagingToken.zero() if header is None else header.token
    token = index.token_number(owner, used)
    kind = _kind(contents)
    num = index.add_pack(name, kind, token, shelf.size(name))
    if kind is PackKind.COPY:
        for entry in contents.entries:
            index.write_copy(_copy(entry, num))
        return
    fetcher = Fetcher(index, shelf)
    changes: List[Change] = []
    seen = set()
    for entry in sorted(contents.entries, key=_by_id):
        old = index.find(entry.id)
        if entry.id in seen or not _is_better(fetcher, old, entry, num):
            continue
        seen.add(entry.id)
        changes.append((old, _repointed(old, entry, num, token)))
    index.write(changes)


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


def _is_better(
    fetcher: Fetcher, old: Optional[BlobRow], entry: Entry, num: int
) -> bool:
    if old is None:
        return True
    if not old.bad and fetcher.read_place(old) is not None:
        return False
    place = CopyRow(entry.id, num, entry.offset, entry.length)
    return fetcher.read_place(place) is not None
