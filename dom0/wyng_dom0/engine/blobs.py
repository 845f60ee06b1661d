# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Blobs of an open archive: fetched and opened, sealed and sent.

Reading is pipelined: several requests are under way while the answers of
the first are opened. What comes out of here has passed digest, seal and id.
"""

from collections import OrderedDict, deque
from typing import Deque, Dict, Iterable, Iterator, List, Sequence, Tuple

from wyng_common import limits
from wyng_common.errors import FormatError
from wyng_common.frames import BlobType, split_frame
from wyng_common.ids import BlobId
from wyng_dom0.archive.fields import Record, encode_record, parse_record
from wyng_dom0.errors import IntegrityError
from wyng_dom0.seal.blobs import Opener, PackedBlob, Sealer
from wyng_dom0.seal.compression import Compression, Compressor
from wyng_dom0.seal.hashing import IdHasher
from wyng_dom0.seal.keys import META_DOMAIN, ArchiveKeys, DomainId
from wyng_dom0.transport.connection import Question
from wyng_dom0.transport.remote_store import RemoteStore
from wyng_dom0.tree.nodes import Node, parse_node

_ASKED_AT_ONCE = 64
_UNDER_WAY = 4
_NODES_KEPT = 512
# A batch is sorted by id before it is sealed; 256 or more hide its order.
SEALED_AT_ONCE = 256


class Hashers:
    """The id hashers of an archive's domains, made once each."""

    def __init__(self, keys: ArchiveKeys) -> None:
        self._keys = keys
        self._made: Dict[DomainId, IdHasher] = {}

    def of(self, domain: DomainId) -> IdHasher:
        """The hasher of a domain."""
        if domain not in self._made:
            self._made[domain] = IdHasher(
                self._keys.terms.hash_type, self._keys.id_key(domain)
            )
        return self._made[domain]


class BlobReader:
    """Fetches blobs and opens them."""

    def __init__(self, store: RemoteStore, keys: ArchiveKeys) -> None:
        self._store = store
        self._opener = Opener(keys)
        self._hashers = Hashers(keys)
        self._nodes: "OrderedDict[BlobId, Node]" = OrderedDict()

    def frames(self, ids: Iterable[BlobId]) -> Iterator[Tuple[BlobId, bytes]]:
        """(id, untrusted frame) of some ids, in their order.

        Raises IntegrityError for one that is missing or damaged.
        """
        for question, asked in self._asked(ids):
            for id in asked:
                yield id, self._store.next_blob(question, id)

    def ask(self, ids: Sequence[BlobId]) -> Question:
        """Ask for at most GET_IDS_MAX blobs; `arrived` gives them."""
        return self._store.ask_blobs(ids)

    def arrived(self, question: Question, id: BlobId) -> bytes:
        """The next untrusted frame that `ask` brings, which is for `id`.

        Raises IntegrityError when it is missing or damaged.
        """
        return self._store.next_blob(question, id)

    def open(
        self,
        id: BlobId,
        untrusted_frame: bytes,
        blob_type: BlobType,
        domain: DomainId,
        bound: int,
    ) -> Tuple[List[BlobId], bytes]:
        """(children, plaintext) of a frame; raises IntegrityError.

        The frame must be of this id and type. Its digest isn't computed:
        the seal and the id prove more.
        """
        try:
            frame = split_frame(untrusted_frame)
        except FormatError as error:
            raise IntegrityError(f"blob {id.hex()}: {error}") from error
        if (frame.header.id, frame.header.type) != (id, blob_type):
            raise IntegrityError(f"the store sent another blob for {id.hex()}")
        hasher = self._hashers.of(domain)
        return frame.children, self._opener.open(frame, hasher, bound)

    def record(self, blob_type: BlobType, id: BlobId) -> Record:
        """The record in a page, catalog, segment, group or settings blob."""
        return next(self.records(blob_type, [id]))

    def records(
        self, blob_type: BlobType, ids: Sequence[BlobId]
    ) -> Iterator[Record]:
        """The records of several blobs, in order."""
        bound = limits.META_PLAIN_MAX
        for id, frame in self.frames(ids):
            opened = self.open(id, frame, blob_type, META_DOMAIN, bound)
            yield parse_record(*opened)

    def nodes(
        self, domain: DomainId, ids: Sequence[BlobId], level: int
    ) -> List[Node]:
        """Nodes of a volume's tree, in order; the last few are remembered."""
        wanted = [id for id in ids if id not in self._nodes]
        fetched = {}
        for id, frame in self.frames(wanted):
            children, plaintext = self.open(
                id, frame, BlobType.NODE, domain, limits.META_PLAIN_MAX
            )
            fetched[id] = parse_node(plaintext, children, level)
        found = [fetched.get(id) or self._remembered(id, level) for id in ids]
        self._remember(fetched)
        return found

    def _remembered(self, id: BlobId, level: int) -> Node:
        node = self._nodes[id]
        if node.level != level:
            raise IntegrityError("a node of a tree lies at the wrong level")
        return node

    def _remember(self, fetched: Dict[BlobId, Node]) -> None:
        self._nodes.update(fetched)
        while len(self._nodes) > _NODES_KEPT:
            self._nodes.popitem(last=False)

    def _asked(
        self, ids: Iterable[BlobId]
    ) -> Iterator[Tuple[Question, List[BlobId]]]:
        under_way: Deque[Tuple[Question, List[BlobId]]] = deque()
        for batch in _batches(ids, _ASKED_AT_ONCE):
            under_way.append((self._store.ask_blobs(batch), batch))
            if len(under_way) >= _UNDER_WAY:
                yield under_way.popleft()
        yield from under_way


class RecordWriter:
    """Seals pages, catalogs, segments, groups, settings and nodes.

    They are sent in sorted batches; `flush` sends the rest. What was stored
    can be loaded again before it was sent.
    """

    def __init__(
        self,
        store: RemoteStore,
        keys: ArchiveKeys,
        compression: Compression,
        sealer: Sealer,
    ) -> None:
        self._store = store
        self._sealer = sealer
        self._compressor = Compressor(compression)
        self._hashers = Hashers(keys)
        self._waiting: List[PackedBlob] = []
        self._asked: Deque[Question] = deque()
        self.fresh: Dict[BlobId, Record] = {}

    def store_record(self, blob_type: BlobType, record: Record) -> BlobId:
        """Queue a record as a blob of the metadata domain; gives its id."""
        children, plaintext = encode_record(record)
        if len(plaintext) > limits.META_PLAIN_MAX:
            raise IntegrityError(
                f"a {blob_type.name.lower()} would be larger than"
                f" {limits.META_PLAIN_MAX} bytes"
            )
        id = self._queue(blob_type, META_DOMAIN, children, plaintext)
        self.fresh[id] = record
        return id

    def store_node(self, domain: DomainId, node: Node) -> BlobId:
        """Queue a node of a volume's tree; gives its id."""
        children, plaintext = node.children(), node.plaintext()
        return self._queue(BlobType.NODE, domain, children, plaintext)

    def node_id(self, domain: DomainId, node: Node) -> BlobId:
        """The id that store_node would give; queues nothing."""
        return self._hashers.of(domain).blob_id(
            BlobType.NODE, node.children(), node.plaintext()
        )

    def flush(self) -> None:
        """Send what is queued and wait until the store has taken it."""
        self._send()
        while self._asked:
            self._store.put_done(self._asked.popleft())

    def _queue(
        self,
        blob_type: BlobType,
        domain: DomainId,
        children: List[BlobId],
        plaintext: bytes,
    ) -> BlobId:
        hasher = self._hashers.of(domain)
        id = hasher.blob_id(blob_type, children, plaintext)
        packed = self._compressor.pack(plaintext)
        self._waiting.append(PackedBlob(blob_type, id, children, packed))
        if len(self._waiting) >= SEALED_AT_ONCE:
            self._send()
        return id

    def _send(self) -> None:
        if self._waiting:
            frames = self._sealer.seal_batch(self._waiting)
            for batch in put_batches(frames):
                self._asked.append(self._store.ask_put(batch))
        self._waiting = []
        while len(self._asked) > _UNDER_WAY:
            self._store.put_done(self._asked.popleft())


def put_batches(frames: Sequence[bytes]) -> Iterator[List[bytes]]:
    """Frames in groups that fit into one PUT, in order."""
    batch: List[bytes] = []
    size = 0
    for frame in frames:
        full = size + len(frame) > limits.PUT_BODY_MAX // 4
        if batch and (full or len(batch) >= limits.PUT_FRAMES_MAX):
            yield batch
            batch, size = [], 0
        batch.append(frame)
        size += len(frame)
    if batch:
        yield batch


def _batches(ids: Iterable[BlobId], size: int) -> Iterator[List[BlobId]]:
    batch: List[BlobId] = []
    for id in ids:
        batch.append(id)
        if len(batch) >= size:
            yield batch
            batch = []
    if batch:
        yield batch
