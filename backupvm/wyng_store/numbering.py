# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The number of reclaims: it tells an old index from the newest.

An index that was put back from a copy lists blobs that are no longer where
it says. So every index knows how often the archive was reclaimed from, and
so does a file beside it, raised before anything is taken away. An index that
knows a smaller number than the file is built again; one that knows a larger
one was durable before the file.
"""

import struct

from wyng_store import doubled
from wyng_store.errors import Damage
from wyng_store.index import Index
from wyng_store.layout import Layout

_NUMBER = struct.Struct(">Q")


def load_number(layout: Layout) -> int:
    """How often the archive was reclaimed from; raises Damage."""
    if not doubled.exists(layout.reclaims):
        return 0
    content = doubled.load(layout.reclaims, _NUMBER.size).content
    if len(content) != _NUMBER.size:
        raise Damage("the number of reclaims has the wrong length")
    return int(_NUMBER.unpack(content)[0])


def save_number(layout: Layout, number: int) -> None:
    """Write the number, durably in both copies; raises Full."""
    doubled.heal(layout.reclaims, _NUMBER.pack(number))


def raise_number(layout: Layout, index: Index) -> None:
    """Before anything is taken away, and after its rows went: from here on
    no older index is believed."""
    number = index.state.reclaims + 1
    with index.transaction():
        index.set_state(reclaims=number)
    save_number(layout, number)
