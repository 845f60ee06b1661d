# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Reading trees: leaves in order, and what differs between two trees.

`load_many(ids, level)` gives the nodes of some ids in order. Walks ask for
children in batches, so that a distant store is asked rarely, and hold one
batch per level.
"""

from typing import Callable, Dict, Iterator, List, Optional, Sequence, Tuple

from wyng_common.ids import BlobId
from wyng_dom0.tree.nodes import SLOTS, Node, height, span

LoadMany = Callable[[Sequence[BlobId], int], List[Node]]
_BATCH = 64


def leaves(
    root: Optional[BlobId], chunks: int, load_many: LoadMany
) -> Iterator[Tuple[int, Tuple[Optional[BlobId], ...]]]:
    """(number of the leaf's first chunk, its slots), skipping holes."""
    if root is None or chunks == 0:
        return
    for first, node in _below([(0, root)], height(chunks), load_many):
        yield first, node.slots


def chunk_refs(
    root: Optional[BlobId], chunks: int, load_many: LoadMany
) -> Iterator[Tuple[int, BlobId]]:
    """(chunk number, id) of every chunk that is no hole, in order.

    Slots behind the volume's end are ignored.
    """
    for first, slots in leaves(root, chunks, load_many):
        for at, id in enumerate(slots[: max(0, chunks - first)]):
            if id is not None:
                yield first + at, id


def lookup(
    tree: Tuple[Optional[BlobId], int],
    numbers: Sequence[int],
    load_many: LoadMany,
) -> Dict[int, BlobId]:
    """The ids of some chunks of a tree (root, chunks), holes left out.

    Reads only the nodes above them, one batch per level.
    """
    root, chunks = tree
    if root is None:
        return {}
    found = {number: root for number in numbers if number < chunks}
    for level in range(height(chunks), 0, -1):
        ids = list(dict.fromkeys(found.values()))
        nodes = dict(zip(ids, load_many(ids, level), strict=True))
        below = (
            (number, nodes[id].slots[number // span(level) % SLOTS])
            for number, id in found.items()
        )
        found = {number: id for number, id in below if id is not None}
    return found


def differences(
    old: Tuple[Optional[BlobId], int],
    new: Tuple[Optional[BlobId], int],
    load_many: LoadMany,
) -> Iterator[Tuple[int, Optional[BlobId], Optional[BlobId]]]:
    """(chunk number, old id, new id) wherever two trees differ, in order.

    Each tree is (root, chunks). Subtrees with the same id are not read;
    what lies behind the smaller tree's end is a hole there.
    """
    level = max(height(old[1]), height(new[1]))
    tops = [raised(root, height(chunks), level) for root, chunks in (old, new)]
    yield from _differ(tops[0], tops[1], level, 0, load_many)


def _below(
    refs: Sequence[Tuple[int, BlobId]], level: int, load_many: LoadMany
) -> Iterator[Tuple[int, Node]]:
    for at in range(0, len(refs), _BATCH):
        batch = refs[at : at + _BATCH]
        nodes = load_many([id for _, id in batch], level)
        for (first, _), node in zip(batch, nodes, strict=True):
            if level == 1:
                yield first, node
                continue
            below = [
                (first + slot * span(level), id)
                for slot, id in enumerate(node.slots)
                if id is not None
            ]
            yield from _below(below, level - 1, load_many)


def raised(root: object, level: int, wanted: int) -> object:
    """A tree of `level` as slot 0, in tuples, of the levels it lacks."""
    for _ in range(level, wanted):
        root = None if root is None else (root,)
    return root


def _slots(subtree: object, level: int, load_many: LoadMany) -> List[object]:
    if subtree is None:
        return [None] * SLOTS
    if isinstance(subtree, BlobId):
        return list(load_many([subtree], level)[0].slots)
    assert isinstance(subtree, tuple)
    return [subtree[0]] + [None] * (SLOTS - 1)


def _differ(
    old: object, new: object, level: int, first: int, load_many: LoadMany
) -> Iterator[Tuple[int, Optional[BlobId], Optional[BlobId]]]:
    if old == new:
        return
    if level == 0:
        assert old is None or isinstance(old, BlobId)
        assert new is None or isinstance(new, BlobId)
        yield first, old, new
        return
    pairs = zip(
        _slots(old, level, load_many),
        _slots(new, level, load_many),
        strict=True,
    )
    for slot, (before, after) in enumerate(pairs):
        if before != after:
            at = first + slot * span(level)
            yield from _differ(before, after, level - 1, at, load_many)
