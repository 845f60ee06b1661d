# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a file's extents lie on btrfs, by its own tree.

Owns the tree search ioctl and the form of an extent item. FIEMAP tells of a
compressed extent where it begins on the disk but not which part of it the
file shows there; the item does. Needs CAP_SYS_ADMIN. Dirty pages have no
item yet: sync the file before.
"""

import fcntl
import os
import struct
import sys
from collections.abc import Sequence

from wyng_dom0.snapshots.driver import CannotTell
from wyng_dom0.snapshots.extent_maps import (
    ENDLESS,
    Moved,
    Piece,
    Record,
    Segment,
)

TREE_SEARCH_V2 = 0xC0709411
EXTENT_DATA = 108
INLINE, REGULAR, PREALLOCATED = 0, 1, 2

BATCH = 2048
# An item is never larger than a node of the tree.
_ITEM_MAX = 64 << 10
_END = (1 << 64) - 1
_BLOCK = 4096

# tree, objectid, offset and transid from and to; types from and to, count.
_KEY = struct.Struct("=QQQQQQQIIII32xQ")
_COUNT_AT = 64
# What stands before each item: transid, object, offset, type, length.
_HEADER = struct.Struct("=16xQII")
# Of an item: bytes unpacked, how it is encoded, its type; where its extent
# lies; offset within the unpacked extent, length.
_HEADED_ITEM = struct.Struct("<16xQII8xQHHBQ8xQQ")
_INLINE_ITEM = struct.Struct("<8xQHHB")
_ITEM_SIZE = _HEADED_ITEM.size - _HEADER.size


class BtrfsTree:
    """An ExtentMap of an open file; the descriptor stays the caller's."""

    def __init__(self, fd: int, batch: int = BATCH) -> None:
        self._fd = fd
        self._inode = os.fstat(fd).st_ino
        self._batch = batch
        self._buffer = bytearray(
            _KEY.size + batch * _HEADED_ITEM.size + 2 * _ITEM_MAX
        )
        # The tree is searched by where extents begin: reading goes on from
        # the last one known to begin before the position.
        self._anchor: "Record | None" = None

    def read(self, at: int) -> Piece:
        """See ExtentMap. Raises OSError, and CannotTell for odd items."""
        start = self._anchor[0] if self._anchor else 0
        piece = self._search(start)
        if self._anchor and piece.records[:1] != [self._anchor]:
            raise Moved
        return piece

    def pass_to(self, at: int, piece: Piece) -> None:
        """See ExtentMap."""
        self._anchor = _last_beginning_by(at, piece.records) or self._anchor

    def find(self, at: int) -> None:
        """See ExtentMap: walk there from the beginning."""
        anchor: "Record | None" = None
        piece = self._search(0)
        while True:
            anchor = _last_beginning_by(at, piece.records) or anchor
            if piece.end >= at:
                break
            piece = self._search(piece.records[-1][0] + 1)
        self._anchor = anchor

    def segment(self, record: Record) -> "Segment | None":
        """See ExtentMap."""
        start, _, _, _, packing, other, kind, *place = record
        disk, offset, length = place
        if kind == PREALLOCATED or kind == REGULAR and not disk:
            return None
        end = start + length
        if kind != REGULAR or other or packing >> 8:
            return Segment(start, end, None)
        if packing:
            # Compressed: a part of a part of the disk is all one can say.
            return Segment(start, end, (disk << 8 | packing, offset - start))
        return Segment(start, end, (0, disk + offset - start))

    def all_known(self, records: Sequence[Record]) -> bool:
        """See ExtentMap."""
        return all(
            kind in (REGULAR, PREALLOCATED) and packing < 256 and not other
            for packing, other, kind in {record[4:7] for record in records}
        )

    def _search(self, start: int) -> Piece:
        """Items whose offset is `start` or more."""
        key = (0, self._inode, self._inode, start, _END, 0, _END)
        room = len(self._buffer) - _KEY.size
        _KEY.pack_into(
            self._buffer,
            0,
            *key,
            EXTENT_DATA,
            EXTENT_DATA,
            self._batch,
            0,
            room,
        )
        fcntl.ioctl(self._fd, TREE_SEARCH_V2, self._buffer, True)
        (count,) = struct.unpack_from("=I", self._buffer, _COUNT_AT)
        return parse_piece(self._buffer, count, self._batch)


def parse_piece(buffer: "bytes | bytearray", count: int, asked: int) -> Piece:
    """The items that the kernel left in a buffer of the ioctl.

    They end early where they fill the buffer: then more may follow.
    """
    if sys.byteorder != "little":
        raise CannotTell("extents of btrfs are read on little-endian only")
    end = _KEY.size + count * _HEADED_ITEM.size
    records: list[Record] = []
    if end <= len(buffer):
        with memoryview(buffer) as view, view[_KEY.size : end] as items:
            records = list(_HEADED_ITEM.iter_unpack(items))
    if end > len(buffer) or not _all_long(records):
        records, end = _parse_mixed(buffer, count)
    all_there = count < asked and len(buffer) - end > _ITEM_MAX
    if all_there:
        return Piece(records, ENDLESS)
    return Piece(records, _end_of(records))


def _all_long(records: Sequence[Record]) -> bool:
    """True when none is inline, and each is as long as those that aren't."""
    long = {(EXTENT_DATA, _ITEM_SIZE)}
    return (
        all(record[6] != INLINE for record in records)
        and {record[1:3] for record in records} <= long
    )


def _parse_mixed(
    buffer: "bytes | bytearray", count: int
) -> tuple[list[Record], int]:
    """Items of any length, and where they end in the buffer."""
    at = _KEY.size
    records: list[Record] = []
    for _ in range(count):
        offset, kind, size = _HEADER.unpack_from(buffer, at)
        if kind != EXTENT_DATA or at + _HEADER.size + size > len(buffer):
            raise CannotTell("btrfs gave an extent item of another form")
        records.append(_record(buffer, at, offset, size))
        at += _HEADER.size + size
    return records, at


def _record(
    buffer: "bytes | bytearray", at: int, offset: int, size: int
) -> Record:
    if size < _INLINE_ITEM.size:
        raise CannotTell("btrfs gave an extent item of another form")
    unpacked, packing, other, kind = _INLINE_ITEM.unpack_from(
        buffer, at + _HEADER.size
    )
    if kind != INLINE:
        if size != _ITEM_SIZE:
            raise CannotTell("btrfs gave an extent item of another form")
        return _HEADED_ITEM.unpack_from(buffer, at)
    length = _in_blocks(unpacked)
    record = (offset, EXTENT_DATA, size, unpacked, packing, other, kind)
    return (*record, 0, 0, length)


def _in_blocks(length: int) -> int:
    return -(-length // _BLOCK) * _BLOCK


def _end_of(records: Sequence[Record]) -> int:
    if not records:
        raise CannotTell("btrfs gave no extent item where there are some")
    last = records[-1]
    length: int = last[9]
    start: int = last[0]
    return start + length


def _last_beginning_by(at: int, records: Sequence[Record]) -> "Record | None":
    """The last record that begins at `at` or before."""
    for record in reversed(records):
        if record[0] <= at:
            return record
    return None


def may_search(fd: int) -> bool:
    """True when this process may search the tree. Raises OSError."""
    try:
        BtrfsTree(fd, batch=2).read(0)
    except PermissionError:
        return False
    return True
