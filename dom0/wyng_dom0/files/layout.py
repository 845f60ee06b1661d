# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Where each entry lies in a volume: known before a byte is read.

Content begins at a whole chunk for each file of a chunk or more, and for one
in some thirty others, chosen by their paths alone. So a file that grows, comes
or goes moves what follows only up to the next such place, and chunks behind it
keep their ids, or find themselves again at another place. Pure.
"""

import zlib
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from wyng_common import limits
from wyng_dom0.errors import SourceError
from wyng_dom0.files.entry import Entry, Kind
from wyng_dom0.files.header import BLOCK, encode, opening, padded

# The size of a chunk unless arch-init was told another.
ALIGNMENT = 128 * limits.KIB
_ONE_IN = 32
# As tar: two empty blocks, and all of it in whole records.
_END = 2 * BLOCK
_RECORD = 20 * BLOCK


@dataclass(frozen=True)
class Layout:
    """`starts` of each entry's headers, their `heads` in bytes.

    `pads` of these are padding; behind `end` there are zeros to `size`.
    """

    starts: "array[int]"
    heads: "array[int]"
    pads: "array[int]"
    end: int
    size: int

    def at(self, offset: int) -> int:
        """Which entry an offset lies in; -1 before the first."""
        return bisect_right(self.starts, offset) - 1

    def length(self, number: int) -> int:
        """Bytes of an entry, headers and content in whole blocks."""
        following = number + 1
        last = following == len(self.starts)
        return (self.end if last else self.starts[following]) - self.starts[
            number
        ]


def lay_out(entries: Sequence[Entry]) -> Layout:
    """The layout of entries in their order; SourceError when too large."""
    starts, heads, pads = array("Q"), array("Q"), array("Q")
    at = len(opening())
    for entry in entries:
        length = len(encode(entry))
        padding = -(at + length) % ALIGNMENT if is_anchor(entry) else 0
        starts.append(at)
        heads.append(length + padding)
        pads.append(padding)
        at += length + padding + padded(entry.size)
        if at > limits.VOLUME_SIZE_MAX // 2:
            raise SourceError("the files are larger than any volume may be")
    size = -(-(at + _END) // _RECORD) * _RECORD
    return Layout(starts, heads, pads, at, size)


def is_anchor(entry: Entry) -> bool:
    """Does its content begin at a whole chunk?"""
    if entry.kind is Kind.FILE and entry.size >= ALIGNMENT:
        return True
    return zlib.crc32(entry.path) % _ONE_IN == 0
