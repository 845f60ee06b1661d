# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Sealing and opening of blobs.

A payload under AES-256-GCM is

    epoch 32 | counter u64 | ciphertext and 16-byte tag

Each process that seals draws a random epoch (another pid, another epoch);
every blob has a key of its own, derived from the epoch, its type and its id,
and the process's counter as nonce. Nothing about nonces is stored and no
clock is asked, so clones and rollbacks of the machine are harmless. A nonce
is never derived from a plaintext.
"""

import hmac
import os
import struct
import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import Callable, List, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wyng_common.frames import BlobType, Frame, encode_frame
from wyng_common.ids import BlobId
from wyng_dom0.errors import IntegrityError
from wyng_dom0.seal.compression import Decompressor
from wyng_dom0.seal.hashing import IdHasher
from wyng_dom0.seal.keys import FORMAT_VERSION, ArchiveKeys, Suite, derive
from wyng_dom0.seal.padding import padded_length

EPOCH_SIZE = 32
_PREFIX = struct.Struct(">32sQ")
_TAG_SIZE = 16
OVERHEAD = _PREFIX.size + _TAG_SIZE
_ASSOCIATED = struct.Struct(">9sBB16sB32sHI32s")
_EPOCHS_KEPT = 256


@dataclass(frozen=True)
class PackedBlob:
    """A blob that is named and packed (see compression) but not yet sealed."""

    type: BlobType
    id: BlobId
    children: Sequence[BlobId]
    packed: bytes


class Sealer:
    """Turns packed blobs into frames; safe between threads and forks."""

    def __init__(self, keys: ArchiveKeys) -> None:
        self._keys = keys
        self._lock = threading.Lock()
        self._pid = -1
        self._epoch = b""
        self._counter = 0
        self._epoch_key: Callable[[BlobType], bytes] = lambda kind: b""

    def seal_batch(self, blobs: Sequence[PackedBlob]) -> List[bytes]:
        """Frames of the blobs, sorted by id before counters are given.

        The order of counters and of the upload thus says nothing of the
        order in which the volume was read.
        """
        ordered = sorted(blobs, key=lambda blob: blob.id)
        if self._keys.terms.suite is Suite.OFF:
            return [_frame(blob, blob.packed) for blob in ordered]
        with self._lock:
            self._draw_epoch()
            first = self._counter
            self._counter += len(ordered)
            epoch, epoch_key = self._epoch, self._epoch_key
        return [
            _frame(blob, self._seal(blob, first + at, epoch, epoch_key))
            for at, blob in enumerate(ordered)
        ]

    def _draw_epoch(self) -> None:
        if self._pid == os.getpid():
            return
        self._pid = os.getpid()
        self._epoch = os.urandom(EPOCH_SIZE)
        self._counter = 1
        self._epoch_key = _epoch_keys(self._keys, self._epoch)

    def _seal(
        self,
        blob: PackedBlob,
        counter: int,
        epoch: bytes,
        epoch_key: Callable[[BlobType], bytes],
    ) -> bytes:
        padding = padded_length(len(blob.packed)) - len(blob.packed)
        length = OVERHEAD + len(blob.packed) + padding
        associated = _associate(
            self._keys, blob.type, blob.id, blob.children, length, epoch
        )
        cipher = AESGCM(_blob_key(epoch_key(blob.type), blob.type, blob.id))
        sealed = cipher.encrypt(
            counter.to_bytes(12, "big"),
            blob.packed + bytes(padding),
            associated,
        )
        return _PREFIX.pack(epoch, counter) + sealed


class Opener:
    """Turns frames back into plaintexts; safe between threads."""

    def __init__(self, keys: ArchiveKeys) -> None:
        self._keys = keys
        self._decompressor = Decompressor()
        self._epoch_key = lru_cache(_EPOCHS_KEPT)(
            lambda epoch, kind: _epoch_keys(keys, epoch)(kind)
        )

    def open(self, frame: Frame, hasher: IdHasher, bound: int) -> bytes:
        """The plaintext of a frame, at most `bound` bytes.

        Authenticated before it is decompressed, and its id computed again.
        Raises IntegrityError naming the blob.
        """
        header = frame.header
        try:
            packed = self._unseal(frame)
            plaintext = self._decompressor.unpack(packed, bound)
        except IntegrityError as error:
            raise IntegrityError(f"blob {header.id.hex()}: {error}") from error
        named = hasher.blob_id(header.type, frame.children, plaintext)
        if named != header.id:
            raise IntegrityError(
                f"blob {header.id.hex()} holds something else than its id says"
            )
        return plaintext

    def _unseal(self, frame: Frame) -> bytes:
        if self._keys.terms.suite is Suite.OFF:
            return frame.payload
        if len(frame.payload) < OVERHEAD:
            raise IntegrityError("its payload is too short")
        epoch, counter = _PREFIX.unpack_from(frame.payload)
        header = frame.header
        associated = _associate(
            self._keys,
            header.type,
            header.id,
            frame.children,
            header.payload_length,
            epoch,
        )
        epoch_key = self._epoch_key(epoch, header.type)
        cipher = AESGCM(_blob_key(epoch_key, header.type, header.id))
        try:
            # A copy, as cryptography 37 takes nothing but bytes.
            return cipher.decrypt(
                counter.to_bytes(12, "big"),
                frame.payload[_PREFIX.size :],
                associated,
            )
        except InvalidTag:
            raise IntegrityError("its seal does not hold") from None


def _frame(blob: PackedBlob, payload: bytes) -> bytes:
    return encode_frame(blob.type, blob.id, blob.children, payload)


def _epoch_keys(keys: ArchiveKeys, epoch: bytes) -> Callable[[BlobType], bytes]:
    blob_key = keys.blob_key()

    @lru_cache(None)
    def epoch_key(kind: BlobType) -> bytes:
        info = bytes((FORMAT_VERSION, kind))
        return derive(blob_key, "epoch", epoch, info)

    return epoch_key


def _blob_key(epoch_key: bytes, blob_type: BlobType, id: BlobId) -> bytes:
    return hmac.digest(epoch_key, bytes((blob_type,)) + id, "sha256")


def _associate(
    keys: ArchiveKeys,
    blob_type: BlobType,
    id: BlobId,
    children: Sequence[BlobId],
    length: int,
    epoch: bytes,
) -> bytes:
    terms = keys.terms
    fixed = _ASSOCIATED.pack(
        b"wyng-blob",
        terms.version,
        terms.suite,
        terms.archive,
        blob_type,
        id,
        len(children),
        length,
        epoch,
    )
    return fixed + b"".join(children)
