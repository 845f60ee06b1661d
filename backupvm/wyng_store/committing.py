# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Making a commit exist: the one place where sessions begin and end.

Order: everything staged durable -> walk and count in an open transaction
(nothing visible) -> record durable in log/ (from here it exists) -> the
transaction ends. A crash before the record leaves nothing; after it, the
next open counts it again.
"""

from typing import Callable, List, Optional, Set

from wyng_common.commits import Commit, hash_record, parse_commit
from wyng_common.frames import BlobType
from wyng_common.ids import BlobId, CommitHash, StagingToken
from wyng_store import delaying
from wyng_store.archive import Archive
from wyng_store.counting import Beat, Counter, silent
from wyng_store.errors import (
    BlobDamaged,
    Conflict,
    Denied,
    Full,
    MissingBlobs,
)
from wyng_store.rows import BlobRow


def commit(
    archive: Archive,
    untrusted_record: bytes,
    token: StagingToken,
    may_release: bool,
    beat: Beat = silent,
) -> None:
    """Check a record and make it the head.

    Returns once the record is durable in both copies. Doing it again with
    the same bytes is fine. Raises CommitError, Denied, Conflict,
    MissingBlobs (nothing has happened), Full (nothing has happened), Damage.
    """
    record = parse_commit(untrusted_record)
    if (record.releases or record.removals) and not may_release:
        raise Denied("this connection may add, not release")
    if _is_repeated(archive, record, untrusted_record):
        return
    data = bytes(untrusted_record)
    archive.healing(
        lambda: _count_and_append(archive, record, data, token, beat)
    )


def _is_repeated(archive: Archive, record: Commit, data: bytes) -> bool:
    """Is it there already? Raises Conflict when it does not fit."""
    sequence, head = archive.head()
    if record.archive != archive.identity:
        raise Conflict(sequence, head)
    if record.sequence <= sequence:
        there = archive.chain.find(record.sequence)
        if there is not None and there.data == data:
            archive.chain.heal(there)
            return True
        raise Conflict(sequence, head)
    if record.sequence != sequence + 1 or record.previous != head:
        raise Conflict(sequence, head)
    return False


def _count_and_append(
    archive: Archive,
    record: Commit,
    data: bytes,
    token: StagingToken,
    beat: Beat,
) -> None:
    if archive.chain.find(record.sequence) is not None:
        return  # recorded before a rebuild, which has counted it
    delaying.advance(archive)
    delaying.keep(archive, record)
    appended = False

    def append() -> None:
        nonlocal appended
        if not archive.chain.append(record, data):
            raise Conflict(*archive.head())
        appended = True

    try:
        _count(archive, record, hash_record(data), token, beat, append)
    except MissingBlobs:
        archive.verify_index()
        raise
    except Full:
        if not appended:
            raise
        # It exists; the index follows at the next open.


def count_commit(
    archive: Archive,
    record: Commit,
    hash: CommitHash,
    token: Optional[StagingToken],
    beat: Beat = silent,
) -> None:
    """Count a commit that is in the log already."""
    _count(archive, record, hash, token, beat, _nothing)


def _nothing() -> None:
    """What follows the count of a commit that is recorded already."""


def _count(
    archive: Archive,
    record: Commit,
    hash: CommitHash,
    token: Optional[StagingToken],
    beat: Beat,
    append: Callable[[], None],
) -> None:
    """Count, append, store; without the releases when a blob to be freed
    can't be read, or in safe mode: those wait for a recount."""
    if not archive.index.state.safe:
        try:
            _count_once(archive, record, hash, token, beat, append, True)
            return
        except BlobDamaged:
            with archive.index.transaction():
                archive.index.set_state(safe=1)
    _count_once(archive, record, hash, token, beat, append, False)


def _count_once(
    archive: Archive,
    record: Commit,
    hash: CommitHash,
    token: Optional[StagingToken],
    beat: Beat,
    append: Callable[[], None],
    releases: bool,
) -> None:
    index = archive.index
    usable = _Usable(archive, token)
    counter = Counter(index, archive.fetcher, usable, beat)
    try:
        with index.transaction():
            _add(counter, index.find(record.catalog), record)
            index.add_root(record.sequence, record.catalog)
            if releases:
                _release(archive, counter, record)
            counter.flush()
            if counter.missing:
                raise MissingBlobs(counter.missing)
            deferred = index.state.deferred or (
                record.releases and not releases
            )
            index.set_state(
                sequence=record.sequence,
                head=hash,
                deferred=1 if deferred else 0,
            )
            index.flush()
            append()
    except MissingBlobs:
        _mark_bad(archive, counter)
        raise


def _add(counter: Counter, root: Optional[BlobRow], record: Commit) -> None:
    if root is None or root.type != BlobType.CATALOG:
        raise MissingBlobs([record.catalog])
    counter.add(record.catalog)


def _release(archive: Archive, counter: Counter, record: Commit) -> None:
    for sequence, catalog in delaying.put_off(archive, record):
        counter.release(BlobId(catalog))
        archive.index.remove_root(sequence)


def _mark_bad(archive: Archive, counter: Counter) -> None:
    """So that HAVE says no and the next PUT of them is stored."""
    found: List[BlobRow] = []
    for id in counter.damaged:
        row = archive.index.find(id)
        if row is not None and not row.bad:
            found.append(row)
    if found:
        with archive.index.transaction():
            archive.index.write((row, row._replace(bad=1)) for row in found)


class _Usable:
    """May a blob be held by a new one? It must be live, or staged by this
    token (None: by any), not bad, and its pack must be there.

    What lists sessions may go on holding a live blob that is bad: one
    damaged session must stop neither its volume's next ones nor its own
    removal. A node may not, for that would be a new damaged session.
    """

    def __init__(self, archive: Archive, token: Optional[StagingToken]) -> None:
        self._archive = archive
        self._token: Optional[int] = None
        self._any = token is None
        self._there: Set[int] = set()
        if token is not None:
            for known in archive.index.tokens():
                if known.token == token:
                    self._token = known.num

    def meta(self, row: BlobRow, holder: int) -> bool:
        if row.refs and holder != BlobType.NODE:
            return True
        return self.chunk(row.refs, row.pack, row.token, row.bad)

    def chunk(self, refs: int, pack: int, token: int, bad: int) -> bool:
        if not (refs or self._any or token == self._token):
            return False
        if bad and not self._any:
            return False
        return pack in self._there or self._look(pack)

    def _look(self, num: int) -> bool:
        pack = self._archive.index.pack(num)
        if not self._archive.shelf.exists(pack.name):
            return False
        self._there.add(num)
        return True
