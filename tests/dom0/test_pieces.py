# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A walk over neighbours sees all of every tree, and loses what is lost."""

import hashlib
from typing import Dict, List, Optional, Sequence, Set

from hypothesis import given
from hypothesis import strategies as st

from wyng_common.ids import BlobId
from wyng_dom0.engine.runs import Runs, united, without
from wyng_dom0.tree.nodes import SLOTS, Node, height
from wyng_dom0.tree.pieces import Tree, pieces


class Forest:
    """Trees in memory, of which nodes can be lost."""

    def __init__(self) -> None:
        self.nodes: Dict[BlobId, Node] = {}
        self.lost: Set[BlobId] = set()

    def plant(self, chunks: Dict[int, bytes], size: int) -> Tree:
        at = {number: _id(text) for number, text in chunks.items()}
        for level in range(1, height(size) + 1):
            above: Dict[int, List[Optional[BlobId]]] = {}
            for number, id in at.items():
                slots = above.setdefault(number // SLOTS, [None] * SLOTS)
                slots[number % SLOTS] = id
            at = {n: self._add(level, slots) for n, slots in above.items()}
        return at.get(0), size

    def _add(self, level: int, slots: List[Optional[BlobId]]) -> BlobId:
        node = Node(level, tuple(slots))
        id = _id(repr(node).encode())
        self.nodes[id] = node
        return id

    def load(self, ids: Sequence[BlobId], level: int) -> List[Optional[Node]]:
        return [None if id in self.lost else self.nodes[id] for id in ids]


def _id(text: bytes) -> BlobId:
    return BlobId(hashlib.sha256(text).digest())


_CHUNKS = st.dictionaries(
    st.integers(0, 400), st.sampled_from([b"x", b"y", b"z"]), max_size=20
)


def _at(chunks: Dict[int, bytes], size: int) -> Dict[int, bytes]:
    return {n: text for n, text in chunks.items() if n < size}


@given(_CHUNKS, _CHUNKS, st.integers(1, 401), st.integers(1, 401))
def test_pieces_over_a_base_are_the_tree(
    before: Dict[int, bytes], after: Dict[int, bytes], was: int, now: int
) -> None:
    forest = Forest()
    before, after = _at(before, was), _at(after, now)
    base, tree = forest.plant(before, was), forest.plant(after, now)
    known: Dict[int, Optional[BlobId]] = {
        number: _id(text) for number, text in before.items()
    }
    last = -1
    for first, length, id, lost in pieces(base, tree, forest.load):
        assert first > last and not lost
        last = first + length - 1
        for number in [n for n in known if first <= n <= last]:
            del known[number]
        if id is not None:
            known[first] = id
    assert known == {number: _id(text) for number, text in after.items()}


def test_lost_node_costs_what_lies_below_it() -> None:
    forest = Forest()
    chunks = {number: b"%d" % number for number in range(3 * SLOTS)}
    tree = forest.plant(chunks, 3 * SLOTS)
    assert tree[0] is not None
    below = forest.nodes[tree[0]].slots[1]
    assert below is not None
    forest.lost.add(below)
    found = list(pieces(None, tree, forest.load))
    (gone,) = [each for each in found if each.lost]
    assert (gone.first, gone.length) == (SLOTS, SLOTS)
    assert sum(1 for each in found if each.id is not None) == 2 * SLOTS
    # A session behind it that has another node there is seen whole.
    other = forest.plant({**chunks, SLOTS: b"new"}, 3 * SLOTS)
    seen = list(pieces(tree, other, forest.load))
    assert [each.first for each in seen] == [*range(SLOTS, 2 * SLOTS)]
    assert not any(each.lost for each in seen)


_SETS = st.sets(st.integers(0, 40))


def _runs(numbers: Set[int]) -> "list[tuple[int, int]]":
    made = Runs()
    for number in sorted(numbers):
        made.add(number, number + 1)
    return made.runs


def _numbers(runs: "list[tuple[int, int]]") -> Set[int]:
    return {n for first, end in runs for n in range(first, end)}


@given(_SETS, _SETS)
def test_runs_are_sets(ours: Set[int], theirs: Set[int]) -> None:
    one, two = _runs(ours), _runs(theirs)
    assert _numbers(one) == ours
    assert united(one, two) == _runs(ours | theirs)
    assert without(one, two) == _runs(ours - theirs)
