# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A volume of files read as a stream: entries, each with its content.

Takes what header.py writes and nothing else of what a tar may be. What is read
was sealed by us and is believed no more for that: every length is checked
before it is allocated, every name before it is used.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from wyng_common import limits
from wyng_dom0.errors import IntegrityError
from wyng_dom0.files.entry import (
    DEPTH_MAX,
    ENTRIES_MAX,
    KEPT_BYTES_MAX,
    NAME_BYTES_MAX,
    PATH_BYTES_MAX,
    Entry,
    Kind,
)
from wyng_dom0.files.header import BLOCK, opening, padded

# Bytes, or so many zeros that nobody has to hold.
Piece = bytes | int
_EXTENDED_MAX = 512 * limits.KIB
_OWNER_MAX = 2**32 - 2
_AT_ONCE = limits.MIB
_KINDS = {kind.value: kind for kind in Kind}
_XATTR = b"SCHILY.xattr."
_TIME = re.compile(rb"(-?)([0-9]{1,12})\.([0-9]{9})")
_RECORD = re.compile(rb"([1-9][0-9]{0,6}) ([^=\n]{1,300})=")
_OCTAL = re.compile(rb"[0-7]{1,11}")
_DECIMAL = re.compile(rb"[0-9]{1,19}")


def begins(piece: bytes) -> bool:
    """Is what begins so a volume of files?"""
    return piece.startswith(opening())


@dataclass
class _Input:
    """Pieces in order, taken in any portions."""

    pieces: Iterator[Piece]
    _left: Piece = 0
    _at: int = 0

    def some(self, most: int) -> Piece:
        """At least one byte or zero; IntegrityError at the end."""
        while self._at >= _length(self._left):
            try:
                self._left, self._at = next(self.pieces), 0
            except StopIteration:
                raise _fault("it ends in the middle") from None
        start, end = self._at, min(self._at + most, _length(self._left))
        self._at = end
        if isinstance(self._left, int):
            return end - start
        return self._left[start:end]

    def exactly(self, length: int) -> bytes:
        """That many bytes, which the caller bounded."""
        found = bytearray()
        while len(found) < length:
            piece = self.some(length - len(found))
            found += bytes(piece) if isinstance(piece, int) else piece
        return bytes(found)


def _length(piece: Piece) -> int:
    return piece if isinstance(piece, int) else len(piece)


class FilesReader:
    """Entries one by one. Raises IntegrityError for what we never write."""

    def __init__(self, pieces: Iterator[Piece]) -> None:
        self._input = _Input(pieces)
        # Bytes of content, and behind it to the end of a block.
        self._left = 0
        self._behind = 0

    def entries(self) -> Iterator[Entry]:
        """Each entry; what is not taken of one's content is passed over."""
        if self._input.exactly(len(opening())) != opening():
            raise _fault("it does not begin as one")
        kept = 0
        for _ in range(ENTRIES_MAX):
            entry = self._next()
            if entry is None:
                return
            kept += entry.kept
            if kept > KEPT_BYTES_MAX:
                raise _fault("its names are too long, all together")
            yield entry
            for _piece in self.content():
                pass
            self._input.exactly(self._behind)
        raise _fault("it has too many entries")

    def content(self) -> Iterator[Piece]:
        """The content of the entry at hand, or what is left of it."""
        while self._left:
            piece = self._input.some(min(self._left, _AT_ONCE * BLOCK))
            self._left -= _length(piece)
            yield piece

    def _next(self) -> Entry | None:
        """The next entry; None at the end."""
        records: dict[bytes, bytes] | None = None
        while True:
            block = self._input.exactly(BLOCK)
            if not any(block):
                if records is not None:
                    raise _fault("a header is missing")
                return None
            flag, size = _checked(block)
            if flag in (b"g", b"x"):
                found = self._extended(size)
                if flag == b"x":
                    if records is not None:
                        raise _fault("an entry has two extended headers")
                    records = found
                continue
            if records is None or flag not in _KINDS:
                raise _fault("an entry is of a kind that it can't have")
            entry = _entry(block, _KINDS[flag], size, records)
            self._left = entry.size
            self._behind = padded(entry.size) - entry.size
            return entry

    def _extended(self, size: int) -> dict[bytes, bytes]:
        if size > _EXTENDED_MAX:
            raise _fault("an extended header is too long")
        return _records(self._input.exactly(padded(size))[:size])


def _checked(block: bytes) -> tuple[bytes, int]:
    """(type flag, size) of a block whose form and checksum are right."""
    if block[257:265] != b"ustar\x0000" or block[345:500].strip(b"\0"):
        raise _fault("a header has another form")
    stated = _octal(block[148:154])
    if sum(block) - sum(block[148:156]) + 8 * 32 != stated:
        raise _fault("a header's checksum is wrong")
    return block[156:157], _octal(block[124:135])


def _octal(text: bytes) -> int:
    if not _OCTAL.fullmatch(text):
        raise _fault("a header's number is malformed")
    return int(text, 8)


def _records(data: bytes) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    at = 0
    while at < len(data):
        match = _RECORD.match(data, at)
        if match is None:
            raise _fault("an extended header is malformed")
        end = at + int(match[1])
        if end > len(data) or end <= match.end() or data[end - 1] != 10:
            raise _fault("an extended header is malformed")
        found[match[2]] = data[match.end() : end - 1]
        at = end
    return found


def _entry(
    block: bytes, kind: Kind, size: int, records: dict[bytes, bytes]
) -> Entry:
    path = records.get(b"path", block[:100].rstrip(b"\0"))
    target = records.get(b"linkpath", block[157:257].rstrip(b"\0"))
    if kind is Kind.FOLDER:
        path = path.removesuffix(b"/")
    check_path(path)
    if kind is Kind.HARD_LINK:
        check_path(target)
    if len(target) > PATH_BYTES_MAX or b"\0" in target:
        raise _fault("a link's target is malformed")
    size = _number(records, b"size", size)
    if kind is not Kind.FILE and size or size > limits.VOLUME_SIZE_MAX:
        raise _fault("an entry has a size that it can't have")
    return Entry(
        path=path,
        kind=kind,
        mode=_octal(block[100:107]) & 0o7777,
        uid=_owner(records, b"uid", block[108:115]),
        gid=_owner(records, b"gid", block[116:123]),
        mtime_ns=_time(records.get(b"mtime", b"")),
        size=size,
        target=target if kind in (Kind.LINK, Kind.HARD_LINK) else b"",
        xattrs=tuple(_xattrs(records)),
    )


def check_path(path: bytes) -> None:
    """Raise IntegrityError unless it is a path below a folder."""
    parts = path.split(b"/")
    odd = any(each in (b"", b".", b"..") for each in parts)
    long = any(len(each) > NAME_BYTES_MAX for each in parts)
    long = long or len(parts) > DEPTH_MAX
    if odd or long or len(path) > PATH_BYTES_MAX or b"\0" in path:
        raise _fault("a path leads out of it, or is none")


def _xattrs(records: dict[bytes, bytes]) -> Iterator[tuple[bytes, bytes]]:
    for keyword, value in records.items():
        if keyword.startswith(_XATTR):
            name = keyword[len(_XATTR) :]
            yield name.replace(b"%3D", b"=").replace(b"%25", b"%"), value


def _owner(records: dict[bytes, bytes], keyword: bytes, field: bytes) -> int:
    number = _number(records, keyword, _octal(field))
    if number > _OWNER_MAX:
        raise _fault("an owner is none that there can be")
    return number


def _number(records: dict[bytes, bytes], keyword: bytes, plain: int) -> int:
    text = records.get(keyword)
    if text is None:
        return plain
    if not _DECIMAL.fullmatch(text):
        raise _fault("a header's number is malformed")
    return int(text)


def _time(text: bytes) -> int:
    match = _TIME.fullmatch(text)
    if match is None:
        raise _fault("a time is malformed")
    ns = int(match[2]) * 10**9 + int(match[3])
    return -ns if match[1] else ns


def _fault(what: str) -> IntegrityError:
    return IntegrityError(f"this is no volume of files: {what}")
