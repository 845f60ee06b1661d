# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A tree is its dict of chunks, whatever the way it came to be."""

from typing import Dict, List, Optional, Tuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory_archive import MemoryTree, chunk_name
from wyng_common.ids import BlobId
from wyng_dom0.errors import IntegrityError
from wyng_dom0.tree.nodes import SLOTS, Node, height
from wyng_dom0.tree.update import TreeUpdate
from wyng_dom0.tree.walk import chunk_refs, differences, leaves

Model = Dict[int, BlobId]
Root = Optional[BlobId]
# Around the edges where a tree gets another level.
SIZES = st.one_of(
    st.sampled_from([0, 1, SLOTS - 1, SLOTS, SLOTS + 1]),
    st.sampled_from([SLOTS**2 - 1, SLOTS**2, SLOTS**2 + 1, SLOTS**3 + 7]),
    st.integers(0, 3 * SLOTS),
    st.integers(0, SLOTS**4),
)
PLACES = st.lists(
    st.tuples(
        st.one_of(st.integers(0, 300), st.integers(0, SLOTS**4)),
        st.integers(0, 5),
    ),
    max_size=12,
)
STEPS = st.lists(st.tuples(SIZES, PLACES), min_size=1, max_size=5)


def changed(
    size: int, places: List[Tuple[int, int]]
) -> Dict[int, Optional[BlobId]]:
    """Changes within a size; 0 is a hole."""
    if not size:
        return {}
    return {
        place % size: chunk_name(content) if content else None
        for place, content in places
    }


def update(
    tree: MemoryTree,
    old: Tuple[Root, int],
    size: int,
    changes: Dict[int, Optional[BlobId]],
) -> Root:
    made = TreeUpdate(*old, size, tree.load, tree.emit)
    for chunk in sorted(changes):
        made.set(chunk, changes[chunk])
    return made.finish()


def applied(
    model: Model, size: int, changes: Dict[int, Optional[BlobId]]
) -> Model:
    after: Dict[int, Optional[BlobId]] = {**model, **changes}
    return {
        chunk: id
        for chunk, id in after.items()
        if id is not None and chunk < size
    }


def built(tree: MemoryTree, size: int, model: Model) -> Root:
    """The tree of a dict, made from nothing."""
    return update(tree, (None, 0), size, dict(model))


@given(STEPS)
@settings(max_examples=120, deadline=None)
def test_tree_is_its_dict_after_every_step(
    steps: List[Tuple[int, List[Tuple[int, int]]]],
) -> None:
    tree, root, size, model = MemoryTree(), None, 0, {}
    for new_size, places in steps:
        changes = changed(new_size, places)
        root = update(tree, (root, size), new_size, changes)
        size, model = new_size, applied(model, new_size, changes)
        refs = list(chunk_refs(root, size, tree.load_many))
        assert refs == sorted(model.items())
        # The same content is the same tree, whatever its history.
        assert root == built(tree, size, model)


@given(SIZES, PLACES, SIZES, PLACES)
@settings(max_examples=120, deadline=None)
def test_differences_are_those_of_the_dicts(
    old_size: int,
    old_places: List[Tuple[int, int]],
    new_size: int,
    new_places: List[Tuple[int, int]],
) -> None:
    tree = MemoryTree()
    before = applied({}, old_size, changed(old_size, old_places))
    root = built(tree, old_size, before)
    changes = changed(new_size, new_places)
    after = applied(before, new_size, changes)
    new_root = update(tree, (root, old_size), new_size, changes)
    expected = [
        (chunk, before.get(chunk), after.get(chunk))
        for chunk in sorted(before.keys() | after.keys())
        if before.get(chunk) != after.get(chunk)
    ]
    old, new = (root, old_size), (new_root, new_size)
    assert list(differences(old, new, tree.load_many)) == expected
    mirrored = [(chunk, b, a) for chunk, a, b in expected]
    assert list(differences(new, old, tree.load_many)) == mirrored


def dense(size: int) -> Model:
    return {chunk: chunk_name(chunk) for chunk in range(size)}


@pytest.mark.parametrize(
    "touched, loads", [([0], 3), ([0, 1, 127], 3), ([0, 128], 4), ([], 1)]
)
def test_only_changed_paths_are_read(touched: List[int], loads: int) -> None:
    tree, size = MemoryTree(), 2 * SLOTS**2
    sparse = {chunk: chunk_name(chunk) for chunk in range(0, size, SLOTS)}
    root = built(tree, size, sparse)
    tree.loads.clear()
    changes: Dict[int, Optional[BlobId]] = {
        chunk: chunk_name(9) for chunk in touched
    }
    update(tree, (root, size), size, changes)
    assert len(tree.loads) == loads


def test_only_changed_paths_are_written() -> None:
    tree, size = MemoryTree(), 2 * SLOTS**2
    root = built(tree, size, dense(300))
    before = len(tree.nodes)
    new = update(tree, (root, size), size, {5: chunk_name(9)})
    assert len(tree.nodes) == before + height(size)
    assert update(tree, (new, size), size, {5: chunk_name(5)}) == root
    assert len(tree.nodes) == before + height(size)


def test_equal_subtrees_are_not_read() -> None:
    tree, size = MemoryTree(), SLOTS**2
    sparse = {chunk: chunk_name(chunk) for chunk in range(0, size, SLOTS)}
    root = built(tree, size, sparse)
    new = update(tree, (root, size), size, {128: chunk_name(1)})
    tree.loads.clear()
    assert list(differences((root, size), (root, size), tree.load_many)) == []
    assert tree.loads == []
    (one,) = differences((root, size), (new, size), tree.load_many)
    assert one == (128, chunk_name(128), chunk_name(1))
    assert len(tree.loads) == 4


def test_growth_alone_reads_nothing_and_keeps_the_old_root() -> None:
    tree = MemoryTree()
    root = built(tree, 5, dense(5))
    tree.loads.clear()
    grown = update(tree, (root, 5), SLOTS**3 + 1, {})
    assert tree.loads == [] and grown != root
    # Back to what it was: the very same tree.
    assert update(tree, (grown, SLOTS**3 + 1), 5, {}) == root


def test_what_was_cut_off_does_not_come_back() -> None:
    tree = MemoryTree()
    root = built(tree, 3 * SLOTS, dense(3 * SLOTS))
    cut = update(tree, (root, 3 * SLOTS), 130, {})
    again = update(tree, (cut, 130), 3 * SLOTS, {})
    refs = list(chunk_refs(again, 3 * SLOTS, tree.load_many))
    assert refs == sorted(dense(130).items())


@pytest.mark.parametrize("size", [0, 1, SLOTS, SLOTS + 1, SLOTS**3])
def test_volume_of_holes_costs_no_node(size: int) -> None:
    tree = MemoryTree()
    assert built(tree, size, {}) is None
    assert list(leaves(None, size, tree.load_many)) == []
    assert tree.nodes == {}


def test_volume_that_becomes_zeros_has_no_root() -> None:
    tree = MemoryTree()
    root = built(tree, 200, dense(200))
    zeros: Dict[int, Optional[BlobId]] = dict.fromkeys(range(200))
    assert update(tree, (root, 200), 200, zeros) is None
    assert update(tree, (root, 200), 0, {}) is None


def test_chunk_outside_of_the_volume_is_refused() -> None:
    tree = MemoryTree()
    for chunk in (-1, 10, 128):
        with pytest.raises(ValueError):
            update(tree, (None, 0), 10, {chunk: chunk_name(1)})


def test_unchanged_tree_is_given_back_as_it_was() -> None:
    tree = MemoryTree()
    root = built(tree, 1000, dense(1000))
    nodes = dict(tree.nodes)
    same: Dict[int, Optional[BlobId]] = dict(dense(1000).items())
    assert update(tree, (root, 1000), 1000, same) == root
    assert tree.nodes == nodes


def test_slots_behind_the_end_are_ignored() -> None:
    tree = MemoryTree()
    root = tree.emit(Node(1, tuple(chunk_name(at) for at in range(SLOTS))))
    refs = list(chunk_refs(root, 5, tree.load_many))
    assert refs == sorted(dense(5).items())


def test_node_moved_to_another_level_is_refused() -> None:
    tree = MemoryTree()
    leaf = tree.emit(Node(1, (chunk_name(1), *[None] * (SLOTS - 1))))
    wrong = tree.emit(Node(3, (leaf, *[None] * (SLOTS - 1))))
    for root in (leaf, wrong):
        with pytest.raises(IntegrityError):
            list(chunk_refs(root, SLOTS + 1, tree.load_many))
