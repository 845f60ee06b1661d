# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Archives in memory: keys, shelves and trees that need no store.

Fixed keys, so that a failure repeats itself.
"""

from dataclasses import dataclass, field
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

from wyng_common import limits
from wyng_common.frames import BlobType, parse_frame
from wyng_common.ids import ArchiveId, BlobId
from wyng_dom0.archive.fields import Record, encode_record, parse_record
from wyng_dom0.archive.session import Session, State
from wyng_dom0.seal.blobs import Opener, PackedBlob, Sealer
from wyng_dom0.seal.compression import Compression, Compressor, Method
from wyng_dom0.seal.hashing import IdHasher
from wyng_dom0.seal.keys import (
    META_DOMAIN,
    ArchiveKeys,
    DomainId,
    HashType,
    MasterKey,
    Suite,
    Terms,
)
from wyng_dom0.tree.nodes import Node, parse_node

ARCHIVE = ArchiveId(bytes(range(16)))
MASTER = MasterKey(bytes(range(100, 132)))
DOMAIN = DomainId(b"a domain of ours")


def keys_of(
    suite: Suite = Suite.AES_256_GCM,
    hash_type: HashType = HashType.SHA256,
    archive: ArchiveId = ARCHIVE,
    master: MasterKey = MASTER,
) -> ArchiveKeys:
    """Keys of an archive; without a master key where it isn't sealed."""
    terms = Terms(archive, suite, hash_type)
    return ArchiveKeys(terms, None if suite is Suite.OFF else master)


def hasher_of(keys: ArchiveKeys, domain: DomainId = DOMAIN) -> IdHasher:
    """The hasher of one domain."""
    return IdHasher(keys.terms.hash_type, keys.id_key(domain))


def chunk_name(number: int) -> BlobId:
    """A made-up id of a chunk."""
    return BlobId((number + 1).to_bytes(32, "big"))


def a_session(sequence: int = 1, **other: object) -> Session:
    """A plausible session, an hour after the one before."""
    values: Dict[str, object] = {
        "sequence": sequence,
        "time_ns": (1_700_000_000 + 3600 * sequence) * 10**9,
        "offset": 3600,
        "size": 10 << 20,
        "mode": 0o600,
        "uid": 1000,
        "gid": 1000,
        "mtime_ns": 1_699_999_999_123_456_789,
        "changed": 1 << 20,
        "root": chunk_name(sequence),
        "state": State.CLEAN,
    }
    return Session(**{**values, **other})  # type: ignore[arg-type]


@dataclass
class MemoryShelf:
    """A Shelf over a dict, going through the bytes; counts its loads."""

    blobs: Dict[BlobId, Tuple[BlobType, List[BlobId], bytes]] = field(
        default_factory=dict
    )
    loads: List[BlobId] = field(default_factory=list)
    # How often something was asked for, however much at once.
    rounds: int = 0

    def store_record(self, blob_type: BlobType, record: Record) -> BlobId:
        children, plaintext = encode_record(record)
        hasher = hasher_of(keys_of(), META_DOMAIN)
        id = hasher.blob_id(blob_type, children, plaintext)
        self.blobs[id] = (blob_type, children, plaintext)
        return id

    def load_all(
        self, blob_type: BlobType, ids: Sequence[BlobId]
    ) -> Iterator[Record]:
        self.rounds += bool(ids)
        for id in ids:
            self.loads.append(id)
            kind, children, plaintext = self.blobs[id]
            assert kind is blob_type
            yield parse_record(children, plaintext)


@dataclass
class MemoryTree:
    """Where a tree's nodes go to and come from; counts its loads."""

    nodes: Dict[BlobId, Tuple[List[BlobId], bytes]] = field(
        default_factory=dict
    )
    loads: List[BlobId] = field(default_factory=list)

    def emit(self, node: Node) -> BlobId:
        children, plaintext = node.children(), node.plaintext()
        id = hasher_of(keys_of()).blob_id(BlobType.NODE, children, plaintext)
        self.nodes[id] = (children, plaintext)
        return id

    def load(self, id: BlobId, level: int) -> Node:
        self.loads.append(id)
        children, plaintext = self.nodes[id]
        return parse_node(plaintext, children, level)

    def load_many(self, ids: Sequence[BlobId], level: int) -> List[Node]:
        return [self.load(id, level) for id in ids]


@dataclass
class FrameArchive:
    """Frames by id, made and opened by the archive's own code."""

    keys: ArchiveKeys
    sealer: Sealer
    compression: Compression = Compression(Method.ZSTD, 3)
    frames: Dict[BlobId, bytes] = field(default_factory=dict)

    def put(
        self,
        kind: BlobType,
        children: Sequence[BlobId],
        plaintext: bytes,
        domain: DomainId = META_DOMAIN,
    ) -> BlobId:
        """Seal one blob and keep its frame."""
        hasher = hasher_of(self.keys, domain)
        id = hasher.blob_id(kind, children, plaintext)
        packed = Compressor(self.compression).pack(plaintext)
        blob = PackedBlob(kind, id, children, packed)
        (self.frames[id],) = self.sealer.seal_batch([blob])
        return id

    def store_record(self, blob_type: BlobType, record: Record) -> BlobId:
        """Keep a record; with `load_all`, this is a Shelf."""
        return self.put(blob_type, *encode_record(record))

    def load(self, blob_type: BlobType, id: BlobId) -> Record:
        """Open a record of a type."""
        assert parse_frame(self.frames[id]).header.type is blob_type
        return parse_record(*self.open(id, META_DOMAIN))

    def load_all(
        self, blob_type: BlobType, ids: Sequence[BlobId]
    ) -> Iterator[Record]:
        """Open some records of a type, in order."""
        return (self.load(blob_type, id) for id in ids)

    def open(self, id: BlobId, domain: DomainId) -> Tuple[List[BlobId], bytes]:
        """(children, plaintext) of a blob."""
        frame = parse_frame(self.frames[id])
        bound = limits.CHUNK_SIZE_MAX
        opened = Opener(self.keys).open(
            frame, hasher_of(self.keys, domain), bound
        )
        return frame.children, opened

    def put_chunk(self, content: bytes, domain: DomainId) -> Optional[BlobId]:
        """Keep a chunk; None, and nothing kept, when it is zeros."""
        if content.count(0) == len(content):
            return None
        return self.put(BlobType.CHUNK, [], content, domain)

    def put_node(self, node: Node, domain: DomainId) -> BlobId:
        """Keep a node."""
        children, plaintext = node.children(), node.plaintext()
        return self.put(BlobType.NODE, children, plaintext, domain)


def frame_archive(
    suite: Suite = Suite.AES_256_GCM, hash_type: HashType = HashType.SHA256
) -> FrameArchive:
    """An empty archive in memory."""
    keys = keys_of(suite, hash_type)
    return FrameArchive(keys, Sealer(keys))
