# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The headers of a tar, as POSIX's pax format has them, made by rules of ours.

The same entry gives the same bytes, whoever makes them: chunks that did not
change keep their ids. Made here and not by tarfile, whose bytes may change
with Python. Pure.
"""

from wyng_dom0.files.entry import Entry, Kind

BLOCK = 512
OPENING_TEXT = b"qvm-wyng files 1"
# In octal digits of ustar's fields; more stands in the extended header.
_ID_MAX = 8**7
SIZE_FIELD_MAX = 8**11
_NAME_FIELD = 100
# Filling is cut into pieces, for readers hold an extended header in memory.
_FILLING = 64 * 1024
_XATTR = b"SCHILY.xattr."
_HEAD_OF_RECORD = len(b" comment=\n")


def encode(entry: Entry, padding: int = 0) -> bytes:
    """An entry's headers, `padding` bytes (of whole blocks) longer.

    The padding is a comment of spaces in the extended header.
    """
    path = entry.path + (b"/" if entry.kind is Kind.FOLDER else b"")
    records = _records(entry, path)
    if padding:
        records += _comment(padding)
    extended = _block(b"PaxHeader", b"x", len(records)) + _filled(records)
    return extended + _block(
        path[:_NAME_FIELD],
        entry.kind.value,
        entry.size if entry.size < SIZE_FIELD_MAX else 0,
        (entry.mode, _small(entry.uid), _small(entry.gid)),
        max(0, min(entry.mtime_ns // 10**9, SIZE_FIELD_MAX - 1)),
        entry.target[:_NAME_FIELD],
    )


def opening() -> bytes:
    """What every volume of files begins with: a comment for all of it."""
    record = _record(b"comment", OPENING_TEXT)
    return _block(b"PaxHeader", b"g", len(record)) + _filled(record)


def filling(length: int, start: int, wanted: int) -> bytes:
    """Bytes from `start` of a filling of `length`, at most `wanted`.

    What every reader passes over: comments, in pieces; of whole blocks.
    """
    number, inside = divmod(start, _FILLING)
    piece = _filling_piece(min(_FILLING, length - number * _FILLING))
    return piece[inside : inside + wanted]


def padded(size: int) -> int:
    """A size in whole blocks."""
    return -(-size // BLOCK) * BLOCK


def _filling_piece(length: int) -> bytes:
    inside = length - BLOCK
    record = _comment(inside) if inside else b""
    return _block(b"PaxHeader", b"g", inside) + record


def _records(entry: Entry, path: bytes) -> bytes:
    names = [(b"path", path), (b"linkpath", entry.target)]
    records = b""
    if not all(map(_is_text, (path, entry.target))):
        records += _record(b"hdrcharset", b"BINARY")
    records += _record(b"mtime", _time(entry.mtime_ns))
    for keyword, name in names:
        if len(name) > _NAME_FIELD or not name.isascii():
            records += _record(keyword, name)
    for keyword, value, most in (
        (b"size", entry.size, SIZE_FIELD_MAX),
        (b"uid", entry.uid, _ID_MAX),
        (b"gid", entry.gid, _ID_MAX),
    ):
        if value >= most:
            records += _record(keyword, b"%d" % value)
    for name, content in entry.xattrs:
        # As GNU tar: a keyword ends at its '='.
        name = name.replace(b"%", b"%25").replace(b"=", b"%3D")
        records += _record(_XATTR + name, content)
    return records


def _record(keyword: bytes, value: bytes) -> bytes:
    """The length that a record begins with counts its own digits too."""
    rest = b" %s=%s\n" % (keyword, value)
    length = len(rest)
    while len(b"%d" % length) + len(rest) != length:
        length = len(b"%d" % length) + len(rest)
    return b"%d" % length + rest


def _comment(length: int) -> bytes:
    """A comment record of exactly that many bytes."""
    digits = b"%d" % length
    spaces = length - len(digits) - _HEAD_OF_RECORD
    return b"%s comment=%s\n" % (digits, b" " * spaces)


def _block(
    name: bytes,
    flag: bytes,
    size: int,
    owner: tuple[int, int, int] = (0o644, 0, 0),
    seconds: int = 0,
    target: bytes = b"",
) -> bytes:
    mode, uid, gid = owner
    made = b"".join(
        (
            name.ljust(_NAME_FIELD, b"\0"),
            b"%07o\0%07o\0%07o\0" % (mode, uid, gid),
            b"%011o\0%011o\0" % (size, seconds),
            b" " * 8,
            flag,
            target.ljust(_NAME_FIELD, b"\0"),
            b"ustar\x0000",
            bytes(64),
            b"0000000\x000000000\0",
        )
    ).ljust(BLOCK, b"\0")
    return made[:148] + b"%06o\0 " % sum(made) + made[156:]


def _filled(data: bytes) -> bytes:
    return data.ljust(padded(len(data)), b"\0")


def _small(number: int) -> int:
    return number if number < _ID_MAX else 0


def _is_text(name: bytes) -> bool:
    try:
        name.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _time(ns: int) -> bytes:
    seconds, rest = divmod(abs(ns), 10**9)
    return b"%s%d.%09d" % (b"-" if ns < 0 else b"", seconds, rest)
