# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""One node of a volume's tree, and how high a tree is.

A node's frame shows its children as a sorted set. Its sealed plaintext says
where they go:

    level u8 | slot count u8 (128) | one byte per slot

A slot byte of 0 is a hole, k is the k-th child. Level 1 has chunks as
children. A hole is a chunk of zeros or a whole subtree of them.
"""

from dataclasses import dataclass
from typing import Iterable, List, Optional, Sequence, Tuple

from wyng_common import limits
from wyng_common.ids import BlobId
from wyng_dom0.errors import IntegrityError

SLOTS = limits.NODE_SLOTS
Slots = List[Optional[BlobId]]


@dataclass(frozen=True)
class Node:
    """A node: `slots` has SLOTS entries, None for holes."""

    level: int
    slots: Tuple[Optional[BlobId], ...]

    def children(self) -> List[BlobId]:
        """The distinct children, ascending."""
        return sorted({id for id in self.slots if id is not None})

    def plaintext(self) -> bytes:
        """The part that is sealed."""
        place = {id: at + 1 for at, id in enumerate(self.children())}
        slots = (0 if id is None else place[id] for id in self.slots)
        return bytes((self.level, SLOTS)) + bytes(slots)


def parse_node(
    plaintext: bytes, children: Sequence[BlobId], level: int
) -> Node:
    """A node from an opened blob; raises IntegrityError.

    `level` is where the walk expects it: a node can't be moved up or down.
    """
    if len(plaintext) != 2 + SLOTS or plaintext[1] != SLOTS:
        raise IntegrityError("a node of a tree has the wrong length")
    if plaintext[0] != level:
        raise IntegrityError("a node of a tree lies at the wrong level")
    slots = plaintext[2:]
    if max(slots) > len(children) or set(slots) - {0} != set(
        range(1, len(children) + 1)
    ):
        raise IntegrityError("a node of a tree names children it hasn't")
    return Node(level, tuple(children[at - 1] if at else None for at in slots))


def height(chunks: int) -> int:
    """Levels of a tree over `chunks` chunks; 0 for an empty volume."""
    if chunks == 0:
        return 0
    levels, reach = 1, SLOTS
    while reach < chunks:
        levels, reach = levels + 1, reach * SLOTS
    return levels


def span(level: int) -> int:
    """How many chunks one slot of a node at this level covers."""
    return int(SLOTS ** (level - 1))


def is_hole(slots: Iterable[Optional[BlobId]]) -> bool:
    """Whether nothing but holes is in the slots."""
    return all(id is None for id in slots)
