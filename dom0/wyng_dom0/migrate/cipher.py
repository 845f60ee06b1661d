# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The keys of a sealed wyng archive, and opening what they sealed.

Owns the whole of XChaCha20 here: nothing else of this program uses it.
Seals nothing.
"""

import hashlib
import hmac
from collections.abc import Iterator
from typing import Any, BinaryIO

from wyng_dom0.errors import AuthenticationFailed, ForeignDamage, Refused

SALT_FILE_MAX = 424
NONCE_SIZE = 24
HEAD_SIZE = 40  # nonce and tag of a sealed message

_SLOT_SIZE = 80
_COUNTER_SIZE = 10
_SALT_SIZE = 64
_OLD_SALT_SIZE = 32
_HASH_SUBKEY_SLOT = 3
_SCRYPT = {"n": 1 << 19, "r": 8, "p": 1, "dklen": 32, "maxmem": 640 << 20}
_PIECE = 1 << 18

# Modes of sealing; the first has keys from half of each salt, and no key of
# its own for manifests.
OLD_MODE = "30"
MODES = (OLD_MODE, "32", "34", "35")


class Cipher:
    """Opens messages and chunks of one archive; safe between threads.

    `hash_key` is what chunks' hashes are made with, None in the old mode.
    """

    def __init__(self, message_key: bytes) -> None:
        self._message_key = message_key
        self._chunk_key = b""
        self.hash_key: bytes | None = None

    def load_chunk_keys(
        self, untrusted_salts: bytes, mode: str, passphrase: bytes
    ) -> None:
        """Make the keys that chunks need; takes 512 MiB for a moment.

        ForeignDamage when the salts are not those the archive was made with.
        """
        self._check_salts(untrusted_salts)
        salt = _salt(untrusted_salts, 0)
        self._chunk_key = _derive(passphrase, _cut_for(mode, salt))
        if mode != OLD_MODE:
            self.hash_key = _subkey(
                self._chunk_key,
                _salt(untrusted_salts, _HASH_SUBKEY_SLOT),
                b"Wyng-Manifest-Hash0",
            )

    def open_message(self, untrusted: bytes) -> bytes:
        """What a message says; ForeignDamage unless it is authentic."""
        if len(untrusted) < HEAD_SIZE:
            raise ForeignDamage("it is too short for what it holds")
        nonce, tag = untrusted[:NONCE_SIZE], untrusted[NONCE_SIZE:HEAD_SIZE]
        opener = _modules()[0].new(key=self._message_key, nonce=nonce)
        try:
            plain = opener.decrypt_and_verify(untrusted[HEAD_SIZE:], tag)
        except ValueError:
            raise ForeignDamage("its seal does not hold") from None
        return bytes(plain)

    def open_pieces(self, untrusted: BinaryIO) -> Iterator[bytes]:
        """As open_message, piece by piece.

        None of the pieces is to be believed before the last was taken.
        """
        head = untrusted.read(HEAD_SIZE)
        if len(head) < HEAD_SIZE:
            raise ForeignDamage("it is too short for what it holds")
        nonce, tag = head[:NONCE_SIZE], head[NONCE_SIZE:]
        opener = _modules()[0].new(key=self._message_key, nonce=nonce)
        while piece := untrusted.read(_PIECE):
            yield bytes(opener.decrypt(piece))
        try:
            opener.verify(tag)
        except ValueError:
            raise ForeignDamage("its seal does not hold") from None

    def open_chunk(self, untrusted: bytes) -> bytes:
        """A chunk's bytes, which its hash in the manifest must prove."""
        if len(untrusted) <= NONCE_SIZE:
            raise ForeignDamage("a chunk is too short")
        nonce = untrusted[:NONCE_SIZE]
        opener = _modules()[1].new(key=self._chunk_key, nonce=nonce)
        return bytes(opener.decrypt(untrusted[NONCE_SIZE:]))

    def _check_salts(self, untrusted: bytes) -> None:
        if len(untrusted) != SALT_FILE_MAX:
            raise ForeignDamage("archive.salt has the wrong length")
        salts = b"".join(_salt(untrusted, slot) for slot in range(4))
        found = hashlib.blake2b(salts, digest_size=_SALT_SIZE).digest()
        noted = self.open_message(untrusted[4 * _SLOT_SIZE :])
        if not hmac.compare_digest(found, noted):
            raise ForeignDamage("archive.salt is not what it was")


def unlock(
    untrusted_salts: bytes, mode: str, passphrase: bytes, untrusted_body: bytes
) -> tuple[Cipher, bytes]:
    """The cipher, and the archive's root opened with it.

    Takes 512 MiB for a moment. AuthenticationFailed for another passphrase,
    or a root that somebody changed: they look the same.
    """
    if len(untrusted_salts) < 2 * _SLOT_SIZE:
        raise ForeignDamage("archive.salt is too short")
    salt = _cut_for(mode, _salt(untrusted_salts, 1))
    cipher = Cipher(_derive(passphrase, salt))
    try:
        return cipher, cipher.open_message(untrusted_body)
    except ForeignDamage:
        raise AuthenticationFailed(
            "the passphrase does not open the old archive, or its archive.ini"
            " was changed"
        ) from None


def _salt(salts: bytes, slot: int) -> bytes:
    start = _SLOT_SIZE * slot + _COUNTER_SIZE
    return salts[start : start + _SALT_SIZE]


def _cut_for(mode: str, salt: bytes) -> bytes:
    return salt[:_OLD_SALT_SIZE] if mode == OLD_MODE else salt


def _derive(passphrase: bytes, salt: bytes) -> bytes:
    _modules()
    try:
        return hashlib.scrypt(passphrase, salt=salt, **_SCRYPT)
    except (MemoryError, ValueError):
        raise Refused(
            "opening the old archive takes 512 MiB of free memory for a moment"
        ) from None


def _subkey(key: bytes, salt: bytes, context: bytes) -> bytes:
    """The second of two keys of 64 bytes by HKDF with SHA-512."""
    kdf, sha512 = _modules()[2:]
    return bytes(kdf.HKDF(key, 64, salt, sha512, 2, context)[1])


def _modules() -> tuple[Any, Any, Any, Any]:
    """The ciphers XChaCha20-Poly1305 and XChaCha20, the KDFs, SHA-512."""
    try:
        from Cryptodome.Cipher import ChaCha20, ChaCha20_Poly1305
        from Cryptodome.Hash import SHA512
        from Cryptodome.Protocol import KDF
    except ImportError:
        raise Refused(
            "the old archive is sealed: install python3-pycryptodomex to"
            " open it"
        ) from None
    return ChaCha20_Poly1305, ChaCha20, KDF, SHA512
