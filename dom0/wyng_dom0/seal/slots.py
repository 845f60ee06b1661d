# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Key slots: the master key, wrapped by what a person can keep.

    "WYNGSLOT" | version u8 | suite u8 | hash u8 | kind u8 | archive id 16
    made u64 (UTC seconds) | log2 N u8 | r u8 | p u8 | 0 u8 | salt 32
    commitment 32 | nonce 12 | wrapped master key and tag 48

The header is associated data of the wrapping, so a slot that opens also
proves the suite and the hash. The commitment makes a slot open under one
key only, which AES-GCM alone does not promise. An archive that isn't sealed
has one slot of kind NONE that ends behind the header; its costs are zero and
its salt is the SHA-256 of the header before it, so that damage shows.
"""

import hashlib
import hmac
import os
import struct
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Iterable, Optional, Tuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wyng_common.errors import FormatError
from wyng_common.ids import ArchiveId
from wyng_dom0.errors import AuthenticationFailed, IntegrityError
from wyng_dom0.seal.keys import (
    FORMAT_VERSION,
    HashType,
    MasterKey,
    Suite,
    Terms,
    derive,
)

MAGIC = b"WYNGSLOT"
_HEADER = struct.Struct(">8sBBBB16sQBBBB32s")
_BODY = struct.Struct(">32s12s48s")
SALT_SIZE = 32
KEY_FILE_SIZE_MIN = 32
KEY_FILE_SIZE_MAX = 1 << 20
SCRYPT_LOG_N_MIN = 10
SCRYPT_LOG_N_MAX = 19
# hashlib.scrypt takes less than 2 GiB of memory, which N=2^21 needs.
SCRYPT_LOG_N_FORCED_MAX = 20


class SlotKind(IntEnum):
    """What opens a slot."""

    NONE = 0
    PASSPHRASE = 1
    RECOVERY = 2
    KEY_FILE = 3


_LABELS = {SlotKind.RECOVERY: "recovery", SlotKind.KEY_FILE: "key-file"}
_SHOWN = {
    SlotKind.PASSPHRASE: "passphrase",
    SlotKind.RECOVERY: "recovery code",
    SlotKind.KEY_FILE: "key file",
    SlotKind.NONE: "nothing",
}


@dataclass(frozen=True)
class Credential:
    """What a person came with: a passphrase, a recovery code, a key file."""

    kind: SlotKind
    secret: bytes = field(repr=False)


@dataclass(frozen=True)
class Scrypt:
    """The cost of a passphrase: N = 2**log_n, r, p (RFC 7914)."""

    log_n: int
    r: int = 8
    p: int = 1


@dataclass(frozen=True)
class SlotHeader:
    """The clear part of a slot."""

    terms: Terms
    kind: SlotKind
    made: int
    cost: Scrypt
    salt: bytes

    def encode(self) -> bytes:
        """The header's bytes."""
        return _HEADER.pack(
            MAGIC,
            self.terms.version,
            self.terms.suite,
            self.terms.hash_type,
            self.kind,
            self.terms.archive,
            self.made,
            self.cost.log_n,
            self.cost.r,
            self.cost.p,
            0,
            self.salt,
        )


@dataclass(frozen=True)
class Slot:
    """One slot, parsed but not opened. `body` is empty for kind NONE."""

    header: SlotHeader
    body: bytes

    def encode(self) -> bytes:
        """The slot's bytes, as kept in the archive and in dom0."""
        return self.header.encode() + self.body


def parse_slot(untrusted: bytes) -> Slot:
    """Check a slot's form and bounds; raises IntegrityError."""
    if len(untrusted) not in (_HEADER.size, _HEADER.size + _BODY.size):
        raise IntegrityError("a key slot has the wrong length")
    (
        magic,
        version,
        suite,
        hash_type,
        kind,
        archive,
        made,
        log_n,
        r,
        p,
        zero,
        salt,
    ) = _HEADER.unpack_from(untrusted)
    if magic != MAGIC or version != FORMAT_VERSION:
        raise IntegrityError("a key slot is damaged or of an unknown version")
    try:
        terms = Terms(
            ArchiveId(archive), Suite(suite), HashType(hash_type), version
        )
        header = SlotHeader(
            terms, SlotKind(kind), made, Scrypt(log_n, r, p), salt
        )
    except (ValueError, FormatError):
        raise IntegrityError("a key slot names an unknown algorithm") from None
    if zero:
        raise IntegrityError("a key slot is damaged")
    if header.kind in _LABELS and header.cost != Scrypt(0, 0, 0):
        raise IntegrityError("a key slot is damaged")
    body = bytes(untrusted[_HEADER.size :])
    if bool(body) != (header.kind is not SlotKind.NONE):
        raise IntegrityError("a key slot has the wrong length for its kind")
    if (header.kind is SlotKind.NONE) != (terms.suite is Suite.OFF):
        raise IntegrityError("a key slot's kind does not fit its suite")
    if header.kind is SlotKind.NONE and header != _clear_header(terms, made):
        raise IntegrityError("a key slot is damaged")
    return Slot(header, body)


def make_passphrase_slot(
    terms: Terms,
    master: MasterKey,
    passphrase: bytes,
    salt: bytes,
    cost: Scrypt,
    made: int,
) -> Slot:
    """Wrap the master key under a passphrase.

    All passphrase slots of an archive share one `salt`, so that trying a
    passphrase costs one scrypt however many slots there are.
    """
    header = SlotHeader(terms, SlotKind.PASSPHRASE, made, cost, salt)
    return _wrap(header, master, _stretch(header, passphrase))


def make_random_slot(
    terms: Terms, master: MasterKey, credential: Credential, made: int
) -> Slot:
    """Wrap the master key under a recovery code or a key file.

    Both are too long to be guessed, so they need no stretching; each such
    slot has a salt of its own.
    """
    header = SlotHeader(
        terms, credential.kind, made, Scrypt(0, 0, 0), os.urandom(SALT_SIZE)
    )
    return _wrap(header, master, _extract(header, credential.secret))


def make_clear_slot(terms: Terms, made: int) -> Slot:
    """The slot of an archive that isn't sealed: it carries only the terms."""
    return Slot(_clear_header(terms, made), b"")


def _clear_header(terms: Terms, made: int) -> SlotHeader:
    """A header of kind NONE, which nothing but its own hash protects."""
    bare = SlotHeader(
        terms, SlotKind.NONE, made, Scrypt(0, 0, 0), bytes(SALT_SIZE)
    )
    digest = hashlib.sha256(bare.encode()[:-SALT_SIZE]).digest()
    return replace(bare, salt=digest)


def open_slots(
    slots: "list[Slot]", credential: Credential, allow_costly: bool = False
) -> Tuple[MasterKey, Slot]:
    """Try what a person came with on each slot of its kind.

    Raises as open_with_passphrase does.
    """
    if credential.kind is SlotKind.PASSPHRASE:
        return open_with_passphrase(slots, credential.secret, allow_costly)
    for slot in _of_kind(slots, credential.kind):
        master = _unwrap(slot, _extract(slot.header, credential.secret))
        if master is not None:
            return master, slot
    raise AuthenticationFailed(
        f"the {_SHOWN[credential.kind]} opens none of the key slots"
    )


def check_key_file(content: bytes) -> Credential:
    """A key file's content as a credential; raises AuthenticationFailed.

    Nothing stretches it, so short ones are refused.
    """
    if not KEY_FILE_SIZE_MIN <= len(content) <= KEY_FILE_SIZE_MAX:
        raise AuthenticationFailed(
            f"a key file has {KEY_FILE_SIZE_MIN} bytes to"
            f" {KEY_FILE_SIZE_MAX >> 20} MiB, not {len(content)} bytes"
        )
    return Credential(SlotKind.KEY_FILE, content)


def open_with_passphrase(
    slots: "list[Slot]", passphrase: bytes, allow_costly: bool = False
) -> Tuple[MasterKey, Slot]:
    """Try a passphrase on each passphrase slot.

    Raises AuthenticationFailed when none opens. Costs above N = 2**19 are
    refused unless `allow_costly`: a hostile archive could ask for any. Such
    a slot is passed over; IntegrityError names it when no other opens.
    """
    refused: Optional[IntegrityError] = None
    stretched: "dict[tuple[bytes, Scrypt], bytes]" = {}
    for slot in _of_kind(slots, SlotKind.PASSPHRASE):
        header = slot.header
        try:
            _check_cost(header.cost, allow_costly)
        except IntegrityError as error:
            refused = error
            continue
        work = (header.salt, header.cost)
        if work not in stretched:
            stretched[work] = _stretch(header, passphrase)
        master = _unwrap(slot, stretched[work])
        if master is not None:
            return master, slot
    if refused is not None:
        raise refused
    raise AuthenticationFailed("the passphrase opens none of the key slots")


def _of_kind(slots: Iterable[Slot], kind: SlotKind) -> Iterable[Slot]:
    return (slot for slot in slots if slot.header.kind is kind)


def _extract(header: SlotHeader, secret: bytes) -> bytes:
    """The opener of a slot whose secret is random."""
    digest = hashlib.sha256(secret).digest()
    return derive(digest, f"slot-{_LABELS[header.kind]}", header.salt)


def _check_cost(cost: Scrypt, allow_costly: bool) -> None:
    most = SCRYPT_LOG_N_FORCED_MAX if allow_costly else SCRYPT_LOG_N_MAX
    if not SCRYPT_LOG_N_MIN <= cost.log_n <= most or (cost.r, cost.p) != (8, 1):
        raise IntegrityError(
            f"a key slot wants scrypt with N=2^{cost.log_n}, r={cost.r},"
            f" p={cost.p}, which is out of bounds"
        )


def _stretch(header: SlotHeader, passphrase: bytes) -> bytes:
    cost = header.cost
    block = 128 * cost.r * (1 << cost.log_n)
    return hashlib.scrypt(
        passphrase,
        salt=header.salt,
        n=1 << cost.log_n,
        r=cost.r,
        p=cost.p,
        maxmem=block + 128 * cost.r * cost.p + (1 << 20),
        dklen=32,
    )


def _wrap(header: SlotHeader, master: MasterKey, opener: bytes) -> Slot:
    encoded = header.encode()
    nonce = os.urandom(12)
    wrapped = AESGCM(derive(opener, "slot-wrap")).encrypt(
        nonce, master, encoded
    )
    return Slot(header, _BODY.pack(_commit(opener, encoded), nonce, wrapped))


def _unwrap(slot: Slot, opener: bytes) -> Optional[MasterKey]:
    encoded = slot.header.encode()
    commitment, nonce, wrapped = _BODY.unpack(slot.body)
    if not hmac.compare_digest(commitment, _commit(opener, encoded)):
        return None
    try:
        key = AESGCM(derive(opener, "slot-wrap")).decrypt(
            nonce, wrapped, encoded
        )
    except InvalidTag:
        return None
    return MasterKey(key)


def _commit(opener: bytes, header: bytes) -> bytes:
    return hmac.digest(derive(opener, "slot-commit"), header, "sha256")
