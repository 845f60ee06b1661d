# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Typed, length-prefixed fields: the inside of pages, catalogs and settings.

    tag u16 | kind u8 | length u32 | value

Kinds: 1 integer (8 bytes, signed), 2 text (UTF-8), 3 bytes, 4 child (u32, the
number of one of the frame's children), 5 record (fields again). Fields come
in ascending order of tags; a tag may repeat where its meaning is a list.
Whoever rewrites a record keeps the fields it doesn't know.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Iterable, Iterator, List, Sequence, Tuple, Union

from wyng_common.ids import BlobId
from wyng_dom0.errors import IntegrityError

_HEAD = struct.Struct(">HBI")
_INTEGER = struct.Struct(">q")
_CHILD = struct.Struct(">I")
_DEPTH_MAX = 6


class Kind(IntEnum):
    """The closed set of kinds."""

    INTEGER = 1
    TEXT = 2
    BYTES = 3
    CHILD = 4
    RECORD = 5


Value = Union[int, str, bytes, BlobId, "Record"]


@dataclass(frozen=True)
class Field:
    """One field; the value's Python type decides its kind."""

    tag: int
    value: Value


@dataclass(frozen=True)
class Record:
    """Fields in ascending order of tags, lists in their own order."""

    fields: Tuple[Field, ...] = ()

    def integer(self, tag: int, default: "int | None" = None) -> int:
        """The one integer under a tag; raises IntegrityError."""
        value = self._one(tag, default)
        if isinstance(value, int):
            return value
        raise IntegrityError(f"field {tag} is no integer")

    def text(self, tag: int, default: "str | None" = None) -> str:
        """The one text under a tag; raises IntegrityError."""
        value = self._one(tag, default)
        if isinstance(value, str):
            return value
        raise IntegrityError(f"field {tag} is no text")

    def octets(self, tag: int) -> bytes:
        """The one bytes value under a tag; raises IntegrityError."""
        value = self._one(tag, None)
        if isinstance(value, bytes) and not isinstance(value, BlobId):
            return value
        raise IntegrityError(f"field {tag} is no bytes value")

    def child(self, tag: int) -> "BlobId | None":
        """The one child under a tag, or None; raises IntegrityError."""
        found = self._all(tag)
        if not found:
            return None
        if len(found) == 1 and isinstance(found[0], BlobId):
            return found[0]
        raise IntegrityError(f"field {tag} is no single child")

    def records(self, tag: int) -> "List[Record]":
        """Every record under a tag, in order; raises IntegrityError."""
        found = [each for each in self._all(tag) if isinstance(each, Record)]
        if len(found) != len(self._all(tag)):
            raise IntegrityError(f"field {tag} is no list of records")
        return found

    def without(self, tags: Iterable[int]) -> Tuple[Field, ...]:
        """The fields that the caller doesn't know."""
        known = frozenset(tags)
        return tuple(each for each in self.fields if each.tag not in known)

    def _all(self, tag: int) -> List[Value]:
        return [each.value for each in self.fields if each.tag == tag]

    def _one(self, tag: int, default: "Value | None") -> Value:
        found = self._all(tag)
        if not found and default is not None:
            return default
        if len(found) != 1:
            raise IntegrityError(f"field {tag} stands {len(found)} times")
        return found[0]


def make_record(known: Iterable[Field], others: Iterable[Field]) -> Record:
    """A record of known fields and those kept for somebody newer."""
    return Record(tuple(sorted((*known, *others), key=lambda field: field.tag)))


def encode_record(record: Record) -> Tuple[List[BlobId], bytes]:
    """(children in ascending order, plaintext) of a record."""
    children = sorted(set(_children(record)))
    numbers = {id: number for number, id in enumerate(children)}
    return children, _encode(record, numbers)


def parse_record(children: Sequence[BlobId], plaintext: bytes) -> Record:
    """A record from an opened blob; raises IntegrityError."""
    return _parse(memoryview(plaintext), children, _DEPTH_MAX)


def _children(record: Record) -> Iterator[BlobId]:
    for field in record.fields:
        if isinstance(field.value, BlobId):
            yield field.value
        elif isinstance(field.value, Record):
            yield from _children(field.value)


def _encode(record: Record, numbers: "dict[BlobId, int]") -> bytes:
    parts = []
    for field in record.fields:
        kind, value = _encode_value(field.value, numbers)
        parts.append(_HEAD.pack(field.tag, kind, len(value)))
        parts.append(value)
    return b"".join(parts)


def _encode_value(
    value: Value, numbers: "dict[BlobId, int]"
) -> Tuple[Kind, bytes]:
    if isinstance(value, BlobId):
        return Kind.CHILD, _CHILD.pack(numbers[value])
    if isinstance(value, Record):
        return Kind.RECORD, _encode(value, numbers)
    if isinstance(value, int):
        return Kind.INTEGER, _INTEGER.pack(value)
    if isinstance(value, str):
        return Kind.TEXT, value.encode("utf-8")
    return Kind.BYTES, value


def _parse(data: memoryview, children: Sequence[BlobId], depth: int) -> Record:
    if depth == 0:
        raise IntegrityError("a record is nested too deep")
    fields: List[Field] = []
    at, last = 0, 0
    while at < len(data):
        if len(data) - at < _HEAD.size:
            raise IntegrityError("a record is cut")
        tag, kind, length = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        if tag < last or len(data) - at < length:
            raise IntegrityError("a record's fields are out of order or cut")
        value = _parse_value(kind, data[at : at + length], children, depth)
        fields.append(Field(tag, value))
        at, last = at + length, tag
    return Record(tuple(fields))


def _parse_value(
    kind: int, data: memoryview, children: Sequence[BlobId], depth: int
) -> Value:
    try:
        if kind == Kind.INTEGER:
            return int(_INTEGER.unpack(data)[0])
        if kind == Kind.TEXT:
            return str(data, "utf-8")
        if kind == Kind.BYTES:
            return bytes(data)
        if kind == Kind.CHILD:
            return children[int(_CHILD.unpack(data)[0])]
    except (struct.error, UnicodeDecodeError, IndexError):
        raise IntegrityError("a record's field is malformed") from None
    if kind == Kind.RECORD:
        return _parse(data, children, depth - 1)
    raise IntegrityError(f"a record's field has the unknown kind {kind}")
