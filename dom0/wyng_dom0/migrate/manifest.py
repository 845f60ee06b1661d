# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Manifests: which chunks a session has, and what each must hash to."""

import base64
import binascii
from collections.abc import Iterable, Iterator

from wyng_dom0.errors import ForeignDamage
from wyng_dom0.migrate.records import MANIFEST_LINE_MAX
from wyng_dom0.names import quote

HASH_SIZE = 32
_HEX_SIZE = 64
_ADDRESS = 17  # an x and 16 hexadecimal digits

# Number of a chunk, and its hash; None where all of it is zeros.
Entry = tuple[int, bytes | None]


def parse_manifest(pieces: Iterable[bytes], chunk_size: int) -> Iterator[Entry]:
    """The entries of a manifest, ascending; ForeignDamage.

    The bytes may come in any pieces; hashes are hexadecimal or base64.
    """
    last = -1
    for line in _lines(pieces):
        hash, _, address = line.partition(b" ")
        number = _number(address, chunk_size)
        if number <= last:
            raise ForeignDamage("its manifest is not in order")
        yield number, None if hash == b"0" else _hash(hash)
        last = number


def parse_hash(text: str) -> bytes:
    """The 32 bytes of a hash in base64; ForeignDamage."""
    try:
        return _hash(text.encode("ascii"))
    except UnicodeEncodeError:
        raise ForeignDamage(f"{quote(text)} is no hash") from None


def chunk_path(number: int, chunk_size: int) -> tuple[str, str]:
    """A chunk's folder and file below its session's folder."""
    address = f"{number * chunk_size:016x}"
    return address[:9], f"x{address}"


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        if len(rest) > MANIFEST_LINE_MAX:
            raise ForeignDamage("its manifest has a line that is too long")
        yield from lines
    if rest:
        yield rest


def _number(address: bytes, chunk_size: int) -> int:
    if len(address) == _ADDRESS and address.startswith(b"x"):
        try:
            # int() takes signs, blanks and underscores too.
            at = int.from_bytes(binascii.unhexlify(address[1:]), "big")
        except binascii.Error:
            at = -1
        if at >= 0 and at % chunk_size == 0:
            return at // chunk_size
    raise ForeignDamage(f"its manifest names no chunk: {_shown(address)}")


def _hash(text: bytes) -> bytes:
    try:
        if len(text) == _HEX_SIZE:
            return binascii.unhexlify(text)
        found = base64.urlsafe_b64decode(text)
    except binascii.Error:
        found = b""
    if len(found) != HASH_SIZE:
        raise ForeignDamage(f"its manifest holds no hash: {_shown(text)}")
    return found


def _shown(text: bytes) -> str:
    return quote(text[:MANIFEST_LINE_MAX].decode("ascii", "replace"))
