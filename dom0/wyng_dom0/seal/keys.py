# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The master key and the purpose keys drawn from it.

Owns the closed sets of suites and hashes, and every HKDF label. The archive
never chooses an algorithm: what is used comes from `Terms`, which dom0 pins.
"""

import hashlib
import hmac
import os
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Optional

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from wyng_common.ids import ArchiveId, FixedBytes

FORMAT_VERSION = 1


class Suite(IntEnum):
    """How blobs are sealed."""

    OFF = 0
    AES_256_GCM = 1


class HashType(IntEnum):
    """How ids are made."""

    SHA256 = 1
    BLAKE2B = 2


class MasterKey(FixedBytes):
    """32 random bytes; everything else is derived from them."""

    SIZE = 32

    def __repr__(self) -> str:
        return "MasterKey(secret)"


class DomainId(FixedBytes):
    """Which deduplication domain a blob's id belongs to."""

    SIZE = 16


# Pages, catalogs, segments, groups and settings.
META_DOMAIN = DomainId(b"wyng-domain-meta")


@dataclass(frozen=True)
class Terms:
    """What is fixed for an archive and pinned by dom0."""

    archive: ArchiveId
    suite: Suite
    hash_type: HashType
    version: int = FORMAT_VERSION


def derive(
    key: bytes, label: str, salt: bytes = b"", info: bytes = b""
) -> bytes:
    """32 bytes by HKDF-SHA256 (RFC 5869) of `key` for one labelled purpose."""
    return HKDF(
        algorithm=hashes.SHA256(),
        length=32,
        salt=salt or None,
        info=b"wyng-1-" + label.encode("ascii") + b"\0" + info,
    ).derive(key)


@dataclass(frozen=True)
class ArchiveKeys:
    """The purpose keys of one archive.

    With suite OFF there is no master key, and every purpose key is a public
    constant: ids and commit MACs are then plain hashes.
    """

    terms: Terms
    master: Optional[MasterKey] = field(repr=False)

    def __post_init__(self) -> None:
        sealed = self.terms.suite is not Suite.OFF
        if sealed != (self.master is not None):
            raise ValueError("a sealed archive needs a key, and only that one")

    def _purpose(self, label: str, info: bytes = b"") -> bytes:
        if self.master is None:
            return bytes(32)
        return derive(self.master, label, self.terms.archive, info)

    def id_key(self, domain: DomainId) -> Optional[bytes]:
        """The key of ids in a domain, or None where ids are unkeyed."""
        return None if self.master is None else self._purpose("id", domain)

    def blob_key(self) -> bytes:
        """The key that epoch keys of sealed blobs are derived from."""
        return self._purpose("blob")

    def removals_key(self) -> bytes:
        """The key that seals the removals of commit records."""
        return self._purpose("removals")

    def commit_mac(self, signed_part: bytes) -> bytes:
        """The 32-byte MAC of a commit record."""
        if self.master is None:
            return hashlib.sha256(b"wyng-1-commit\0" + signed_part).digest()
        key = self._purpose("commit")
        return hmac.new(key, signed_part, "sha256").digest()


def new_master_key() -> MasterKey:
    """A fresh key from the kernel's random source."""
    return MasterKey(os.urandom(MasterKey.SIZE))
