# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Ids of blobs: a hash over all that a blob means, keyed per domain.

    H(type u8 | child count u16 | child ids | plaintext)

where H is HMAC-SHA256 or keyed BLAKE2b-256, or the unkeyed hash where the
archive is not sealed. Over plaintext, never over a compressor's output.
"""

import hashlib
import hmac
import struct
from typing import Optional, Protocol, Sequence

from wyng_common.frames import BlobType
from wyng_common.ids import BlobId
from wyng_dom0.seal.keys import HashType

_PREFIX = struct.Struct(">BH")


class _Hash(Protocol):
    def update(self, data: "bytes | memoryview", /) -> None: ...
    def digest(self) -> bytes: ...
    def copy(self) -> "_Hash": ...


class IdHasher:
    """Makes the ids of one deduplication domain; safe between threads."""

    def __init__(self, hash_type: HashType, key: Optional[bytes]) -> None:
        self._start = _new_hash(hash_type, key)
        self._chunk = self._start.copy()
        self._chunk.update(_PREFIX.pack(BlobType.CHUNK, 0))

    def chunk_id(self, plaintext: "bytes | memoryview") -> BlobId:
        """The id of a chunk; releases the GIL while it hashes."""
        state = self._chunk.copy()
        state.update(plaintext)
        return BlobId(state.digest())

    def blob_id(
        self, blob_type: BlobType, children: Sequence[BlobId], plaintext: bytes
    ) -> BlobId:
        """The id of any blob; `children` as in its frame."""
        state = self._start.copy()
        state.update(_PREFIX.pack(blob_type, len(children)))
        state.update(b"".join(children))
        state.update(plaintext)
        return BlobId(state.digest())


def _new_hash(hash_type: HashType, key: Optional[bytes]) -> _Hash:
    if hash_type is HashType.BLAKE2B:
        return hashlib.blake2b(key=key or b"", digest_size=BlobId.SIZE)
    if key is None:
        return hashlib.sha256()
    # hmac.new(...).update releases the GIL on chunk-sized buffers, where
    # hmac.digest does not (measured on 3.11).
    return hmac.new(key, digestmod="sha256")
