# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A frame is whole or refused, and no length is believed unbounded."""

import hashlib
import struct
from typing import List

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wyng_common import limits
from wyng_common.errors import FrameError
from wyng_common.frames import (
    DIGEST_SIZE,
    HEADER_SIZE,
    BlobType,
    Frame,
    check_frame,
    encode_frame,
    encode_head,
    parse_frame,
    parse_header,
    parse_rest,
    payload_bound,
    split_frame,
)
from wyng_common.ids import BlobId

IDS = st.binary(min_size=32, max_size=32).map(BlobId)
CHILDREN = st.lists(IDS, max_size=6, unique=True).map(sorted)
TYPES = st.sampled_from(list(BlobType))
SMALL = encode_frame(
    BlobType.NODE,
    BlobId(b"i" * 32),
    [BlobId(b"a" * 32), BlobId(b"b" * 32)],
    b"a sealed payload",
)


def header(
    kind: int = 2, layout: int = 1, children: int = 0, length: int = 0
) -> bytes:
    return struct.pack(">BBHI32s", kind, layout, children, length, b"i" * 32)


def refused_by_all(untrusted: bytes) -> None:
    with pytest.raises(FrameError):
        parse_frame(untrusted)
    with pytest.raises(FrameError):
        check_frame(untrusted)
    with pytest.raises(FrameError):
        check_frame(memoryview(untrusted))


@given(TYPES, IDS, CHILDREN, st.binary(max_size=300))
def test_frame_is_read_as_it_was_made(
    kind: BlobType, id: BlobId, children: List[BlobId], payload: bytes
) -> None:
    children = [] if kind is BlobType.CHUNK else children
    encoded = encode_frame(kind, id, children, payload)
    frame = parse_frame(encoded)
    assert (frame.header.type, frame.header.id) == (kind, id)
    assert (frame.children, frame.payload) == (children, payload)
    assert frame.header.frame_length == len(encoded)
    assert split_frame(encoded) == frame
    assert check_frame(memoryview(encoded)) == children


def test_flip_of_any_byte_is_refused() -> None:
    for at in range(len(SMALL)):
        for mask in (0x01, 0x80, 0xFF):
            flipped = bytearray(SMALL)
            flipped[at] ^= mask
            refused_by_all(bytes(flipped))


def test_cut_at_any_length_is_refused() -> None:
    for length in range(len(SMALL)):
        refused_by_all(SMALL[:length])
        with pytest.raises(FrameError):
            split_frame(SMALL[:length])


def test_bytes_behind_a_frame_are_refused() -> None:
    refused_by_all(SMALL + b"\0")
    with pytest.raises(FrameError):
        split_frame(SMALL + b"\0")


@given(st.binary(max_size=200))
def test_noise_is_refused(noise: bytes) -> None:
    refused_by_all(noise)


@given(st.integers(0, 255), st.integers(0, 255))
def test_sets_of_types_and_layouts_are_closed(kind: int, layout: int) -> None:
    known = kind in [int(each) for each in BlobType] and layout == 1
    if known:
        assert parse_header(header(kind, layout)).type == kind
    else:
        with pytest.raises(FrameError):
            parse_header(header(kind, layout))


@pytest.mark.parametrize("kind", list(BlobType))
def test_payload_bound_is_exact(kind: BlobType) -> None:
    most = payload_bound(kind)
    assert parse_header(header(kind, length=most)).payload_length == most
    with pytest.raises(FrameError):
        parse_header(header(kind, length=most + 1))
    with pytest.raises(FrameError):
        encode_head(kind, BlobId.zero(), [], most + 1)


def test_longest_header_stays_below_the_frame_bound() -> None:
    for kind in BlobType:
        children = 0 if kind is BlobType.CHUNK else limits.CHILDREN_MAX
        parsed = parse_header(header(kind, 1, children, payload_bound(kind)))
        assert parsed.frame_length <= limits.FRAME_MAX


@pytest.mark.parametrize("count", [limits.CHILDREN_MAX + 1, 65535, 65536])
def test_too_many_children_are_refused(count: int) -> None:
    children = [BlobId(at.to_bytes(32, "big")) for at in range(count)]
    with pytest.raises(FrameError):
        encode_head(BlobType.NODE, BlobId.zero(), children, 0)
    if count < 65536:
        with pytest.raises(FrameError):
            parse_header(header(children=count))


def test_chunk_has_no_children() -> None:
    with pytest.raises(FrameError):
        parse_header(header(BlobType.CHUNK, children=1))
    with pytest.raises(FrameError):
        encode_head(BlobType.CHUNK, BlobId.zero(), [BlobId.zero()], 0)


@given(st.lists(IDS, min_size=2, max_size=6))
@settings(max_examples=50)
def test_children_are_strictly_ascending(children: List[BlobId]) -> None:
    if children == sorted(set(children)):
        children = children[::-1]
    with pytest.raises(FrameError):
        encode_frame(BlobType.NODE, BlobId.zero(), children, b"")
    body = header(children=len(children)) + b"".join(children)
    sealed = body + hashlib.sha256(body).digest()[:DIGEST_SIZE]
    refused_by_all(sealed)
    with pytest.raises(FrameError):
        split_frame(sealed)


def test_parts_of_a_frame_can_be_read_apart() -> None:
    head, rest = SMALL[:HEADER_SIZE], SMALL[HEADER_SIZE:]
    parsed = parse_header(head)
    assert parsed.rest_length == len(rest)
    frame = parse_rest(parsed, head, rest)
    assert isinstance(frame, Frame) and frame == parse_frame(SMALL)


def test_rest_of_another_frame_is_refused() -> None:
    other = encode_frame(
        BlobType.NODE, BlobId(b"j" * 32), parse_frame(SMALL).children, b"x" * 16
    )
    head = SMALL[:HEADER_SIZE]
    with pytest.raises(FrameError):
        parse_rest(parse_header(head), head, other[HEADER_SIZE:])
