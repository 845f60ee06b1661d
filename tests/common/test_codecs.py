# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The codecs: what goes in comes out, and damage never passes.

Runs on Python 3.9 too.
"""

import hashlib
from dataclasses import replace
from typing import Callable, List, Type

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wyng_common import limits
from wyng_common.commits import Commit, hash_record, parse_commit
from wyng_common.errors import (
    CommitError,
    FormatError,
    FrameError,
    MessageError,
)
from wyng_common.frames import (
    HEADER_SIZE,
    BlobType,
    encode_frame,
    parse_frame,
    parse_header,
)
from wyng_common.ids import (
    ArchiveId,
    BlobId,
    CommitHash,
    StagingToken,
    split_ids,
)
from wyng_common.messages import (
    Capability,
    Header,
    Hello,
    Op,
    Stat,
    Status,
    Welcome,
    parse_hello,
    parse_message_header,
    parse_stat,
    parse_welcome,
)

ids = st.binary(min_size=32, max_size=32).map(BlobId)
children = st.lists(ids, max_size=8, unique=True).map(sorted)
FRAME = encode_frame(
    BlobType.NODE,
    BlobId(b"\x05" * 32),
    [BlobId(b"\x01" * 32), BlobId(b"\x02" * 32)],
    b"payload",
)
COMMIT = Commit(
    ArchiveId(bytes(16)),
    9,
    CommitHash(b"\x01" * 32),
    BlobId(b"\x02" * 32),
    1795428000000000000,
    ((1, 3), (5, 8)),
    b"removals",
    b"\x03" * 32,
)


@given(
    st.sampled_from([t for t in BlobType if t is not BlobType.CHUNK]),
    ids,
    children,
    st.binary(max_size=200),
)
def test_frame_comes_back(
    kind: BlobType, id: BlobId, below: List[BlobId], payload: bytes
) -> None:
    frame = parse_frame(encode_frame(kind, id, below, payload))
    assert (frame.header.type, frame.header.id) == (kind, id)
    assert (frame.children, frame.payload) == (below, payload)


def test_every_flipped_bit_of_a_frame_is_seen() -> None:
    for at in range(len(FRAME) * 8):
        bad = bytearray(FRAME)
        bad[at // 8] ^= 1 << at % 8
        with pytest.raises(FrameError):
            parse_frame(bytes(bad))


def test_every_cut_or_longer_frame_is_seen() -> None:
    for bad in [FRAME[:end] for end in range(len(FRAME))] + [FRAME + b"x"]:
        with pytest.raises(FrameError):
            parse_frame(bad)


@given(st.binary(min_size=HEADER_SIZE, max_size=HEADER_SIZE))
def test_any_header_is_bounded_or_refused(data: bytes) -> None:
    try:
        header = parse_header(data)
    except FrameError:
        return
    assert header.frame_length <= limits.FRAME_MAX


def test_bounds_of_frames_are_kept() -> None:
    one, two = BlobId(b"\x01" * 32), BlobId(b"\x02" * 32)
    over = bytes(limits.META_PAYLOAD_MAX + 1)
    for kind, below, payload in (
        (BlobType.CHUNK, [one], b""),
        (BlobType.NODE, [two, one], b""),
        (BlobType.NODE, [one, one], b""),
        (BlobType.PAGE, [], over),
        (BlobType.CHUNK, [], bytes(limits.CHUNK_PAYLOAD_MAX + 1)),
    ):
        with pytest.raises(FrameError):
            encode_frame(kind, one, below, payload)


def test_frame_of_the_document_is_made() -> None:
    head = bytes([2, 1, 0, 0, 0, 0, 0, 1]) + b"\x07" * 32
    made = encode_frame(BlobType.NODE, BlobId(b"\x07" * 32), [], b"A")
    assert made == head + b"A" + hashlib.sha256(head + b"A").digest()[:16]


def test_commit_comes_back_with_its_hash() -> None:
    record = COMMIT.encode()
    assert parse_commit(record) == COMMIT
    assert hash_record(record) == hashlib.sha256(record).digest()
    assert record.startswith(COMMIT.signed_part())


def test_flipped_commit_is_another_or_refused() -> None:
    record = COMMIT.encode()
    for at in range(len(record) * 8):
        bad = bytearray(record)
        bad[at // 8] ^= 1 << at % 8
        try:
            assert parse_commit(bytes(bad)) != COMMIT
        except CommitError:
            pass


def test_cut_commit_is_refused() -> None:
    record = COMMIT.encode()
    for bad in [record[:end] for end in range(len(record))] + [record + b"x"]:
        with pytest.raises(CommitError):
            parse_commit(bad)


@pytest.mark.parametrize(
    "releases",
    [
        ((3, 1),),
        ((1, 3), (3, 4)),
        ((5, 6), (1, 2)),
        ((0, 1),),
        ((1, 9),),
        tuple((n, n) for n in range(1, limits.RELEASES_MAX + 2)),
    ],
)
def test_commit_with_bad_releases_is_refused(releases: "tuple") -> None:
    with pytest.raises(CommitError):
        replace(COMMIT, releases=releases).encode()


@pytest.mark.parametrize(
    "bad",
    [
        replace(COMMIT, sequence=0, releases=()),
        replace(COMMIT, removals=bytes(limits.REMOVALS_MAX + 1)),
        replace(COMMIT, mac=b""),
    ],
)
def test_commit_out_of_bounds_is_not_made(bad: Commit) -> None:
    with pytest.raises(CommitError):
        bad.encode()


@given(st.binary(max_size=400))
def test_any_bytes_are_a_commit_or_refused(data: bytes) -> None:
    with pytest.raises(CommitError):
        parse_commit(data)


@pytest.mark.parametrize("kind", [BlobId, CommitHash, ArchiveId, StagingToken])
def test_id_has_one_length(kind: "Type[BlobId]") -> None:
    assert kind.random() != kind.random() and len(kind.zero()) == kind.SIZE
    for size in (0, kind.SIZE - 1, kind.SIZE + 1):
        with pytest.raises(FormatError):
            kind(bytes(size))


def test_ids_are_cut_whole() -> None:
    joined = b"\x01" * 32 + b"\x02" * 32
    assert split_ids(joined) == [b"\x01" * 32, b"\x02" * 32]
    with pytest.raises(FormatError):
        split_ids(joined[:-1])


@given(
    st.sampled_from(Op),
    st.sampled_from(Status),
    st.integers(0, 65535),
    st.integers(0, 1000),
)
def test_message_header_comes_back(
    op: Op, status: Status, count: int, length: int
) -> None:
    header = Header(op, status, count, 7, length)
    assert parse_message_header(header.encode(), 1000) == header


def test_message_header_out_of_bounds_is_refused() -> None:
    good = Header(Op.GET, 0, 0, 0, 11).encode()
    for bad in (good[:-1], good + b"x", b"\x63" + good[1:], good):
        with pytest.raises(MessageError):
            parse_message_header(bad, 10)


HELLO = Hello(Capability.PUT, StagingToken(b"t" * 16), b"/path")
WELCOME = Welcome(
    1, Capability.GET, ArchiveId(bytes(16)), 3, CommitHash(bytes(32))
)
STAT = Stat(*range(12))


@pytest.mark.parametrize(
    "value, parse",
    [(HELLO, parse_hello), (WELCOME, parse_welcome), (STAT, parse_stat)],
)
def test_body_comes_back_whole_or_not(
    value: object, parse: "Callable[[bytes], object]"
) -> None:
    body = value.encode()  # type: ignore[attr-defined]
    assert parse(body) == value
    for bad in [body[:end] for end in range(len(body))] + [body + b"x"]:
        with pytest.raises(MessageError):
            parse(bad)


def test_unknown_capability_is_refused() -> None:
    hello, welcome = bytearray(HELLO.encode()), bytearray(WELCOME.encode())
    hello[12], welcome[2] = 99, 99
    with pytest.raises(MessageError):
        parse_hello(bytes(hello))
    with pytest.raises(MessageError):
        parse_welcome(bytes(welcome))
