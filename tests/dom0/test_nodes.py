# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A node is exactly its slots: no child unused, none invented, none moved."""

from typing import List, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_archive import chunk_name, hasher_of, keys_of
from wyng_common import limits
from wyng_common.frames import BlobType
from wyng_common.ids import BlobId
from wyng_dom0.errors import IntegrityError
from wyng_dom0.tree.nodes import SLOTS, Node, height, parse_node, span

SLOT = st.one_of(st.none(), st.integers(0, 40).map(chunk_name))
NODES = st.builds(
    Node,
    st.integers(1, 7),
    st.lists(SLOT, min_size=SLOTS, max_size=SLOTS).map(tuple),
)
TWO = [chunk_name(1), chunk_name(2)]


def plaintext(level: int = 1, slots: Optional[List[int]] = None) -> bytes:
    slots = [1, 2] if slots is None else slots
    return bytes([level, SLOTS, *slots, *[0] * (SLOTS - len(slots))])


@given(NODES)
def test_node_is_read_as_it_was_made(node: Node) -> None:
    children = node.children()
    assert children == sorted(set(children))
    assert parse_node(node.plaintext(), children, node.level) == node


@given(NODES, NODES)
def test_two_different_nodes_never_share_an_id(one: Node, other: Node) -> None:
    hasher = hasher_of(keys_of())
    ids = {
        hasher.blob_id(BlobType.NODE, each.children(), each.plaintext())
        for each in (one, other)
    }
    assert len(ids) == (1 if one == other else 2)


@given(st.permutations(range(9)), st.permutations(range(100, 109)))
def test_nodes_of_one_shape_and_other_children_differ(
    one: List[int], other: List[int]
) -> None:
    hasher, ids = hasher_of(keys_of()), set()
    for names in (sorted(one), sorted(other)):
        slots = [chunk_name(name) for name in names] + [None] * (SLOTS - 9)
        node = Node(1, tuple(slots))
        assert node.plaintext()[2:11] == bytes(range(1, 10))
        ids.add(
            hasher.blob_id(BlobType.NODE, node.children(), node.plaintext())
        )
    assert len(ids) == 2


def test_store_sees_no_order_of_the_volume() -> None:
    names = [chunk_name(at) for at in range(SLOTS)]
    forward, backward = Node(1, tuple(names)), Node(1, tuple(names[::-1]))
    assert forward.children() == backward.children() == names
    assert forward.plaintext() != backward.plaintext()


@pytest.mark.parametrize(
    "children",
    [[], TWO[:1], [*TWO, chunk_name(3)]],
    ids=["none", "too few", "one unused"],
)
def test_children_and_slots_must_agree(children: List[BlobId]) -> None:
    assert parse_node(plaintext(), TWO, 1).slots[:2] == tuple(TWO)
    with pytest.raises(IntegrityError):
        parse_node(plaintext(), children, 1)


@pytest.mark.parametrize("slots", [[2], [1, 3], [255], [1, 1], []])
def test_slot_without_its_child_is_refused(slots: List[int]) -> None:
    with pytest.raises(IntegrityError):
        parse_node(plaintext(1, slots), TWO, 1)


def test_node_of_another_level_is_refused() -> None:
    for level in (0, 2, 255):
        with pytest.raises(IntegrityError):
            parse_node(plaintext(1), TWO, level)
        with pytest.raises(IntegrityError):
            parse_node(plaintext(level), TWO, 1)


def test_node_of_another_count_or_length_is_refused() -> None:
    whole = plaintext()
    for wrong in (b"", whole[:1], whole[:-1], whole + b"\0"):
        with pytest.raises(IntegrityError):
            parse_node(wrong, TWO, 1)
    for count in (0, SLOTS - 1, SLOTS + 1, 255):
        with pytest.raises(IntegrityError):
            parse_node(bytes([1, count]) + whole[2:], TWO, 1)


@given(st.integers(0, limits.VOLUME_SIZE_MAX // limits.CHUNK_SIZE_MIN))
def test_height_is_the_least_that_reaches(chunks: int) -> None:
    levels = height(chunks)
    assert chunks <= span(levels + 1) if levels else chunks == 0
    assert levels <= 1 or span(levels) < chunks
    assert levels <= 7


def test_height_at_the_edges() -> None:
    edges = {0: 0, 1: 1, SLOTS: 1, SLOTS + 1: 2}
    edges.update({SLOTS**2: 2, SLOTS**2 + 1: 3, SLOTS**3: 3})
    assert {chunks: height(chunks) for chunks in edges} == edges
