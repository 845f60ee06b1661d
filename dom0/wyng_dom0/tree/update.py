# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A new tree from an old one and the chunks that changed.

Reads only the nodes on changed paths, holds one open node per level, and
gives finished nodes bottom-up, so memory does not depend on the volume.
"""

from dataclasses import dataclass, field
from typing import Callable, List, Optional

from wyng_common.ids import BlobId
from wyng_dom0.tree.nodes import SLOTS, Node, Slots, height, is_hole, span

Load = Callable[[BlobId, int], Node]
Emit = Callable[[Node], BlobId]


@dataclass
class _Open:
    level: int
    index: int
    slots: Slots
    changed: bool = field(default=False)

    def put(self, slot: int, id: Optional[BlobId]) -> None:
        if self.slots[slot] != id:
            self.slots[slot] = id
            self.changed = True


class TreeUpdate:
    """Takes changes in ascending order of chunks and makes the new tree.

    `load(id, level)` gives an old node; `emit(node)` stores a new one and
    returns its id. Both may raise; the update is then worthless.
    """

    def __init__(
        self,
        old_root: Optional[BlobId],
        old_chunks: int,
        chunks: int,
        load: Load,
        emit: Emit,
    ) -> None:
        self._load = load
        self._emit = emit
        self._chunks = chunks
        self._height = height(chunks)
        self._trim = chunks < old_chunks
        self._root: Optional[BlobId] = None
        # The open path, highest level first.
        self._path: List[_Open] = []
        if self._height:
            self._start(old_root, height(old_chunks))

    def set(self, chunk: int, id: Optional[BlobId]) -> None:
        """Chunk number `chunk` is now `id`, or a hole."""
        if not 0 <= chunk < self._chunks:
            raise ValueError(f"chunk {chunk} is outside of the volume")
        self._seek(chunk)
        self._path[-1].put(chunk % SLOTS, id)

    def clear(self, first: int, count: int) -> int:
        """Chunks first..first+count-1 are holes now.

        Gives how many of them may have been none. Whole subtrees go without
        being read.
        """
        end = first + count
        if not 0 <= first <= end <= self._chunks:
            raise ValueError(f"chunk {end} is outside of the volume")
        cleared = 0
        while first < end:
            level = self._level_within(first, end)
            self._seek(first, level)
            node, slot = self._path[-1], first // span(level) % SLOTS
            reach = min(span(level), end - first)
            if node.slots[slot] is not None:
                cleared += reach
            node.put(slot, None)
            first += reach
        return cleared

    def _level_within(self, first: int, end: int) -> int:
        """The highest level of which one slot begins at `first` and holds
        nothing from `end` on."""
        level = 1
        while level < self._height:
            above = span(level + 1)
            if first % above or (first + above > end < self._chunks):
                break
            level += 1
        return level

    def finish(self) -> Optional[BlobId]:
        """The new root, or None when the whole volume is a hole."""
        if not self._height:
            return None
        if self._trim:
            self._cut()
        while len(self._path) > 1:
            self._close()
        top = self._path.pop()
        if not top.changed:
            return self._root
        return None if is_hole(top.slots) else self._store(top)

    def _start(self, root: Optional[BlobId], level: int) -> None:
        """Open the top of the new tree over the old one's root."""
        while level > self._height:
            root = None if root is None else self._load(root, level).slots[0]
            level -= 1
        if root is None or level == self._height:
            self._root = root
            self._path = [self._opened(root, self._height, 0)]
            return
        # The tree grew: new levels above the old root, which keeps slot 0.
        self._path = [
            _Open(new, 0, [None] * SLOTS, changed=True)
            for new in range(self._height, level, -1)
        ]
        self._path[-1].slots[0] = root

    def _opened(self, id: Optional[BlobId], level: int, index: int) -> _Open:
        if id is None:
            return _Open(level, index, [None] * SLOTS)
        return _Open(level, index, list(self._load(id, level).slots))

    def _seek(self, chunk: int, level: int = 1) -> None:
        """Make the node at `level` over a chunk the last of the path."""
        while not self._is_over(chunk, level):
            self._close()
        while self._path[-1].level > level:
            above = self._path[-1]
            index = chunk // span(above.level)
            id = above.slots[index % SLOTS]
            self._path.append(self._opened(id, above.level - 1, index))

    def _is_over(self, chunk: int, level: int) -> bool:
        last = self._path[-1]
        there = last.index == chunk // (span(last.level) * SLOTS)
        return there and last.level >= level

    def _close(self) -> None:
        done = self._path.pop()
        if done.changed:
            id = None if is_hole(done.slots) else self._store(done)
            self._path[-1].put(done.index % SLOTS, id)

    def _store(self, done: _Open) -> BlobId:
        return self._emit(Node(done.level, tuple(done.slots)))

    def _cut(self) -> None:
        last = self._chunks - 1
        self._seek(last)
        for node in self._path:
            for slot in range(last // span(node.level) % SLOTS + 1, SLOTS):
                node.put(slot, None)
