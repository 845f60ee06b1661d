# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The pack: a file of frames, self-describing from either end.

    header 80: "WYNGPAK1" | kind u8 | 0 x7 | archive 16 | token 16 | name 16
               | digest 16 (first half of SHA-256 of the 64 bytes before)
    frames, as on the wire
    "WYNGFOOT" | entries of 45: type u8, id 32, offset u64, length u32
    trailer 36: footer offset u64 | entry count u32 | digest 16 | "WYNGEND1"
               (digest: first half of SHA-256 of header, footer and the
               trailer's first 12 bytes)

Codec and reading only: nothing here writes, names a file or knows what is
alive. A pack whose footer is missing or wrong is walked by the lengths of
its frames up to the first bad one; nothing ever searches for a magic.
"""

import hashlib
import os
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Iterator, List, NamedTuple, Optional, Sequence, Tuple

from wyng_common import limits
from wyng_common.errors import FormatError, FrameError
from wyng_common.frames import (
    HEADER_SIZE,
    BlobType,
    FrameHeader,
    check_frame,
    parse_header,
)
from wyng_common.ids import ArchiveId, BlobId, StagingToken
from wyng_store.layout import PACK_ENTRIES_MAX, PACK_NAME_SIZE

_MAGIC = b"WYNGPAK1"
_FOOTER_MAGIC = b"WYNGFOOT"
_TRAILER_MAGIC = b"WYNGEND1"
_FIELDS = struct.Struct(">8sB7x16s16s16s")
_ENTRY = struct.Struct(">B32sQI")
_TRAILER = struct.Struct(">QI")
_DIGEST_SIZE = 16
PACK_HEADER_SIZE = _FIELDS.size + _DIGEST_SIZE
TRAILER_SIZE = _TRAILER.size + _DIGEST_SIZE + len(_TRAILER_MAGIC)


class PackKind(IntEnum):
    """What a pack holds."""

    DATA = 1
    META = 2
    COPY = 3


@dataclass(frozen=True)
class PackHeader:
    """Whose pack it is. `token`: under which its frames were staged."""

    kind: PackKind
    archive: ArchiveId
    token: StagingToken
    name: bytes

    def encode(self) -> bytes:
        """PACK_HEADER_SIZE bytes."""
        fields = _FIELDS.pack(
            _MAGIC, self.kind, self.archive, self.token, self.name
        )
        return fields + _half_digest(fields)


class Entry(NamedTuple):
    """Where a frame lies in its pack, in bytes from the pack's begin."""

    type: int
    id: bytes
    offset: int
    length: int


@dataclass(frozen=True)
class PackContents:
    """What a pack file holds.

    `header` is None when unreadable. `footed`: the footer held, so the
    entries are all there is; otherwise they were walked, each with its
    digest, up to `end`.
    """

    header: Optional[PackHeader]
    entries: List[Entry]
    footed: bool
    end: int


def parse_pack_header(untrusted: bytes) -> PackHeader:
    """Check the first PACK_HEADER_SIZE bytes; raises FormatError."""
    fields, digest = untrusted[: _FIELDS.size], untrusted[_FIELDS.size :]
    if len(digest) != _DIGEST_SIZE or _half_digest(fields) != digest:
        raise FormatError("a pack's header is damaged")
    magic, kind, archive, token, name = _FIELDS.unpack(fields)
    if magic != _MAGIC or kind not in PackKind.__members__.values():
        raise FormatError("a pack does not begin as one")
    return PackHeader(
        PackKind(kind), ArchiveId(archive), StagingToken(token), name
    )


def encode_footer(header: PackHeader, entries: Sequence[Entry]) -> bytes:
    """Footer and trailer, to be written right behind the last frame."""
    end = PACK_HEADER_SIZE
    if entries:
        end = entries[-1].offset + entries[-1].length
    footer = _FOOTER_MAGIC + b"".join(_ENTRY.pack(*entry) for entry in entries)
    place = _TRAILER.pack(end, len(entries))
    digest = _half_digest(header.encode() + footer + place)
    return footer + place + digest + _TRAILER_MAGIC


def parse_footer(head: bytes, untrusted: bytes) -> List[Entry]:
    """The entries of a footer with its trailer; `head` is the pack's header.

    Raises FormatError when the digest fails or entries don't lie one behind
    the other.
    """
    body, tail = untrusted[:-TRAILER_SIZE], untrusted[-TRAILER_SIZE:]
    end, count, digest = _parse_trailer(tail)
    place = tail[: _TRAILER.size]
    if _half_digest(head + body + place) != digest:
        raise FormatError("a pack's footer is damaged")
    packed = body[len(_FOOTER_MAGIC) :]
    if len(packed) != count * _ENTRY.size:
        raise FormatError("a pack's footer has the wrong length")
    entries = [Entry(*fields) for fields in _ENTRY.iter_unpack(packed)]
    at = PACK_HEADER_SIZE
    for entry in entries:
        if entry.offset != at:
            raise FormatError("a pack's entries overlap")
        at += entry.length
    if at != end:
        raise FormatError("a pack's entries don't fill it")
    return entries


def read_pack(fd: int) -> PackContents:
    """What the pack open at `fd` holds, however damaged; raises OSError."""
    head = os.pread(fd, PACK_HEADER_SIZE, 0)
    try:
        header: Optional[PackHeader] = parse_pack_header(head)
    except FormatError:
        header = None
    size = os.fstat(fd).st_size
    try:
        entries = _read_footer(fd, head, size)
    except FormatError:
        entries = list(walk(fd))
        return PackContents(header, entries, False, _end(entries))
    return PackContents(header, entries, True, _end(entries))


def walk(fd: int) -> Iterator[Entry]:
    """The frames of a pack by their lengths, each digest checked.

    Ends before the first frame that is bad.
    """
    at = PACK_HEADER_SIZE
    while True:
        try:
            header, _ = read_frame_at(fd, at)
        except FrameError:
            return
        yield Entry(header.type, header.id, at, header.frame_length)
        at += header.frame_length


def read_frame_at(fd: int, offset: int) -> Tuple[FrameHeader, bytes]:
    """One frame whose length is not known; raises FrameError, OSError."""
    header = parse_header(os.pread(fd, HEADER_SIZE, offset))
    frame = os.pread(fd, header.frame_length, offset)
    check_frame(frame)
    return header, frame


def overhead(entries: int) -> int:
    """Bytes of a pack of so many frames that are not frames."""
    footer = len(_FOOTER_MAGIC) + entries * _ENTRY.size + TRAILER_SIZE
    return PACK_HEADER_SIZE + footer


def is_listed_type(kind: int) -> bool:
    """Is a footer's type byte one of the closed set?"""
    return kind in _TYPES


_TYPES = frozenset(int(kind) for kind in BlobType)


def _end(entries: Sequence[Entry]) -> int:
    if not entries:
        return PACK_HEADER_SIZE
    return entries[-1].offset + entries[-1].length


def _read_footer(fd: int, head: bytes, size: int) -> List[Entry]:
    if size < PACK_HEADER_SIZE + TRAILER_SIZE:
        raise FormatError("a pack is too short for a footer")
    end, count, _ = _parse_trailer(
        os.pread(fd, TRAILER_SIZE, size - TRAILER_SIZE)
    )
    length = len(_FOOTER_MAGIC) + count * _ENTRY.size + TRAILER_SIZE
    if end + length != size:
        raise FormatError("a pack's footer does not end it")
    entries = parse_footer(head, os.pread(fd, length, end))
    if not all(_is_plausible(entry) for entry in entries):
        raise FormatError("a pack's footer lists what can't be")
    return entries


def _parse_trailer(tail: bytes) -> Tuple[int, int, bytes]:
    if len(tail) != TRAILER_SIZE or not tail.endswith(_TRAILER_MAGIC):
        raise FormatError("a pack has no trailer")
    end, count = _TRAILER.unpack(tail[: _TRAILER.size])
    if count > PACK_ENTRIES_MAX:
        raise FormatError("a pack lists too many frames")
    return end, count, tail[_TRAILER.size : _TRAILER.size + _DIGEST_SIZE]


def _is_plausible(entry: Entry) -> bool:
    shortest = HEADER_SIZE + _DIGEST_SIZE
    return (
        is_listed_type(entry.type)
        and shortest <= entry.length <= limits.FRAME_MAX
    )


def _half_digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()[:_DIGEST_SIZE]


assert PACK_NAME_SIZE == 16 and BlobId.SIZE == 32
