# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What wyng compressed, undone with a bound: zstd, zlib, gzip and bz2."""

import bz2
import io
import zlib
from collections.abc import Callable, Iterator
from enum import Enum
from typing import BinaryIO

import zstandard

from wyng_dom0.errors import ForeignDamage

# Level 19 of zstd, the highest without a flag of its own, has 8 MiB.
_WINDOW_MAX = 1 << 27
_PIECE = 1 << 18
_ANY_ZLIB = 32 + zlib.MAX_WBITS
_FAULTS = (OSError, EOFError, ValueError, zlib.error, zstandard.ZstdError)


class Packing(Enum):
    """A compressor, by the name that wyng has for it."""

    ZSTD = "zstd"
    ZLIB = "zlib"
    GZIP = "gzip"
    BZ2 = "bz2"


def unpack(packing: Packing, packed: bytes, bound: int) -> bytes:
    """The plaintext of at most `bound` bytes; ForeignDamage.

    No more than a little over the bound is ever allocated.
    """
    plain = b"".join(unpack_pieces(packing, io.BytesIO(packed), bound))
    return plain


def unpack_pieces(
    packing: Packing, packed: BinaryIO, bound: int
) -> Iterator[bytes]:
    """As unpack, from a file and piece by piece."""
    done = 0
    try:
        for piece in _OPENERS[packing](packed):
            done += len(piece)
            if done > bound:
                raise ForeignDamage(f"it unpacks to more than {bound} bytes")
            yield piece
    except _FAULTS as error:
        raise ForeignDamage("it can't be decompressed") from error


def packing_of(packed: bytes) -> Packing:
    """Which compressor made these bytes, by how they begin; ForeignDamage.

    For archives from before wyng noted it.
    """
    if packed.startswith(b"\x28\xb5\x2f\xfd"):
        return Packing.ZSTD
    if packed.startswith(b"BZh"):
        return Packing.BZ2
    if packed.startswith(b"\x1f\x8b"):
        return Packing.GZIP
    if packed[:1] == b"\x78":
        return Packing.ZLIB
    raise ForeignDamage("it is compressed in no way that wyng knew")


def _zstd(packed: BinaryIO) -> Iterator[bytes]:
    opener = zstandard.ZstdDecompressor(max_window_size=_WINDOW_MAX)
    with opener.stream_reader(packed, closefd=False) as reader:
        while piece := reader.read(_PIECE):
            yield piece


def _zlib(packed: BinaryIO) -> Iterator[bytes]:
    opener = zlib.decompressobj(_ANY_ZLIB)
    while not opener.eof:
        waiting = opener.unconsumed_tail or packed.read(_PIECE)
        piece = opener.decompress(waiting, _PIECE)
        if not waiting and not piece:
            raise EOFError("the packed bytes end too early")
        yield piece


def _bz2(packed: BinaryIO) -> Iterator[bytes]:
    opener = bz2.BZ2Decompressor()
    while not opener.eof:
        waiting = packed.read(_PIECE) if opener.needs_input else b""
        if opener.needs_input and not waiting:
            raise EOFError("the packed bytes end too early")
        yield opener.decompress(waiting, _PIECE)


_OPENERS: dict[Packing, Callable[[BinaryIO], Iterator[bytes]]] = {
    Packing.ZSTD: _zstd,
    Packing.ZLIB: _zlib,
    Packing.GZIP: _zlib,
    Packing.BZ2: _bz2,
}
