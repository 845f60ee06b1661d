# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""From a volume's bytes to sealed chunks in the store, as a pipeline.

    read and hash -> compare with the old tree -> HAVE -> compress
        -> sort, seal, PUT

Reading, hashing and compressing run in worker threads, sealing and sending
in one more; they hand over segments of a few MiB, not chunks. Every stage
holds a bounded number of segments, so memory does not depend on the volume.
"""

import random
from collections import OrderedDict, deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import (
    Deque,
    Dict,
    Iterator,
    List,
    Optional,
    Sequence,
    Tuple,
    Type,
)

from wyng_common import limits
from wyng_common.frames import BlobType
from wyng_common.ids import BlobId
from wyng_dom0.engine.blobs import SEALED_AT_ONCE, put_batches
from wyng_dom0.engine.comparison import Comparison, TreeComparison
from wyng_dom0.engine.spans import SEGMENT_SIZE, Content, Span
from wyng_dom0.seal.blobs import PackedBlob, Sealer
from wyng_dom0.seal.compression import Compressor
from wyng_dom0.seal.hashing import IdHasher
from wyng_dom0.transport.connection import Question
from wyng_dom0.transport.remote_store import RemoteStore

WORKERS = 2
_HASHING_MOST = 3
_ASKED_MOST = 2
_PACKING_MOST = 3
_SEALED_BYTES_MOST = 24 * limits.MIB
_PUTS_MOST = 8
_GROUP_BYTES = 4 * limits.MIB
_RECENT_MOST = 1 << 15
_SAMPLE = 8

Chunk = Tuple[int, Optional[BlobId], memoryview]


@dataclass
class Sample:
    """A few random ids of what was sent and of what the store claimed."""

    sent: List[BlobId] = field(default_factory=list)
    claimed: List[BlobId] = field(default_factory=list)
    _seen: Dict[bool, int] = field(default_factory=dict)

    def note(self, id: BlobId, was_sent: bool) -> None:
        """Keep the id with the same chance as every other one."""
        kept = self.sent if was_sent else self.claimed
        seen = self._seen[was_sent] = self._seen.get(was_sent, 0) + 1
        if len(kept) < _SAMPLE:
            kept.append(id)
        elif (at := random.randrange(seen)) < _SAMPLE:
            kept[at] = id


@dataclass
class _Segment:
    chunks: List[Chunk]


class Uploader:
    """Sends chunks of one volume. A context manager owning its threads.

    Chunks are sent unless the store says that it has them. `sent_bytes`
    counts sealed bytes; with `dry_run` they are counted and not sent.
    Without `dedup` the store is not asked: what is known to have changed is
    sent, and may lie there twice.
    """

    def __init__(
        self,
        store: RemoteStore,
        sealer: Sealer,
        compressor: Compressor,
        hasher: IdHasher,
        chunk_size: int,
        comparison: Comparison,
        dry_run: bool = False,
        dedup: bool = True,
    ) -> None:
        self._store = store
        self._sealer = sealer
        self._compressor = compressor
        self._hasher = hasher
        self._chunk_size = chunk_size
        self._zeros = bytes(chunk_size)
        self._comparison = comparison
        self._dry_run = dry_run
        self._dedup = dedup
        self._workers = ThreadPoolExecutor(WORKERS, "worker")
        self._sender = ThreadPoolExecutor(1, "sender")
        self._hashing: "Deque[Future[_Segment]]" = deque()
        self._asked: Deque[Tuple[Question, List[Chunk]]] = deque()
        self._packing: "Deque[Future[List[PackedBlob]]]" = deque()
        self._sending: "Deque[Future[None]]" = deque()
        self._batch: List[PackedBlob] = []
        self._batch_bytes = 0
        self._puts: Deque[Question] = deque()
        self._recent: "OrderedDict[BlobId, None]" = OrderedDict()
        self._broken_off = False
        self.sample = Sample()
        self.sent_bytes = 0

    def __enter__(self) -> "Uploader":
        return self

    def __exit__(
        self, kind: "Optional[Type[BaseException]]", *_: object
    ) -> None:
        # What is under way is of no use any more: don't wait for all of it.
        self._broken_off = kind is not None
        for pool in (self._workers, self._sender):
            pool.shutdown(wait=True, cancel_futures=True)

    def send(self, content: Content, spans: Iterator[Span]) -> Iterator[int]:
        """Send all that changed; yields the bytes looked at so far.

        `spans` are what the comparison is to be told, each chunk once and in
        order. All frames are with the store when the iterator ends, though
        not yet synced.
        """
        for group in self._grouped(spans):
            if group[0].hole:
                yield from self._drain_hashing(0)
                self._comparison.hole(group[0].first, group[0].count)
                yield self._seen(group[0], content.size)
                continue
            self._read_ahead(content, group)
            self._hashing.append(
                self._workers.submit(self._hash, content, group)
            )
            yield from self._drain_hashing(_HASHING_MOST)
        yield from self._drain_hashing(0)
        self._finish()

    def _grouped(self, spans: Iterator[Span]) -> Iterator[List[Span]]:
        """Data spans in groups of a segment's size, holes each alone."""
        most = max(1, SEGMENT_SIZE // self._chunk_size)
        group: List[Span] = []
        for span in spans:
            chunks = sum(each.count for each in group)
            if group and (span.hole or chunks + span.count > most):
                yield group
                group = []
            if span.hole:
                yield [span]
            else:
                group.append(span)
        if group:
            yield group

    def _read_ahead(self, content: Content, group: Sequence[Span]) -> None:
        """Let the kernel fetch what the workers will read soon, no more."""
        for span in group:
            start = span.first * self._chunk_size
            content.read_ahead(start, span.count * self._chunk_size)

    def _seen(self, span: Span, size: int) -> int:
        return min(size, (span.first + span.count) * self._chunk_size)

    def _hash(self, content: Content, group: Sequence[Span]) -> _Segment:
        chunks: List[Chunk] = []
        for span in group:
            data = _read_span(content, content.size, span, self._chunk_size)
            view = memoryview(data)
            for at in range(span.count):
                start = at * self._chunk_size
                chunk = view[start : start + self._chunk_size]
                id = None
                if not data.startswith(self._zeros, start):
                    id = self._hasher.chunk_id(chunk)
                chunks.append((span.first + at, id, chunk))
        return _Segment(chunks)

    def _drain_hashing(self, most: int) -> Iterator[int]:
        while len(self._hashing) > most:
            segment = self._hashing.popleft().result()
            self._ask(self._compare(segment))
            yield (segment.chunks[-1][0] + 1) * self._chunk_size

    def _compare(self, segment: _Segment) -> List[Chunk]:
        """The chunks to ask the store for, each id once.

        Unchanged ones too: they were read anyway, and one that the store
        has lost or found damaged is so sent again.
        """
        wanted: List[Chunk] = []
        for chunk in segment.chunks:
            number, id, _ = chunk
            before = self._comparison.changed
            self._comparison.chunk(number, id)
            same = self._comparison.changed == before
            if id is None or self._needs_no_send(same):
                continue
            if self._first_time(id):
                wanted.append(chunk)
        return wanted

    def _needs_no_send(self, same: bool) -> bool:
        """True for what did not change, where the store isn't asked."""
        # Other comparisons count later, and are told only what may differ.
        is_exact = isinstance(self._comparison, TreeComparison)
        return same and is_exact and not self._dedup

    def _first_time(self, id: BlobId) -> bool:
        if id in self._recent:
            return False
        self._recent[id] = None
        if len(self._recent) > _RECENT_MOST:
            self._recent.popitem(last=False)
        return True

    def _ask(self, wanted: List[Chunk]) -> None:
        if wanted and not self._dedup:
            self._take([(chunk, False) for chunk in wanted])
        elif wanted:
            ids = [id for _, id, _ in wanted if id is not None]
            self._asked.append((self._store.ask_have(ids), wanted))
        self._drain_asked(_ASKED_MOST)

    def _drain_asked(self, most: int) -> None:
        while len(self._asked) > most:
            question, wanted = self._asked.popleft()
            had = self._store.had(question, len(wanted))
            self._take(list(zip(wanted, had, strict=True)))

    def _take(self, answered: Sequence[Tuple[Chunk, bool]]) -> None:
        """Send on the chunks that the store has not."""
        missing = []
        for chunk, has in answered:
            assert chunk[1] is not None
            self.sample.note(chunk[1], was_sent=not has)
            if not has:
                missing.append(chunk)
        if missing:
            self._packing.append(self._workers.submit(self._pack, missing))
        self._drain_packing(_PACKING_MOST)

    def _pack(self, chunks: Sequence[Chunk]) -> List[PackedBlob]:
        return [
            PackedBlob(BlobType.CHUNK, id, (), self._compressor.pack(data))
            for _, id, data in chunks
            if id is not None
        ]

    def _drain_packing(self, most: int) -> None:
        while len(self._packing) > most:
            blobs = self._packing.popleft().result()
            self._batch.extend(blobs)
            self._batch_bytes += sum(len(blob.packed) for blob in blobs)
            full = self._batch_bytes >= _SEALED_BYTES_MOST
            if full or len(self._batch) >= SEALED_AT_ONCE:
                self._send_batch()

    def _send_batch(self) -> None:
        self._drain_sending(0)
        batch = sorted(self._batch, key=lambda blob: blob.id)
        self._batch, self._batch_bytes = [], 0
        self._sending.append(self._sender.submit(self._seal_and_put, batch))

    def _seal_and_put(self, batch: List[PackedBlob]) -> None:
        # In groups, so that no second copy of a whole batch is held.
        size = max(1, _GROUP_BYTES // self._chunk_size)
        while batch and not self._broken_off:
            group, batch[:size] = batch[:size], []
            for frames in put_batches(self._sealer.seal_batch(group)):
                if self._broken_off:
                    return
                if not self._dry_run:
                    self._puts.append(self._store.ask_put(frames))
                self.sent_bytes += sum(map(len, frames))
            self._drain_puts(_PUTS_MOST)

    def _drain_puts(self, most: int) -> None:
        while len(self._puts) > most:
            self._store.put_done(self._puts.popleft())

    def _drain_sending(self, most: int) -> None:
        while len(self._sending) > most:
            self._sending.popleft().result()

    def _finish(self) -> None:
        self._drain_asked(0)
        self._drain_packing(0)
        if self._batch:
            self._send_batch()
        self._drain_sending(0)
        self._drain_puts(0)


def _read_span(
    content: Content, size: int, span: Span, chunk_size: int
) -> bytes:
    """The bytes of a span, zero-padded to whole chunks."""
    start = span.first * chunk_size
    wanted = min(span.count * chunk_size, size - start)
    data = content.read(start, wanted)
    return data + bytes(span.count * chunk_size - wanted)
