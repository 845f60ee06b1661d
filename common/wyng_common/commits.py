# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The commit record: the only thing that begins or ends a session.

    "WYNGCMT1" | archive id 16 | sequence u64 | previous hash 32
    catalog id 32 | time u64 (UTC, nanoseconds, informational)
    release count u16 | that many (first u64, last u64)
    removals length u32 | removals (sealed by dom0)
    MAC 32

Integers are big-endian. The hash of a commit is SHA-256 over the whole
record, MAC included; the next record names it. A store that has no key can
check everything but the MAC and the removals.
"""

import hashlib
import struct
from dataclasses import dataclass
from typing import Any, Tuple

from wyng_common import limits
from wyng_common.errors import CommitError
from wyng_common.ids import ArchiveId, BlobId, CommitHash

MAGIC = b"WYNGCMT1"
MAC_SIZE = 32
_FIXED = struct.Struct(">8s16sQ32s32sQH")
_RANGE = struct.Struct(">QQ")
_LENGTH = struct.Struct(">I")


@dataclass(frozen=True)
class Commit:
    """One commit record. The first sequence is 1, its previous hash zero.

    `releases` are ascending, disjoint, inclusive ranges of earlier sequences
    whose catalogs no longer hold anything alive. `removals` are sealed.
    """

    archive: ArchiveId
    sequence: int
    previous: CommitHash
    catalog: BlobId
    time_ns: int
    releases: Tuple[Tuple[int, int], ...] = ()
    removals: bytes = b""
    mac: bytes = bytes(MAC_SIZE)

    def signed_part(self) -> bytes:
        """All of the record but the MAC: what the MAC is made over."""
        fixed = _FIXED.pack(
            MAGIC,
            self.archive,
            self.sequence,
            self.previous,
            self.catalog,
            self.time_ns,
            len(self.releases),
        )
        ranges = b"".join(_RANGE.pack(*pair) for pair in self.releases)
        length = _LENGTH.pack(len(self.removals))
        return fixed + ranges + length + self.removals

    def encode(self) -> bytes:
        """The record's bytes; raises CommitError when a bound is passed."""
        _check(self)
        return self.signed_part() + self.mac


def hash_record(record: bytes) -> CommitHash:
    """The hash by which the next commit names this record."""
    return CommitHash(hashlib.sha256(record).digest())


def parse_commit(untrusted: bytes) -> Commit:
    """Check a record's form and bounds; its MAC is the caller's business.

    Raises CommitError.
    """
    if len(untrusted) > limits.COMMIT_RECORD_MAX:
        raise CommitError("a commit record is too long")
    reader = _Reader(untrusted)
    magic, archive, sequence, previous, catalog, time_ns, count = reader.take(
        _FIXED
    )
    if magic != MAGIC:
        raise CommitError("a commit record does not begin as one")
    if count > limits.RELEASES_MAX:
        raise CommitError("a commit record releases too many ranges")
    releases = tuple(_pair(reader.take(_RANGE)) for _ in range(count))
    (length,) = reader.take(_LENGTH)
    commit = Commit(
        ArchiveId(archive),
        sequence,
        CommitHash(previous),
        BlobId(catalog),
        time_ns,
        releases,
        reader.bytes(min(length, limits.REMOVALS_MAX + 1)),
        reader.bytes(MAC_SIZE),
    )
    reader.finish()
    _check(commit)
    return commit


def _pair(taken: Tuple[Any, ...]) -> Tuple[int, int]:
    first, last = taken
    return int(first), int(last)


class _Reader:
    """Takes fields off the front; a cut record raises CommitError."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def bytes(self, size: int) -> bytes:
        taken = self._data[self._at : self._at + size]
        if len(taken) != size:
            raise CommitError("a commit record is cut")
        self._at += size
        return bytes(taken)

    def take(self, fields: struct.Struct) -> "Tuple[Any, ...]":
        return fields.unpack(self.bytes(fields.size))

    def finish(self) -> None:
        if self._at != len(self._data):
            raise CommitError("a commit record has bytes behind its end")


def _check(commit: Commit) -> None:
    if not 1 <= commit.sequence < 1 << 63:
        raise CommitError("a commit record's sequence is out of range")
    if len(commit.removals) > limits.REMOVALS_MAX:
        raise CommitError("a commit record's removals are too long")
    if len(commit.releases) > limits.RELEASES_MAX:
        raise CommitError("a commit record releases too many ranges")
    if len(commit.mac) != MAC_SIZE:
        raise CommitError("a commit record's MAC has the wrong length")
    last = 0
    for first, end in commit.releases:
        if not last < first <= end < commit.sequence:
            raise CommitError("a commit record's releases are out of order")
        last = end
