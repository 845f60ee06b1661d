# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Fields are read as they were written; anything else is refused."""

import struct
from typing import Any, List

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wyng_common.ids import BlobId
from wyng_dom0.archive.fields import (
    Field,
    Record,
    encode_record,
    make_record,
    parse_record,
)
from wyng_dom0.errors import IntegrityError

TAGS = st.integers(0, 65535)
IDS = st.integers(0, 9).map(lambda n: BlobId(bytes([n]) * 32))
PLAIN: "st.SearchStrategy[Any]" = st.one_of(
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.text(st.characters(blacklist_categories=["Cs"]), max_size=9),
    st.binary(max_size=40),
    IDS,
)


def records(values: "st.SearchStrategy[Any]") -> "st.SearchStrategy[Record]":
    fields = st.lists(st.builds(Field, TAGS, values), max_size=4)
    return fields.map(lambda some: make_record(some, ()))


NESTED = st.recursive(
    records(PLAIN), lambda inner: records(st.one_of(PLAIN, inner)), max_leaves=8
)


def field(tag: int, kind: int, value: bytes, length: int = -1) -> bytes:
    length = len(value) if length < 0 else length
    return struct.pack(">HBI", tag, kind, length) + value


def depth(record: Record) -> int:
    inner = [each.value for each in record.fields]
    return 1 + max(
        (depth(each) for each in inner if isinstance(each, Record)), default=0
    )


def refused(plaintext: bytes, children: "List[BlobId]") -> None:
    with pytest.raises(IntegrityError):
        parse_record(children, plaintext)


@given(NESTED.filter(lambda record: depth(record) <= 6))
def test_record_is_read_as_it_was_made(record: Record) -> None:
    children, plaintext = encode_record(record)
    assert children == sorted(set(children))
    parsed = parse_record(children, plaintext)
    assert parsed == record
    kinds = [type(each.value) for each in parsed.fields]
    assert kinds == [type(each.value) for each in record.fields]


@given(NESTED, st.integers(0, 500), st.integers(1, 255))
@settings(max_examples=200)
def test_damage_never_raises_something_else(
    record: Record, at: int, mask: int
) -> None:
    children, plaintext = encode_record(record)
    damaged = bytearray(plaintext or b"\0")
    damaged[at % len(damaged)] ^= mask
    for bad in (bytes(damaged), plaintext[: at % (len(plaintext) + 1)]):
        try:
            parse_record(children, bad)
        except IntegrityError:
            continue


@given(st.binary(max_size=100), st.lists(IDS, max_size=2))
def test_noise_is_refused_or_means_itself(
    noise: bytes, children: List[BlobId]
) -> None:
    try:
        record = parse_record(sorted(set(children)), noise)
    except IntegrityError:
        return
    found, again = encode_record(record)
    assert len(again) == len(noise)
    assert parse_record(found, again) == record


def test_records_may_nest_six_deep_and_no_deeper() -> None:
    plaintext = field(1, 1, bytes(8))
    for _ in range(5):
        plaintext = field(1, 5, plaintext)
    assert depth(parse_record([], plaintext)) == 6
    refused(field(1, 5, plaintext), [])
    for _ in range(5000):
        plaintext = field(1, 5, plaintext)
    refused(plaintext, [])


@pytest.mark.parametrize(
    "plaintext",
    [
        field(1, 0, b""),
        field(1, 6, b""),
        field(1, 255, b"x"),
        field(1, 1, bytes(7)),
        field(1, 1, bytes(9)),
        field(1, 2, b"\xff"),
        field(1, 2, b"\xed\xa0\x80"),
        field(1, 4, b"\0\0\0\1"),
        field(1, 4, b"\xff\xff\xff\xff"),
        field(1, 4, b"\0\0\0"),
        field(2, 3, b"") + field(1, 3, b""),
        field(1, 3, b"abc", 4),
        field(1, 3, b"abc", (1 << 32) - 1),
        field(1, 5, field(1, 3, b"abc", 4)),
        field(1, 3, b"") + b"\0\1\3",
    ],
)
def test_malformed_field_is_refused(plaintext: bytes) -> None:
    refused(plaintext, [BlobId.zero()])


def test_value_of_another_kind_is_refused() -> None:
    values: List[Any] = [7, "text", b"bytes", BlobId.zero(), Record()]
    reads = [
        lambda record: record.integer(1),
        lambda record: record.text(1),
        lambda record: record.octets(1),
        lambda record: record.child(1),
        lambda record: record.records(1),
    ]
    for at, read in enumerate(reads):
        for kind, value in enumerate(values):
            record = Record((Field(1, value),))
            if at == kind:
                assert read(record) in (value, [value])
            else:
                with pytest.raises(IntegrityError):
                    read(record)


def test_single_value_that_stands_twice_is_refused() -> None:
    for value in (7, "text", b"bytes", BlobId.zero()):
        record = Record((Field(1, value), Field(1, value)))
        for read in (record.integer, record.text, record.octets, record.child):
            with pytest.raises(IntegrityError):
                read(1)


def test_missing_value_is_refused_or_its_default() -> None:
    record = Record()
    assert record.integer(1, 5) == 5 and record.text(1, "") == ""
    assert record.child(1) is None and record.records(1) == []
    for read in (record.integer, record.text, record.octets):
        with pytest.raises(IntegrityError):
            read(1)


@given(records(PLAIN))
def test_unknown_fields_are_what_is_not_known(record: Record) -> None:
    tags = sorted({each.tag for each in record.fields})
    known = tags[::2]
    others = record.without(known)
    rebuilt = make_record(
        [each for each in record.fields if each.tag in known], others
    )
    assert rebuilt == record
