# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Which chunks of a volume are read, in pieces that workers take at a time."""

from dataclasses import dataclass
from typing import Iterable, Iterator, Optional, Protocol, Tuple

from wyng_common import limits

SEGMENT_SIZE = 2 * limits.MIB


class Content(Protocol):
    """What is sent: a snapshot, or a session of another program's archive.

    `size` is in bytes. Read from several threads at once.
    """

    @property
    def size(self) -> int:
        """Fixed for as long as it is read."""

    def data_ranges(
        self, start: int = 0, end: Optional[int] = None
    ) -> Iterator[Tuple[int, int]]:
        """(offset, length) where data may be, ascending; else zeros."""

    def read(self, offset: int, length: int) -> bytes:
        """Exactly that many bytes; a Dom0Error when they can't be had."""

    def read_ahead(self, offset: int, length: int) -> None:
        """A range will be read soon; may do nothing."""


@dataclass(frozen=True)
class Span:
    """Consecutive chunks of a volume: `count` from number `first`.

    `hole` says that all of them are known to read as zeros.
    """

    first: int
    count: int
    hole: bool


def spans_within(
    content: Content, chunk_size: int, runs: Iterable[Tuple[int, int]]
) -> Iterator[Span]:
    """Spans over all chunks of some (first, count) runs, ascending.

    Data spans are at most SEGMENT_SIZE (or one chunk) long.
    """
    for first, count in runs:
        start = first * chunk_size
        end = min((first + count) * chunk_size, content.size)
        yield from spans_of(
            first,
            first + count,
            chunk_size,
            content.data_ranges(start, end),
        )


def spans_of(
    at: int,
    chunks: int,
    chunk_size: int,
    ranges: Iterable[Tuple[int, int]],
) -> Iterator[Span]:
    """Spans over the chunks from `at` to below `chunks`.

    `ranges` are ascending (offset, length) in bytes that may hold data; what
    lies between is a hole.
    """
    per_segment = max(1, SEGMENT_SIZE // chunk_size)
    for offset, length in ranges:
        first = max(at, offset // chunk_size)
        end = min(chunks, -(-(offset + length) // chunk_size))
        if first > at:
            yield Span(at, first - at, hole=True)
        for start in range(first, end, per_segment):
            yield Span(start, min(per_segment, end - start), hole=False)
        at = max(at, end)
    if at < chunks:
        yield Span(at, chunks - at, hole=True)
