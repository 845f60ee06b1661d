# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A wyng archive that is open: its volumes, manifests and chunks.

What a format does is a Reader's: format2 and format3. What all formats have
in common is here: bounds, hashes, decompression, in this order.
"""

import hashlib
import hmac
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from wyng_dom0.errors import ForeignDamage, NotFound, SourceError
from wyng_dom0.migrate.folder import Folder
from wyng_dom0.migrate.manifest import Entry, chunk_path, parse_manifest
from wyng_dom0.migrate.records import (
    MANIFEST_LINE_MAX,
    ForeignSession,
    ForeignVolume,
    Root,
)
from wyng_dom0.migrate.unpacking import Packing, packing_of, unpack

_SLACK = 4096


class Reader(Protocol):
    """What differs between formats.

    `failed` maps what can't be read at all to why.
    """

    label: str
    is_sealed: bool
    folder: Folder
    root: Root
    volumes: list[ForeignVolume]
    failed: dict[str, str]

    def manifest(
        self, volume: ForeignVolume, session: ForeignSession, bound: int
    ) -> AbstractContextManager[Iterator[bytes]]:
        """A manifest's text, proven as far as the format can."""

    def open_chunk(self, untrusted: bytes) -> bytes:
        """A chunk without its seal, not yet proven."""

    def chunk_hash(self, data: bytes) -> bytes:
        """What a manifest must say of a chunk without its seal."""


@dataclass(frozen=True)
class ForeignArchive:
    """An archive by its reader; chunks may be read from many threads."""

    reader: Reader

    @property
    def chunk_size(self) -> int:
        """In bytes, before compression."""
        return self.reader.root.chunk_size

    @contextmanager
    def entries(
        self, volume: ForeignVolume, session: ForeignSession
    ) -> Iterator[Iterator[Entry]]:
        """The entries of a session's own manifest; ForeignDamage."""
        if session.manifest_hash == "0":
            yield iter(())
            return
        chunks = volume.largest // self.chunk_size + 1
        bound = chunks * MANIFEST_LINE_MAX + _SLACK
        try:
            with self.reader.manifest(volume, session, bound) as pieces:
                yield parse_manifest(pieces, self.chunk_size)
        except OSError as error:
            raise SourceError(
                f"the manifest of the session {session.name} can't be read:"
                f" {error.strerror}"
            ) from None

    def chunk(
        self, volume: ForeignVolume, session: str, number: int, hash: bytes
    ) -> bytes:
        """A chunk's plaintext, at most a chunk long; ForeignDamage.

        Bounded, then proven by its hash, then decompressed with a bound.
        """
        try:
            return self._chunk(volume, session, number, hash)
        except (ForeignDamage, NotFound) as error:
            raise ForeignDamage(
                f"chunk {number} of the session {session} can't be had: {error}"
            ) from error

    def _chunk(
        self, volume: ForeignVolume, session: str, number: int, hash: bytes
    ) -> bytes:
        size = self.chunk_size
        folder, file = chunk_path(number, size)
        untrusted = self.reader.folder.read(
            (volume.folder, f"S_{session}", folder, file),
            size + size // 64 + _SLACK,
        )
        data = self.reader.open_chunk(untrusted)
        if not hmac.compare_digest(self.reader.chunk_hash(data), hash):
            raise ForeignDamage("it is not what the manifest says")
        return unpack(self._packing(data), data, size)

    def _packing(self, data: bytes) -> Packing:
        return self.reader.root.packing or packing_of(data)


def plain_hash(hash_type: str, data: bytes) -> bytes:
    """32 bytes of sha256 or blake2b."""
    if hash_type == "sha256":
        return hashlib.sha256(data).digest()
    return hashlib.blake2b(data, digest_size=32).digest()


def running_hash(hash_type: str) -> "hashlib._Hash | hashlib.blake2b":
    """The same, for what comes in pieces."""
    if hash_type == "sha256":
        return hashlib.sha256()
    return hashlib.blake2b(digest_size=32)


def pieces_of(file: BinaryIO, bound: int) -> Iterator[bytes]:
    """A file's bytes piece by piece; ForeignDamage beyond the bound."""
    done = 0
    while piece := file.read(1 << 18):
        done += len(piece)
        if done > bound:
            raise ForeignDamage(f"it is larger than {bound} bytes")
        yield piece
