# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A volume as it is now against its newest session, chunk by chunk."""

from typing import Callable, Iterator, List, Optional, Sequence, Tuple

from wyng_common.ids import BlobId
from wyng_dom0.tree.nodes import Node
from wyng_dom0.tree.update import TreeUpdate
from wyng_dom0.tree.walk import chunk_refs


class TreeComparison:
    """Takes chunks in ascending order and makes the new tree.

    `load(ids, level)` gives nodes of the old tree, `emit(node)` stores a new
    one. `changed` counts the chunks that differ so far.
    """

    def __init__(
        self,
        old: Tuple[Optional[BlobId], int],
        chunks: int,
        load: Callable[[Sequence[BlobId], int], List[Node]],
        emit: Callable[[Node], BlobId],
    ) -> None:
        root, old_chunks = old
        self._update = TreeUpdate(
            root,
            old_chunks,
            chunks,
            lambda id, level: load([id], level)[0],
            emit,
        )
        self._old: Iterator[Tuple[int, BlobId]]
        self._old = chunk_refs(root, old_chunks, load)
        self._next = next(self._old, None)
        self.changed = 0

    def chunk(self, number: int, id: Optional[BlobId]) -> None:
        """Chunk `number` is `id` now, None for zeros."""
        before = None
        if self._next is not None and self._next[0] == number:
            before = self._next[1]
            self._next = next(self._old, None)
        if before != id:
            self._update.set(number, id)
            self.changed += 1

    def hole(self, first: int, count: int) -> None:
        """Chunks first..first+count-1 are zeros now."""
        while self._next is not None and self._next[0] < first + count:
            self.chunk(self._next[0], None)

    def finish(self) -> Optional[BlobId]:
        """The new tree's root; None when the volume is all zeros."""
        return self._update.finish()
