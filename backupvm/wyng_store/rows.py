# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The rows of the index, each with a checksum over all its fields.

The index is a cache on a disk that may rot. A flipped count must never free
a live blob, so a row is believed only when its checksum holds; IndexDamaged
otherwise. Values only: no SQL, no files.
"""

import struct
import zlib
from dataclasses import dataclass
from typing import Any, NamedTuple, Sequence, Tuple

from wyng_store.errors import IndexDamaged

_BLOB = struct.Struct(">32sBIQIQIB")
_COPY = struct.Struct(">32sIQI")
_PACK = struct.Struct(">I16sBIQIQ")
_TOKEN = struct.Struct(">I16sQQ")
_ROOT = struct.Struct(">Q32s")
_DELAYED = struct.Struct(">QQ")
_STATE = struct.Struct(">Q32sBBQQQQQQ16sQBQQ16sQ32s")


class BlobRow(NamedTuple):
    """One blob. `refs`: edges from live parents and roots; 0 is staged,
    by the token numbered `token`. `bad`: no copy of it could be read."""

    id: bytes
    type: int
    pack: int
    offset: int
    length: int
    refs: int
    token: int
    bad: int


class CopyRow(NamedTuple):
    """Where the second copy of a blob lies."""

    id: bytes
    pack: int
    offset: int
    length: int


class PackRow(NamedTuple):
    """One pack file. `rows`, `bytes`: the rows that point into it."""

    num: int
    name: bytes
    kind: int
    token: int
    size: int
    rows: int
    bytes: int


class TokenRow(NamedTuple):
    """One staging token: last used at (Unix seconds), rows staged under it."""

    num: int
    token: bytes
    used: int
    staged: int


@dataclass(frozen=True)
class State:
    """What the index says of itself; stored in each transaction.

    `sequence`, `head`: the last commit counted. `safe`: safe mode. `deferred`:
    commits were recorded in safe mode whose releases are not counted.
    `rows`, `total`: how many blob rows, and the sum of their checksums.
    `cursor`: the pack where the last partial scrub stopped. `reclaims`: how
    often packs were unlinked or punched; `pending`: the last time there was
    more to do. `ran`: seconds that the store's
    machine ran so far, as of `uptime` of the boot `boot`. `ending`,
    `ending_at`: the head at which a DELETE came, and when.
    """

    sequence: int = 0
    head: bytes = bytes(32)
    safe: int = 0
    deferred: int = 0
    rows: int = 0
    total: int = 0
    all_bytes: int = 0
    live_rows: int = 0
    live_bytes: int = 0
    bad: int = 0
    cursor: bytes = bytes(16)
    reclaims: int = 0
    pending: int = 0
    ran: int = 0
    uptime: int = 0
    boot: bytes = bytes(16)
    ending_at: int = 0
    ending: bytes = bytes(32)

    def encode(self) -> bytes:
        """The bytes stored, with their checksum."""
        body = _STATE.pack(*vars(self).values())
        return body + struct.pack(">I", zlib.crc32(body))


def parse_state(untrusted: Any) -> State:
    """Check a stored state; raises IndexDamaged."""
    if not isinstance(untrusted, bytes) or len(untrusted) != _STATE.size + 4:
        raise IndexDamaged("the index has no state")
    body = untrusted[:-4]
    if struct.pack(">I", zlib.crc32(body)) != untrusted[-4:]:
        raise IndexDamaged("the state of the index fails its checksum")
    return State(*_STATE.unpack(body))


def blob_sum(row: Tuple[Any, ...]) -> int:
    """The checksum of a BlobRow's fields."""
    return zlib.crc32(_BLOB.pack(*row))


def copy_sum(row: Tuple[Any, ...]) -> int:
    """The checksum of a CopyRow's fields."""
    return zlib.crc32(_COPY.pack(*row))


def pack_sum(row: Tuple[Any, ...]) -> int:
    """The checksum of a PackRow's fields."""
    return zlib.crc32(_PACK.pack(*row))


def token_sum(row: Tuple[Any, ...]) -> int:
    """The checksum of a TokenRow's fields."""
    return zlib.crc32(_TOKEN.pack(*row))


def root_sum(row: Tuple[Any, ...]) -> int:
    """The checksum of a counted commit's sequence and catalog."""
    return zlib.crc32(_ROOT.pack(*row))


def parse_root(untrusted: Tuple[Any, ...]) -> Tuple[int, bytes]:
    """Check the columns of a counted commit; raises IndexDamaged."""
    _check(_ROOT, untrusted)
    return untrusted[0], untrusted[1]


def parse_blob(untrusted: Tuple[Any, ...]) -> BlobRow:
    """Check the columns of a blob, checksum last; raises IndexDamaged."""
    if is_whole(untrusted):
        return BlobRow._make(untrusted[:8])
    raise IndexDamaged("a blob's row fails its checksum")


def is_whole(untrusted: Sequence[Any]) -> bool:
    """Does a blob's checksum, behind its other columns, hold?"""
    try:
        return bool(zlib.crc32(_BLOB.pack(*untrusted[:8])) == untrusted[8])
    except struct.error:
        return False


def parse_copy(untrusted: Tuple[Any, ...]) -> CopyRow:
    """Check the columns of a copy, checksum last; raises IndexDamaged."""
    _check(_COPY, untrusted)
    return CopyRow._make(untrusted[:-1])


def parse_pack(untrusted: Tuple[Any, ...]) -> PackRow:
    """Check the columns of a pack, checksum last; raises IndexDamaged."""
    _check(_PACK, untrusted)
    return PackRow._make(untrusted[:-1])


def parse_token(untrusted: Tuple[Any, ...]) -> TokenRow:
    """Check the columns of a token, checksum last; raises IndexDamaged."""
    _check(_TOKEN, untrusted)
    return TokenRow._make(untrusted[:-1])


def delayed_sum(row: Tuple[Any, ...]) -> int:
    """The checksum of a released commit's sequence and time."""
    return zlib.crc32(_DELAYED.pack(*row))


def parse_delayed(untrusted: Tuple[Any, ...]) -> Tuple[int, int]:
    """Check the columns of a released commit; raises IndexDamaged."""
    _check(_DELAYED, untrusted)
    return untrusted[0], untrusted[1]


def _check(layout: struct.Struct, untrusted: Tuple[Any, ...]) -> None:
    try:
        if zlib.crc32(layout.pack(*untrusted[:-1])) == untrusted[-1]:
            return
    except struct.error:
        pass
    raise IndexDamaged("a row of the index fails its checksum")
