# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Looking up runs of chunks finds what a walk finds, reading less."""

from typing import Optional

from hypothesis import given
from hypothesis import strategies as st

from memory_archive import MemoryTree, chunk_name
from wyng_common.ids import BlobId
from wyng_dom0.tree.lookup import chunk_refs_in, merged_runs, runs_of
from wyng_dom0.tree.nodes import SLOTS
from wyng_dom0.tree.update import TreeUpdate
from wyng_dom0.tree.walk import chunk_refs

CHUNKS = SLOTS * SLOTS + 700
places = st.integers(0, CHUNKS - 1)


def tree_of(numbers: "set[int]") -> "tuple[MemoryTree, Optional[BlobId]]":
    tree = MemoryTree()
    update = TreeUpdate(None, 0, CHUNKS, tree.load, tree.emit)
    for number in sorted(numbers):
        update.set(number, chunk_name(number))
    return tree, update.finish()


@given(
    st.sets(places, max_size=30),
    st.lists(st.tuples(places, st.integers(1, 400)), max_size=8),
)
def test_runs_give_what_a_walk_gives(
    numbers: "set[int]", spans: "list[tuple[int, int]]"
) -> None:
    tree, root = tree_of(numbers)
    runs = list(merged_runs(sorted((at, at + count) for at, count in spans)))
    found = list(chunk_refs_in(root, CHUNKS, runs, tree.load_many))
    wanted = [
        ref
        for ref in chunk_refs(root, CHUNKS, tree.load_many)
        if any(at <= ref[0] < at + count for at, count in runs)
    ]
    assert found == wanted


def test_only_the_paths_to_the_runs_are_read() -> None:
    tree, root = tree_of(set(range(0, CHUNKS, 7)))
    tree.loads.clear()
    runs = [(5, 3), (CHUNKS - 20, 40)]
    assert list(chunk_refs_in(root, CHUNKS, runs, tree.load_many))
    # The root, and at each end a node and a leaf.
    assert len(tree.loads) <= 5


def test_runs_are_disjoint_and_whole_chunks() -> None:
    ranges = [(0, 1), (1, 98), (100, 1), (450, 100), (900, 0)]
    assert list(runs_of(ranges, 100)) == [(0, 2), (4, 2)]
    assert list(merged_runs([])) == []
    assert list(merged_runs([(0, 5), (1, 2), (5, 6), (9, 10)])) == [
        (0, 6),
        (9, 1),
    ]
