# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a file's extents lie, by FIEMAP.

Owns that ioctl, its form and what its flags mean. Whatever it can't say for
sure (not allocated yet, inline, compressed, encrypted, packed tails, not in
whole blocks) has no place.
"""

import fcntl
import struct
from collections.abc import Iterator, Sequence

from wyng_dom0.snapshots.extent_maps import ENDLESS, Piece, Record, Segment

FIEMAP = 0xC020660B
SYNC = 0x1
# What an extent's flags may say.
UNKNOWN, DELALLOC, ENCODED = 0x2, 0x4, 0x8
ENCRYPTED, NOT_ALIGNED, INLINE, TAIL = 0x80, 0x100, 0x200, 0x400
LAST, UNWRITTEN, MERGED, SHARED = 0x1, 0x800, 0x1000, 0x2000
# Everything else makes the place unknown, flags of kernels to come included.
HARMLESS = LAST | MERGED | SHARED | UNWRITTEN

BATCH = 2048
_LENGTH_MAX = (1 << 64) - 1
_HEAD = struct.Struct("=QQIIII")
# logical, physical, length, flags
_EXTENT = struct.Struct("=QQQ16xI12x")


class Fiemap:
    """An ExtentMap of an open file; the descriptor stays the caller's."""

    def __init__(self, fd: int, batch: int = BATCH, flags: int = SYNC) -> None:
        self._fd = fd
        self._batch = batch
        self._flags = flags
        self._buffer = bytearray(_HEAD.size + batch * _EXTENT.size)

    def read(self, at: int) -> Piece:
        """See ExtentMap. Raises OSError."""
        _HEAD.pack_into(
            self._buffer,
            0,
            at,
            _LENGTH_MAX - at,
            self._flags,
            0,
            self._batch,
            0,
        )
        fcntl.ioctl(self._fd, FIEMAP, self._buffer, True)
        return parse_piece(self._buffer)

    def pass_to(self, at: int, piece: Piece) -> None:
        """See ExtentMap; any position can be asked for."""

    def find(self, at: int) -> None:
        """See ExtentMap; any position can be asked for."""

    def segment(self, record: Record) -> "Segment | None":
        """See ExtentMap."""
        logical, physical, length, flags = record
        if flags & ~HARMLESS:
            return Segment(logical, logical + length, None)
        if flags & UNWRITTEN:
            return None
        return Segment(logical, logical + length, (0, physical - logical))

    def all_known(self, records: Sequence[Record]) -> bool:
        """See ExtentMap."""
        kinds = {record[3] for record in records}
        return not any(flags & ~HARMLESS for flags in kinds)


def parse_piece(buffer: "bytes | bytearray") -> Piece:
    """What the kernel left in a buffer of the ioctl."""
    *_, count, room, _ = _HEAD.unpack_from(buffer)
    with memoryview(buffer) as view:
        extents = view[_HEAD.size : _HEAD.size + count * _EXTENT.size]
        records = list(_EXTENT.iter_unpack(extents))
        extents.release()
    # The flag for the last extent is not asked: some kernels set it early.
    if count < room:
        return Piece(records, ENDLESS)
    return Piece(records, records[-1][0] + records[-1][2])


def all_extents(fd: int, batch: int = BATCH) -> Iterator[Record]:
    """(logical, physical, length, flags) of the whole file; OSError."""
    extents = Fiemap(fd, batch)
    at = 0
    while at < ENDLESS:
        piece = extents.read(at)
        yield from piece.records
        at = piece.end


def unshared_bytes(fd: int) -> int:
    """Bytes in extents that no other file uses; OSError."""
    return sum(
        length for _, _, length, flags in all_extents(fd) if not flags & SHARED
    )
