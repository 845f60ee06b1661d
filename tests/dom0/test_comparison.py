# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a comparison counts as changed is what differs, and no more."""

from typing import Dict, List, Optional, Tuple

from hypothesis import given, settings
from hypothesis import strategies as st

from memory_archive import MemoryTree, chunk_name
from wyng_common.ids import BlobId
from wyng_dom0.engine.comparison import TreeComparison
from wyng_dom0.tree.walk import chunk_refs

CONTENTS = st.lists(st.integers(0, 3), max_size=400)


def ids_of(contents: List[int]) -> List[Optional[BlobId]]:
    return [chunk_name(each) if each else None for each in contents]


def compared(
    tree: MemoryTree,
    old: Tuple[Optional[BlobId], int],
    contents: List[int],
    as_holes: bool,
) -> Tuple[Optional[BlobId], int]:
    comparison = TreeComparison(old, len(contents), tree.load_many, tree.emit)
    ids, at = ids_of(contents), 0
    while at < len(ids):
        end = at
        while as_holes and end < len(ids) and ids[end] is None:
            end += 1
        if end > at:
            comparison.hole(at, end - at)
            at = end
        else:
            comparison.chunk(at, ids[at])
            at += 1
    return comparison.finish(), comparison.changed


@given(CONTENTS, CONTENTS, st.booleans())
@settings(max_examples=150, deadline=None)
def test_new_tree_holds_what_was_read(
    before: List[int], after: List[int], as_holes: bool
) -> None:
    tree = MemoryTree()
    root, changed = compared(tree, (None, 0), before, as_holes)
    assert changed == sum(map(bool, before))
    new, changed = compared(tree, (root, len(before)), after, as_holes)
    old: Dict[int, int] = dict(enumerate(before))
    differing = [at for at, it in enumerate(after) if old.get(at, 0) != it]
    assert changed == len(differing)
    refs = dict(chunk_refs(new, len(after), tree.load_many))
    assert refs == {
        at: id for at, id in enumerate(ids_of(after)) if id is not None
    }


def test_unchanged_volume_makes_no_node() -> None:
    tree, contents = MemoryTree(), [1, 2, 3, 0] * 80
    root, _ = compared(tree, (None, 0), contents, True)
    nodes = dict(tree.nodes)
    assert compared(tree, (root, 320), contents, True) == (root, 0)
    assert tree.nodes == nodes
