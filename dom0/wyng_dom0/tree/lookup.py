# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Finding some chunks of a tree: only the paths to them are read."""

from typing import Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

from wyng_common.ids import BlobId
from wyng_dom0.tree.nodes import SLOTS, height, span
from wyng_dom0.tree.walk import LoadMany

# (number of the first chunk, how many)
Run = Tuple[int, int]
_BATCH = 64
_Slots = Tuple[Optional[BlobId], ...]
_HOLES: _Slots = (None,) * SLOTS


def chunk_refs_in(
    root: Optional[BlobId],
    chunks: int,
    runs: Iterable[Run],
    load_many: LoadMany,
) -> Iterator[Tuple[int, BlobId]]:
    """(chunk number, id) of the chunks in `runs` that are no hole, in order.

    `runs` are ascending and disjoint; what lies behind the volume's end is
    left out. Nodes are asked for in batches, and one batch is held.
    """
    if root is None:
        return
    for batch in _batches(_parts(runs, chunks)):
        leaves = _leaves(
            root, chunks, [leaf for leaf, _, _ in batch], load_many
        )
        for leaf, first, end in batch:
            for slot in range(first, end):
                id = leaves[leaf][slot]
                if id is not None:
                    yield leaf * SLOTS + slot, id


def runs_of(
    ranges: Iterable[Tuple[int, int]], chunk_size: int
) -> Iterator[Run]:
    """The runs of chunks that byte ranges (offset, length) touch.

    Both ascending; ranges may touch the same chunk, runs are disjoint.
    """
    spans = (
        (offset // chunk_size, -(-(offset + length) // chunk_size))
        for offset, length in ranges
        if length
    )
    yield from merged_runs(spans)


def merged_runs(spans: Iterable[Tuple[int, int]]) -> Iterator[Run]:
    """Disjoint runs from (first, end) with ascending first, which may
    overlap."""
    begin = end = 0
    for first, last in spans:
        if first > end:
            if end > begin:
                yield begin, end - begin
            begin = first
        end = max(end, last)
    if end > begin:
        yield begin, end - begin


def _parts(runs: Iterable[Run], chunks: int) -> Iterator[Tuple[int, int, int]]:
    """(leaf, first slot, end slot) of the runs, cut at leaves."""
    for first, count in runs:
        end = min(first + count, chunks)
        while first < end:
            leaf, slot = divmod(first, SLOTS)
            some = min(SLOTS - slot, end - first)
            yield leaf, slot, slot + some
            first += some


def _batches(
    parts: Iterator[Tuple[int, int, int]],
) -> Iterator[List[Tuple[int, int, int]]]:
    batch: List[Tuple[int, int, int]] = []
    for part in parts:
        batch.append(part)
        if len(batch) >= _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _leaves(
    root: BlobId, chunks: int, wanted: Sequence[int], load_many: LoadMany
) -> Dict[int, _Slots]:
    """The slots of some leaves, by their numbers."""
    ids: Dict[int, Optional[BlobId]] = {0: root}
    for level in range(height(chunks), 0, -1):
        there = [(index, id) for index, id in ids.items() if id is not None]
        nodes = load_many([id for _, id in there], level)
        slots = dict.fromkeys(ids, _HOLES)
        for (index, _), node in zip(there, nodes, strict=True):
            slots[index] = node.slots
        if level == 1:
            return slots
        below = dict.fromkeys(leaf // span(level - 1) for leaf in wanted)
        ids = {each: slots[each // SLOTS][each % SLOTS] for each in below}
    return {}
