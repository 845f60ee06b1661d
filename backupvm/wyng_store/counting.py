# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Counting: who holds what alive.

A blob's count is the number of edges to it from live blobs, plus one for each
counted commit whose catalog it is. It is live while that is not 0. Additions
are walked before releases, each into what changes state only, so that the
cost is what a commit adds and frees.

Chunks, which are nearly all blobs, have no children: edges to them are only
collected, sorted and settled at the end, where the +1 of a rewritten node and
the -1 of the old one cancel without touching a row. Changes of all others
wait in a bounded cache.

Works inside a transaction of its caller; removes rows, never files.
"""

from typing import Callable, Dict, List, Optional, Protocol

from wyng_common.frames import BlobType
from wyng_common.ids import BlobId
from wyng_common.limits import LISTED_IDS_MAX
from wyng_store.bulk import Edges
from wyng_store.errors import BlobDamaged, IndexDamaged
from wyng_store.fetching import Fetcher
from wyng_store.index import Index
from wyng_store.rows import BlobRow

_CACHE_MAX = 20_000

# Called now and then in long work with (done, total); total 0 is unknown.
Beat = Callable[[int, int], None]


def silent(done: int, total: int) -> None:
    """The beat of who waits for nothing."""


class _Held:
    """A row in the cache, and its count as it will be."""

    __slots__ = ("row", "count")

    def __init__(self, row: BlobRow) -> None:
        self.row = row
        self.count = row.refs


class Usable(Protocol):
    """Which blobs a new one may hold."""

    def meta(self, row: BlobRow, holder: int) -> bool:
        """May a blob of type `holder` hold this one, which is no chunk?"""

    def chunk(self, refs: int, pack: int, token: int, bad: int) -> bool:
        """May a node hold the chunk with such a row?"""


class Everything:
    """The commits of the log hold what they hold."""

    def meta(self, row: BlobRow, holder: int) -> bool:
        return True

    def chunk(self, refs: int, pack: int, token: int, bad: int) -> bool:
        return True


class Counter:
    """Counts roots in and out of an index.

    What `usable` refuses counts as missing. After use,
    `missing` has the ids that were not there (at most 1024 of
    `missing_count`) and `damaged` those of
    them whose frames could not be read. Call `flush` at the end: whether
    chunks are missing is known only then.
    """

    def __init__(
        self,
        index: Index,
        fetcher: Fetcher,
        usable: Usable,
        beat: Beat = silent,
    ) -> None:
        self._index = index
        self._fetcher = fetcher
        self._usable = usable
        self._beat = beat
        self._cache: Dict[bytes, _Held] = {}
        self._edges = Edges(index)
        self._done = 0
        self.missing: List[BlobId] = []
        self.missing_count = 0
        self.damaged: List[BlobId] = []

    def add(self, root: BlobId) -> None:
        """Count one more holder of `root`, and all that thereby lives."""
        stack: List[BlobRow] = []
        self._raise(root, stack, BlobType.CATALOG)
        while stack:
            row = stack.pop()
            metas, chunks = self._sorted_out(self._children_added(row))
            for child in metas:
                self._raise(child, stack, row.type)
            self._edges.add(chunks, 1)
            self._step()

    def release(self, root: BlobId) -> None:
        """Count one holder of `root` less, and free what nobody holds.

        Raises BlobDamaged when a freed blob can't be read, IndexDamaged when
        a count would fall below zero.
        """
        stack: List[BlobRow] = []
        self._lower(root, stack)
        while stack:
            row = stack.pop()
            metas, chunks = self._sorted_out(self._fetcher.children(row))
            for child in metas:
                self._lower(child, stack)
            self._edges.add(chunks, -1)
            self._step()

    def flush(self) -> None:
        """Write what changed to the index."""
        self._flush_metas()
        for settled in self._edges.settle(self._usable.chunk):
            for id in settled.missing:
                self._miss(BlobId(id))
            self._index.settle(settled.recounted, settled.gone, settled.tally)
            self._done += len(settled.recounted) + len(settled.gone)
            self._beat(self._done, 0)

    def _flush_metas(self) -> None:
        changed = []
        for held in self._cache.values():
            if held.count == held.row.refs:
                continue
            if held.count == 0:
                self._index.remove(held.row)
                continue
            new = held.row._replace(refs=held.count, token=0)
            changed.append((held.row, new))
        changed.sort()
        self._index.recount(changed)
        self._cache.clear()

    def _sorted_out(
        self, children: List[BlobId]
    ) -> "tuple[list[BlobId], list[BlobId]]":
        """Those that have children of their own, into the cache, and the
        chunks. What has no row at all is taken for a chunk."""
        unknown = [id for id in children if id not in self._cache]
        metas = self._index.find_metas(unknown)
        for id, row in self._index.find_all(metas).items():
            self._cache[id] = _Held(row)
        if not metas and len(unknown) == len(children):
            return [], children
        with_children = [id for id in children if id in self._cache]
        return with_children, [id for id in unknown if id not in metas]

    def _raise(self, id: BlobId, stack: List[BlobRow], holder: int) -> None:
        held = self._hold(id)
        if held is None or not self._may_live(held, holder):
            self._miss(id)
            return
        held.count += 1
        if held.count == 1:
            stack.append(held.row)

    def _may_live(self, held: _Held, holder: int) -> bool:
        return held.count > held.row.refs or self._usable.meta(held.row, holder)

    def _lower(self, id: BlobId, stack: List[BlobRow]) -> None:
        held = self._hold(id)
        if held is None or held.count == 0:
            raise IndexDamaged("a blob that is held has no count")
        held.count -= 1
        if held.count == 0:
            stack.append(held.row)

    def _hold(self, id: bytes) -> Optional[_Held]:
        held = self._cache.get(id)
        if held is None:
            row = self._index.find(id)
            if row is None:
                return None
            held = self._cache[id] = _Held(row)
        return held

    def _children_added(self, row: BlobRow) -> List[BlobId]:
        try:
            return self._fetcher.children(row)
        except BlobDamaged as error:
            self.damaged.append(error.id)
            self._miss(error.id)
            return []

    def _miss(self, id: BlobId) -> None:
        self.missing_count += 1
        if len(self.missing) < LISTED_IDS_MAX:
            self.missing.append(id)

    def _step(self) -> None:
        self._done += 1
        if self._done % 64 == 0:
            self._beat(self._done, 0)
        if len(self._cache) > _CACHE_MAX:
            self._flush_metas()
