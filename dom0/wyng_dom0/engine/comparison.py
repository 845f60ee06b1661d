# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A volume as it is now against its newest session, chunk by chunk."""

from itertools import islice
from typing import (
    Callable,
    Dict,
    FrozenSet,
    Iterable,
    Iterator,
    List,
    Optional,
    Protocol,
    Sequence,
    Tuple,
)

from wyng_common.ids import BlobId
from wyng_dom0.tree.nodes import Node
from wyng_dom0.tree.update import TreeUpdate
from wyng_dom0.tree.walk import chunk_refs, lookup

# Looked up in one go; their paths fit into what a reader remembers of nodes.
_WINDOW = 256

Tree = Tuple[Optional[BlobId], int]  # root and number of chunks
Load = Callable[[Sequence[BlobId], int], List[Node]]
Emit = Callable[[Node], BlobId]


class Comparison(Protocol):
    """Takes chunks in ascending order and makes the new tree.

    `changed` counts the chunks that differ so far.
    """

    changed: int

    def chunk(self, number: int, id: Optional[BlobId]) -> None:
        """Chunk `number` is `id` now, None for zeros."""

    def hole(self, first: int, count: int) -> None:
        """Chunks first..first+count-1 are zeros now."""

    def finish(self) -> Optional[BlobId]:
        """The new tree's root; None when the volume is all zeros."""


class TreeComparison:
    """Is told every chunk of the volume, and walks all of the old tree.

    `load(ids, level)` gives nodes of the old tree, `emit(node)` stores a new
    one.
    """

    def __init__(self, old: Tree, chunks: int, load: Load, emit: Emit) -> None:
        root, old_chunks = old
        self._update = _update(old, chunks, load, emit)
        self._old: Iterator[Tuple[int, BlobId]]
        self._old = chunk_refs(root, old_chunks, load)
        self._next = next(self._old, None)
        self.changed = 0

    def chunk(self, number: int, id: Optional[BlobId]) -> None:
        """See Comparison."""
        before = None
        if self._next is not None and self._next[0] == number:
            before = self._next[1]
            self._next = next(self._old, None)
        if before != id:
            self._update.set(number, id)
            self.changed += 1

    def hole(self, first: int, count: int) -> None:
        """See Comparison."""
        while self._next is not None and self._next[0] < first + count:
            self.chunk(self._next[0], None)

    def finish(self) -> Optional[BlobId]:
        """See Comparison."""
        return self._update.finish()


class SparseComparison:
    """Is told the chunks of some runs, and reads only the nodes above them.

    All others are as they were. `runs` are the (first, count) that will be
    told, ascending.
    """

    def __init__(
        self,
        old: Tree,
        chunks: int,
        runs: Iterable[Tuple[int, int]],
        load: Load,
        emit: Emit,
    ) -> None:
        self._tree = old
        self._load = load
        self._update = _update(old, chunks, load, emit)
        self._numbers = (
            number
            for first, count in runs
            for number in range(first, first + count)
        )
        self._known: Dict[int, BlobId] = {}
        self._window: FrozenSet[int] = frozenset()
        self.changed = 0

    def chunk(self, number: int, id: Optional[BlobId]) -> None:
        """See Comparison."""
        if number not in self._window:
            self._look_up(number)
        if self._known.get(number) != id:
            self._update.set(number, id)
            self.changed += 1

    def hole(self, first: int, count: int) -> None:
        """See Comparison; `changed` grows by what may have been data."""
        self.changed += self._update.clear(first, count)

    def finish(self) -> Optional[BlobId]:
        """See Comparison."""
        return self._update.finish()

    def _look_up(self, number: int) -> None:
        later = (each for each in self._numbers if each >= number)
        window = list(islice(later, _WINDOW))
        if not window or window[0] != number:
            raise ValueError(f"chunk {number} is in none of the runs")
        self._known = lookup(self._tree, window, self._load)
        self._window = frozenset(window)


def _update(old: Tree, chunks: int, load: Load, emit: Emit) -> TreeUpdate:
    root, old_chunks = old
    return TreeUpdate(
        root,
        old_chunks,
        chunks,
        lambda id, level: load([id], level)[0],
        emit,
    )
