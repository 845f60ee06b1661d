# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A set of chunks of a volume that may have changed: one bit each.

Bits, because scattered changes of a large volume have a bound then: 32 MiB
for 16 TiB in chunks of 64 KiB. Nothing here is a loop over chunks in Python,
but over runs of them. Does no I/O.
"""

import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

# 16 TiB in the smallest chunks, and as much again for volumes yet to come.
CHUNKS_MAX = 1 << 29
BITS_BYTES_MAX = CHUNKS_MAX // 8
_RUNS = re.compile(rb"\xff+|[^\x00\xff]")
_ZEROS = bytes(1024)

Run = tuple[int, int]  # first chunk and count


@dataclass(frozen=True)
class Changed:
    """Chunks that may have changed; with `everything`, any may have.

    Chunk n is bit n % 8 of byte n // 8; there is no zero byte at the end, so
    that equal sets are equal values.
    """

    bits: bytes = b""
    everything: bool = False

    def __or__(self, other: "Changed") -> "Changed":
        """What may have changed by the one or the other."""
        if self.everything or other.everything:
            return EVERYTHING
        if not other.bits:
            return self
        if not self.bits:
            return other
        size = max(len(self.bits), len(other.bits))
        both = int.from_bytes(self.bits, "little") | int.from_bytes(
            other.bits, "little"
        )
        return Changed(both.to_bytes(size, "little"))

    def __bool__(self) -> bool:
        """False when nothing can have changed."""
        return self.everything or bool(self.bits)

    def count(self, chunks: int) -> int:
        """How many chunks of a volume of `chunks` may have changed."""
        if self.everything:
            return chunks
        whole, rest = divmod(chunks, 8)
        bits = int.from_bytes(self.bits[:whole], "little").bit_count()
        if rest and whole < len(self.bits):
            bits += (self.bits[whole] & ((1 << rest) - 1)).bit_count()
        return bits

    def coarser(self, ratio: int) -> "Changed":
        """The same in chunks `ratio` times as large, each that is touched."""
        if self.everything or ratio == 1:
            return self
        found = self.runs(8 * len(self.bits))
        return chunk_set(
            (first // ratio, -(-(first + count) // ratio) - first // ratio)
            for first, count in found
        )

    def runs(self, chunks: int) -> Iterator[Run]:
        """(first, count) of consecutive ones below `chunks`, ascending.

        Runs that touch are one.
        """
        if self.everything:
            if chunks:
                yield 0, chunks
            return
        start = end = 0
        for first, count in self._pieces():
            if first >= chunks:
                break
            if first > end:
                if end > start:
                    yield start, end - start
                start = first
            end = min(first + count, chunks)
        if end > start:
            yield start, end - start

    def _pieces(self) -> Iterator[Run]:
        for start in range(0, len(self.bits), len(_ZEROS)):
            some = self.bits[start : start + len(_ZEROS)]
            # Most of a large volume, and told two hundred times as fast as by
            # the search.
            if some != _ZEROS:
                yield from _pieces_in(some, 8 * start)


def _pieces_in(bits: bytes, first: int) -> Iterator[Run]:
    """The pieces of some bits, of which the lowest is chunk `first`."""
    for found in _RUNS.finditer(bits):
        at = first + found.start() * 8
        byte = bits[found.start()]
        if byte == 0xFF:
            yield at, 8 * (found.end() - found.start())
        else:
            yield from ((at + n, 1) for n in range(8) if byte >> n & 1)


NOTHING = Changed()
EVERYTHING = Changed(everything=True)


def chunks_of(
    ranges: Iterable[tuple[int, int]], chunk_size: int, size: int
) -> Changed:
    """The chunks that ascending (offset, length) ranges in bytes touch.

    What lies behind `size` bytes counts not.
    """
    if size > CHUNKS_MAX * chunk_size:
        return EVERYTHING
    bits = bytearray()
    for offset, length in ranges:
        end = min(offset + length, size)
        if end > offset:
            _set(bits, offset // chunk_size, -(-end // chunk_size))
    return _trimmed(bits)


def chunk_set(runs: Iterable[Run]) -> Changed:
    """The chunks of some (first, count) runs, in any order."""
    bits = bytearray()
    for first, count in runs:
        if first + count > CHUNKS_MAX:
            return EVERYTHING
        if count > 0:
            _set(bits, first, first + count)
    return _trimmed(bits)


def _trimmed(bits: bytearray) -> Changed:
    return Changed(bytes(bits.rstrip(b"\0")))


def _set(bits: bytearray, first: int, end: int) -> None:
    """Set the bits first..end-1."""
    needed = -(-end // 8)
    if len(bits) < needed:
        bits.extend(bytes(needed - len(bits)))
    low, high = first // 8, (end - 1) // 8
    head, tail = 0xFF << first % 8 & 0xFF, 0xFF >> 7 - (end - 1) % 8
    if low == high:
        bits[low] |= head & tail
        return
    bits[low] |= head
    bits[low + 1 : high] = b"\xff" * (high - low - 1)
    bits[high] |= tail


def pack(changed: Changed) -> bytes:
    """The set as few bytes, for `unpack`."""
    if changed.everything:
        return b"*"
    return b"b" + zlib.compress(changed.bits, 1) if changed.bits else b""


def unpack(data: bytes) -> Changed:
    """What `pack` made; ValueError for anything else."""
    if data == b"*":
        return EVERYTHING
    if not data:
        return NOTHING
    if data[:1] != b"b":
        raise ValueError("no set of chunks")
    inflater = zlib.decompressobj()
    try:
        bits = inflater.decompress(data[1:], BITS_BYTES_MAX + 1)
    except zlib.error:
        raise ValueError("no set of chunks") from None
    if not inflater.eof or len(bits) > BITS_BYTES_MAX or bits[-1:] == b"\0":
        raise ValueError("a set of chunks has the wrong length")
    return Changed(bits)
