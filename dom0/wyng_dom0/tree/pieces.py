# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a tree holds where it differs from another one, holes and losses too.

For whoever looks at many trees of one volume: what neighbours share is read
once, and a node that can't be read costs what lies below it and no more.
"""

from typing import (
    Callable,
    Dict,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

from wyng_common.ids import BlobId
from wyng_dom0.tree.nodes import SLOTS, Node, height, span
from wyng_dom0.tree.walk import raised

# The nodes of some ids in order, None for one that can't be read.
LoadEach = Callable[[Sequence[BlobId], int], List[Optional[Node]]]
Tree = Tuple[Optional[BlobId], int]
# What nothing is known of: it is equal to nothing.
_UNKNOWN = object()
_Pairs = List[Tuple[int, object, object]]


class Piece(NamedTuple):
    """`length` chunks from `first` on: one of this id, or with None holes,
    or what is `lost` with a node that can't be read."""

    first: int
    length: int
    id: Optional[BlobId] = None
    lost: bool = False


def pieces(base: Optional[Tree], tree: Tree, load: LoadEach) -> Iterator[Piece]:
    """All of a tree (root, chunks) where it differs from `base`, in order.

    Without a base that is everything. Where a node of the base can't be
    read, all that lies in its place differs. May reach beyond the end.
    """
    level = height(tree[1])
    was: object = _UNKNOWN
    if base is not None:
        level = max(level, height(base[1]))
        was = raised(base[0], height(base[1]), level)
    now = raised(tree[0], height(tree[1]), level)
    if was != now:
        yield from _differ([(0, was, now)], level, load)


def _differ(pairs: _Pairs, level: int, load: LoadEach) -> Iterator[Piece]:
    if level == 0:
        for first, _, now in pairs:
            assert now is None or isinstance(now, BlobId)
            yield Piece(first, 1, now)
        return
    nodes = _loaded(pairs, level, load)
    for first, was, now in pairs:
        slots = _slots(now, nodes)
        if now is None or slots is None:
            lost = slots is None
            yield Piece(first, span(level) * SLOTS, None, lost)
            continue
        before = _slots(was, nodes) or [_UNKNOWN] * SLOTS
        below = [
            (first + at * span(level), *pair)
            for at, pair in enumerate(zip(before, slots, strict=True))
            if pair[0] != pair[1]
        ]
        yield from _differ(below, level - 1, load)


def _loaded(
    pairs: _Pairs, level: int, load: LoadEach
) -> Dict[BlobId, Optional[Node]]:
    sides = (side for _, *both in pairs for side in both)
    ids = list(
        dict.fromkeys(each for each in sides if isinstance(each, BlobId))
    )
    return dict(zip(ids, load(ids, level), strict=True))


def _slots(
    subtree: object, nodes: Dict[BlobId, Optional[Node]]
) -> Optional[List[object]]:
    """What lies in a subtree's slots; None when nobody knows."""
    if subtree is None:
        return [None] * SLOTS
    if isinstance(subtree, BlobId):
        node = nodes[subtree]
        return None if node is None else list(node.slots)
    if isinstance(subtree, tuple):
        return [subtree[0]] + [None] * (SLOTS - 1)
    return None
