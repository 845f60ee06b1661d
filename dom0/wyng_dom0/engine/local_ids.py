# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The ids of what lies somewhere now, chunk by chunk, without any transfer.

Threads read and hash ahead, a bounded number of segments. Ids are over
plaintext, so they say the same as the archive's whatever compressed it.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from wyng_common.ids import BlobId
from wyng_dom0.engine.download import Ref
from wyng_dom0.engine.spans import SEGMENT_SIZE, Span
from wyng_dom0.seal.hashing import IdHasher
from wyng_dom0.sources.writing import read_padded
from wyng_dom0.tree.lookup import Run

WORKERS = 2
_AHEAD_MOST = 3

# A span and the ids of its chunks (None: zeros), or None for a known hole.
Hashed = tuple[Span, "list[BlobId | None] | None"]


class LocalIds:
    """Hashes what can be read at `fd`. A context manager owning threads.

    `size` is where the volume ends: what lies behind, and what is missing
    before, counts as zeros.
    """

    def __init__(
        self, fd: int, size: int, chunk_size: int, hasher: IdHasher
    ) -> None:
        self._fd = fd
        self._size = size
        self._chunk_size = chunk_size
        self._zeros = bytes(chunk_size)
        self._hasher = hasher
        self._workers = ThreadPoolExecutor(WORKERS, "hasher")

    def __enter__(self) -> "LocalIds":
        return self

    def __exit__(self, *_: object) -> None:
        self._workers.shutdown(wait=True, cancel_futures=True)

    def of(self, spans: Iterable[Span]) -> Iterator[Hashed]:
        """Each span with its ids, in order."""
        ahead: "deque[tuple[Span, Future[list[BlobId | None]] | None]]"
        ahead = deque()
        for span in spans:
            future = None
            if not span.hole:
                future = self._workers.submit(self._hash, span)
            ahead.append((span, future))
            if len(ahead) > _AHEAD_MOST:
                yield _done(*ahead.popleft())
        while ahead:
            yield _done(*ahead.popleft())

    def _hash(self, span: Span) -> "list[BlobId | None]":
        start = span.first * self._chunk_size
        wanted = span.count * self._chunk_size
        data = read_padded(
            self._fd, start, max(0, min(wanted, self._size - start))
        )
        data += bytes(wanted - len(data))
        view = memoryview(data)
        return [
            self._id(data, view, at * self._chunk_size)
            for at in range(span.count)
        ]

    def _id(self, data: bytes, view: memoryview, at: int) -> "BlobId | None":
        if data.startswith(self._zeros, at):
            return None
        return self._hasher.chunk_id(view[at : at + self._chunk_size])


def differing(
    local: Iterable[Hashed], refs: Iterator[Ref]
) -> Iterator[tuple[int, "BlobId | None"]]:
    """(number, id it should have) of each chunk that is something else here.

    `refs` are the wanted chunks that are no holes; both ascending, and no
    ref lies between spans. None: it should be zeros.
    """
    wanted = next(refs, None)
    for span, ids in local:
        for at, id in enumerate(ids or (), span.first):
            should = None
            if wanted is not None and wanted[0] == at:
                should = wanted[1]
                wanted = next(refs, None)
            if should != id:
                yield at, should
        while wanted is not None and wanted[0] < span.first + span.count:
            yield wanted
            wanted = next(refs, None)


def spans_in(runs: Iterable[Run], chunk_size: int) -> Iterator[Span]:
    """The runs as spans of at most one segment each, all to be read."""
    most = max(1, SEGMENT_SIZE // chunk_size)
    for first, count in runs:
        for at in range(first, first + count, most):
            yield Span(at, min(most, first + count - at), hole=False)


def _done(span: Span, future: "Future[list[BlobId | None]] | None") -> Hashed:
    return span, None if future is None else future.result()
