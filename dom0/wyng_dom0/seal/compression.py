# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Compression of one blob, and its bounded reversal.

The packed form of a plaintext is

    method u8 | plain length u32 | packed length u32 | packed bytes

and may have any number of zero bytes behind it (padding). A plaintext that
does not shrink is kept as it is.
"""

import bz2
import struct
import threading
import zlib
from dataclasses import dataclass
from enum import IntEnum
from typing import Dict

import zstandard

from wyng_dom0.errors import BadInput, IntegrityError

HEADER = struct.Struct(">BII")


class Method(IntEnum):
    """How the packed bytes were made; part of the archive format."""

    NONE = 0
    ZSTD = 1
    ZLIB = 2
    BZ2 = 3


_LEVELS: Dict[Method, "tuple[int, int, int]"] = {
    Method.NONE: (0, 0, 0),
    Method.ZSTD: (1, 3, 19),
    Method.ZLIB: (1, 4, 9),
    Method.BZ2: (1, 9, 9),
}


@dataclass(frozen=True)
class Compression:
    """What `--compression=METHOD[:LEVEL]` says."""

    method: Method
    level: int

    def __str__(self) -> str:
        if self.method is Method.NONE:
            return "none"
        return f"{self.method.name.lower()}:{self.level}"


def parse_compression(text: str) -> Compression:
    """Read METHOD[:LEVEL]; raises BadInput."""
    name, colon, level_text = text.partition(":")
    try:
        method = Method[name.upper()]
    except KeyError:
        known = ", ".join(each.name.lower() for each in Method)
        raise BadInput(f"compression {name!r} is not one of {known}") from None
    lowest, level, highest = _LEVELS[method]
    if colon:
        if not level_text.isascii() or not level_text.isdigit():
            raise BadInput(f"compression level {level_text!r} is no number")
        level = int(level_text[:4])
    if not lowest <= level <= highest:
        raise BadInput(f"{name} has levels {lowest} to {highest}, not {level}")
    return Compression(method, level)


class Compressor:
    """Packs plaintexts; safe to share between threads.

    A zstd context is not thread-safe and costs much to make, so each thread
    keeps one.
    """

    def __init__(self, compression: Compression) -> None:
        self._compression = compression
        self._local = threading.local()

    def pack(self, plaintext: "bytes | memoryview") -> bytes:
        """The packed form; never longer than the header plus the plaintext."""
        packed = self._compress(plaintext)
        method = self._compression.method
        if len(packed) >= len(plaintext):
            method, packed = Method.NONE, bytes(plaintext)
        return HEADER.pack(method, len(plaintext), len(packed)) + packed

    def _compress(self, plaintext: "bytes | memoryview") -> bytes:
        level = self._compression.level
        if self._compression.method is Method.ZSTD:
            return self._zstd().compress(plaintext)
        if self._compression.method is Method.ZLIB:
            return zlib.compress(plaintext, level)
        if self._compression.method is Method.BZ2:
            return bz2.compress(plaintext, level)
        return bytes(plaintext)

    def _zstd(self) -> zstandard.ZstdCompressor:
        context: "zstandard.ZstdCompressor | None"
        context = getattr(self._local, "context", None)
        if context is None:
            context = zstandard.ZstdCompressor(level=self._compression.level)
            self._local.context = context
        return context


class Decompressor:
    """Unpacks; safe to share between threads."""

    def __init__(self) -> None:
        self._local = threading.local()

    def unpack(self, packed: "bytes | memoryview", bound: int) -> bytes:
        """The plaintext, at most `bound` bytes, of an authenticated blob.

        Raises IntegrityError when lengths disagree; nothing longer than the
        bound is ever allocated.
        """
        if len(packed) < HEADER.size:
            raise IntegrityError("a blob is too short for what it holds")
        kind, plain_length, packed_length = HEADER.unpack_from(packed)
        body = memoryview(packed)[HEADER.size : HEADER.size + packed_length]
        if plain_length > bound or len(body) != packed_length:
            raise IntegrityError("a blob's inner lengths are out of bounds")
        try:
            plaintext = self._decompress(Method(kind), body, plain_length)
        except (ValueError, OSError, zlib.error, zstandard.ZstdError) as error:
            raise IntegrityError("a blob can't be decompressed") from error
        if len(plaintext) != plain_length:
            raise IntegrityError("a blob decompressed to another length")
        return plaintext

    def _decompress(
        self, method: Method, body: memoryview, length: int
    ) -> bytes:
        if method is Method.ZSTD:
            return self._decompress_zstd(body, length)
        if method is Method.ZLIB:
            return zlib.decompressobj().decompress(body, length + 1)
        if method is Method.BZ2:
            return bz2.BZ2Decompressor().decompress(body, length + 1)
        return bytes(body)

    def _decompress_zstd(self, body: memoryview, length: int) -> bytes:
        # The library allocates what the zstd header says: look first.
        claimed = zstandard.get_frame_parameters(body).content_size
        if claimed != length:
            raise IntegrityError("a zstd frame claims another length")
        context: "zstandard.ZstdDecompressor | None"
        context = getattr(self._local, "context", None)
        if context is None:
            context = zstandard.ZstdDecompressor()
            self._local.context = context
        return context.decompress(body, max_output_size=length)
