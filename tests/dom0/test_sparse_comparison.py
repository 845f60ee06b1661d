# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Told only the chunks that may differ, a comparison makes the same tree.

And reads no node that is not above one of them.
"""

from typing import Dict, List, Optional, Tuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory_archive import MemoryTree, chunk_name
from wyng_common.ids import BlobId
from wyng_dom0.engine.comparison import SparseComparison
from wyng_dom0.tree.nodes import SLOTS
from wyng_dom0.tree.update import TreeUpdate
from wyng_dom0.tree.walk import lookup

Model = Dict[int, BlobId]
SIZES = st.one_of(
    st.integers(0, 3 * SLOTS),
    st.sampled_from([SLOTS**2 - 1, SLOTS**2, SLOTS**2 + 1, SLOTS**3 + 7]),
)
# Runs that are told: (place, length, hole or the content of each chunk).
PIECES = st.lists(
    st.tuples(
        st.one_of(st.integers(0, 400), st.integers(0, SLOTS**3)),
        st.one_of(st.integers(1, 5), st.sampled_from([SLOTS, 3 * SLOTS**2])),
        st.integers(0, 3),
    ),
    max_size=6,
)
Piece = Tuple[int, int, int]


def built(tree: MemoryTree, size: int, model: Model) -> Optional[BlobId]:
    """The tree of a dict, made from nothing."""
    update = TreeUpdate(None, 0, size, tree.load, tree.emit)
    for chunk in sorted(model):
        update.set(chunk, model[chunk])
    return update.finish()


def told(pieces: List[Piece], size: int) -> List[Piece]:
    """The pieces in order, apart, and within the volume."""
    found, end = [], 0
    for first, count, content in sorted(pieces):
        first = max(first, end)
        count = min(count, size - first)
        if content:
            # Only holes are long: each other chunk is told by itself.
            count = min(count, 5)
        if count > 0:
            found.append((first, count, content))
            end = first + count
    return found


@given(SIZES, PIECES, SIZES, PIECES)
@settings(max_examples=150, deadline=None)
def test_sparse_comparison_makes_the_tree_of_what_is_there_now(
    size: int, before: List[Piece], new_size: int, pieces: List[Piece]
) -> None:
    tree = MemoryTree()
    model: Model = {
        n: chunk_name(content + n % 7)
        for first, count, content in told(before, size)
        if content
        for n in range(first, first + count)
    }
    root = built(tree, size, model)
    runs = told(pieces, new_size)
    comparison = SparseComparison(
        (root, size),
        new_size,
        [(first, count) for first, count, _ in runs],
        tree.load_many,
        tree.emit,
    )
    after = {n: id for n, id in model.items() if n < new_size}
    for first, count, content in runs:
        numbers = range(first, first + count)
        if not content:
            comparison.hole(first, count)
            for n in [n for n in after if n in numbers]:
                del after[n]
            continue
        for n in numbers:
            comparison.chunk(n, chunk_name(content))
            after[n] = chunk_name(content)
    assert comparison.finish() == built(tree, new_size, after)


def test_only_nodes_above_changes_are_read() -> None:
    tree = MemoryTree()
    size = SLOTS**3
    places = range(0, size, 61)
    root = built(tree, size, {n: chunk_name(n) for n in places})
    tree.loads.clear()
    comparison = SparseComparison(
        (root, size), size, [(5 * SLOTS**2, 1)], tree.load_many, tree.emit
    )
    comparison.chunk(5 * SLOTS**2, chunk_name(1))
    comparison.finish()
    assert len(set(tree.loads)) == 3


def test_large_hole_reads_its_edges_only() -> None:
    tree = MemoryTree()
    size = SLOTS**3
    model = {n: chunk_name(n) for n in range(0, size, 61)}
    root = built(tree, size, model)
    tree.loads.clear()
    first, count = SLOTS + 3, size - 2 * SLOTS
    update = TreeUpdate(root, size, size, tree.load, tree.emit)
    cleared = update.clear(first, count)
    assert len(set(tree.loads)) <= 5
    left = {n: i for n, i in model.items() if not first <= n < first + count}
    assert update.finish() == built(tree, size, left)
    assert len(model) - len(left) <= cleared <= count


def test_hole_to_the_end_may_reach_behind_it() -> None:
    tree = MemoryTree()
    size = 5 * SLOTS + 3
    root = built(tree, size, {n: chunk_name(n) for n in range(size)})
    update = TreeUpdate(root, size, size, tree.load, tree.emit)
    assert update.clear(0, size) == size
    assert update.finish() is None


@pytest.mark.parametrize("first, count", [(-1, 2), (9, 2)])
def test_hole_outside_of_the_volume_is_refused(first: int, count: int) -> None:
    tree = MemoryTree()
    update = TreeUpdate(None, 0, 10, tree.load, tree.emit)
    with pytest.raises(ValueError):
        update.clear(first, count)


def test_chunk_that_was_not_announced_is_refused() -> None:
    """Its id in the old tree is not known: it must not pass for a hole."""
    tree = MemoryTree()
    root = built(tree, 100, {7: chunk_name(7)})
    comparison = SparseComparison(
        (root, 100), 100, [(3, 2), (9, 1)], tree.load_many, tree.emit
    )
    comparison.chunk(3, chunk_name(1))
    with pytest.raises(ValueError):
        comparison.chunk(7, chunk_name(7))


@given(SIZES, PIECES, st.lists(st.integers(0, SLOTS**3 + 9), max_size=20))
@settings(max_examples=60, deadline=None)
def test_lookup_finds_what_is_there(
    size: int, pieces: List[Piece], numbers: List[int]
) -> None:
    tree = MemoryTree()
    model = {first: chunk_name(first) for first, _, _ in told(pieces, size)}
    root = built(tree, size, model)
    wanted = sorted({*numbers, *model})
    found = lookup((root, size), wanted, tree.load_many)
    assert found == model
