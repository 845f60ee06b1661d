# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What of a commit record only dom0 can make: its MAC and its removals.

Removals say which sessions were taken away on purpose, so that a later
prune can tell a removal from a session that somebody hid. Each is a range
of one volume's session sequences; they are sealed, because volume ids stay
out of the store's sight. Sealed removals are salt 32, then AES-256-GCM under
a key of that salt alone, with the record's place as associated data.
"""

import hmac
import os
import struct
from dataclasses import dataclass, replace
from typing import Sequence, Tuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wyng_common import limits
from wyng_common.commits import Commit
from wyng_dom0.errors import BadInput, IntegrityError
from wyng_dom0.seal.keys import ArchiveKeys, Suite, derive

_REMOVAL = struct.Struct(">16sQQ")
_PLACE = struct.Struct(">16sQ32s")
_SALT_SIZE = 32
_NONCE = bytes(12)
LAST = (1 << 64) - 1
REMOVALS_MOST = (limits.REMOVALS_MAX - _SALT_SIZE - 16) // _REMOVAL.size


@dataclass(frozen=True)
class Removal:
    """Sessions first..last (sequences, inclusive) of a volume are gone."""

    volume: bytes
    first: int
    last: int


def sign(
    keys: ArchiveKeys, commit: Commit, removals: Sequence[Removal]
) -> Commit:
    """The commit with its removals sealed and its MAC made."""
    commit = replace(commit, removals=_seal(keys, commit, removals))
    return replace(commit, mac=keys.commit_mac(commit.signed_part()))


def mac_holds(keys: ArchiveKeys, commit: Commit) -> bool:
    """Whether this archive's key made the record."""
    expected = keys.commit_mac(commit.signed_part())
    return commit.archive == keys.terms.archive and hmac.compare_digest(
        expected, commit.mac
    )


def open_removals(keys: ArchiveKeys, commit: Commit) -> Tuple[Removal, ...]:
    """The removals of a record whose MAC held; raises IntegrityError."""
    if not commit.removals:
        return ()
    sealed = commit.removals
    if keys.terms.suite is not Suite.OFF:
        cipher = AESGCM(derive(keys.removals_key(), "record", sealed[:32]))
        try:
            sealed = cipher.decrypt(_NONCE, sealed[32:], _place(commit))
        except (InvalidTag, ValueError):
            raise IntegrityError(
                f"the removals of commit {commit.sequence} are damaged"
            ) from None
    if len(sealed) % _REMOVAL.size:
        raise IntegrityError(
            f"the removals of commit {commit.sequence} are cut"
        )
    return tuple(Removal(*each) for each in _REMOVAL.iter_unpack(sealed))


def _seal(
    keys: ArchiveKeys, commit: Commit, removals: Sequence[Removal]
) -> bytes:
    if not removals:
        return b""
    if len(removals) > REMOVALS_MOST:
        raise BadInput(
            f"one commit can take away at most {REMOVALS_MOST} ranges of"
            " sessions; take away fewer at a time"
        )
    plain = b"".join(
        _REMOVAL.pack(each.volume, each.first, each.last) for each in removals
    )
    if keys.terms.suite is Suite.OFF:
        return plain
    salt = os.urandom(_SALT_SIZE)
    cipher = AESGCM(derive(keys.removals_key(), "record", salt))
    return salt + cipher.encrypt(_NONCE, plain, _place(commit))


def _place(commit: Commit) -> bytes:
    return _PLACE.pack(commit.archive, commit.sequence, commit.previous)
