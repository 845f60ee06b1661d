# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""No blob, however made, unpacks to more than was allowed, or to a guess."""

import bz2
import random
import struct
import tracemalloc
import zlib
from typing import Callable, Dict

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from wyng_dom0.errors import BadInput, IntegrityError
from wyng_dom0.seal.compression import (
    HEADER,
    Compression,
    Compressor,
    Decompressor,
    Method,
    parse_compression,
)

METHODS = pytest.mark.parametrize("method", list(Method))
SQUEEZED = [Method.ZSTD, Method.ZLIB, Method.BZ2]
BOUND = 1 << 17
BOMB = bytes(64 << 20)
SQUEEZE: Dict[Method, Callable[[bytes], bytes]] = {
    Method.NONE: bytes,
    Method.ZSTD: zstandard.ZstdCompressor().compress,
    Method.ZLIB: zlib.compress,
    Method.BZ2: bz2.compress,
}
_LEVEL = {Method.NONE: 0, Method.ZSTD: 3, Method.ZLIB: 4, Method.BZ2: 9}


def packed(method: int, length: int, body: bytes, claimed: int = -1) -> bytes:
    claimed = len(body) if claimed < 0 else claimed
    return struct.pack(">BII", method, length, claimed) + body


def refused(blob: bytes, bound: int = BOUND) -> None:
    with pytest.raises(IntegrityError):
        Decompressor().unpack(blob, bound)


@METHODS
@given(
    content=st.one_of(
        st.binary(max_size=300),
        st.builds(bytes.__mul__, st.binary(max_size=9), st.integers(0, 9999)),
    ),
    padding=st.integers(0, 40),
)
def test_what_was_packed_comes_out(
    method: Method, content: bytes, padding: int
) -> None:
    made = Compressor(Compression(method, _LEVEL[method])).pack(content)
    assert len(made) <= HEADER.size + len(content)
    unpacked = Decompressor().unpack(made + bytes(padding), len(content))
    assert unpacked == content
    if content:
        refused(made, len(content) - 1)


@METHODS
def test_incompressible_content_is_kept_as_it_is(method: Method) -> None:
    content = random.Random(7).randbytes(8192)
    made = Compressor(Compression(method, _LEVEL[method])).pack(content)
    assert made == HEADER.pack(0, len(content), len(content)) + content


@pytest.mark.parametrize("method", SQUEEZED)
@pytest.mark.parametrize("claimed", [0, 1, 100, BOUND])
def test_bomb_is_refused_without_its_memory(
    method: Method, claimed: int
) -> None:
    blob = packed(method, claimed, SQUEEZE[method](BOMB))
    tracemalloc.start()
    try:
        refused(blob)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


@METHODS
@given(length=st.integers(0, (1 << 32) - 1))
@settings(max_examples=60)
def test_claimed_length_must_be_the_real_one(
    method: Method, length: int
) -> None:
    content = b"content " * 20
    blob = packed(method, length, SQUEEZE[method](content))
    if length == len(content):
        assert Decompressor().unpack(blob, BOUND) == content
    else:
        refused(blob)


@METHODS
def test_cut_body_is_refused(method: Method) -> None:
    content = bytes(range(256)) * 8
    body = SQUEEZE[method](content)
    for length in range(0, len(body) - 12, 7):
        refused(packed(method, len(content), body[:length]))
        refused(packed(method, len(content), body[:length], len(body)))


@METHODS
def test_cut_header_is_refused(method: Method) -> None:
    blob = packed(method, 0, SQUEEZE[method](b""))
    for length in range(HEADER.size):
        refused(blob[:length])


@given(st.integers(4, 255))
def test_set_of_methods_is_closed(method: int) -> None:
    refused(packed(method, 4, b"four"))


@pytest.mark.parametrize("method", SQUEEZED)
@pytest.mark.parametrize("more", [b"x", b"\0" * 9, b"second"])
def test_second_stream_adds_nothing(method: Method, more: bytes) -> None:
    content = b"content " * 20
    body = SQUEEZE[method](content) + SQUEEZE[method](more)
    assert Decompressor().unpack(packed(method, 160, body), 160) == content
    refused(packed(method, 160 + len(more), body))
    body = SQUEEZE[method](b"") + SQUEEZE[method](content)
    refused(packed(method, 160, body))


@METHODS
@given(noise=st.binary(max_size=120), length=st.integers(0, 2000))
def test_noise_is_refused_or_has_its_length(
    method: Method, noise: bytes, length: int
) -> None:
    try:
        found = Decompressor().unpack(packed(method, length, noise), 1000)
        assert len(found) == length <= 1000
    except IntegrityError:
        return


@pytest.mark.parametrize("method", SQUEEZED)
@given(at=st.integers(0, 59), mask=st.integers(1, 255))
def test_damaged_body_never_raises_something_else(
    method: Method, at: int, mask: int
) -> None:
    body = bytearray(SQUEEZE[method](b"some content " * 30))
    body[at % len(body)] ^= mask
    try:
        found = Decompressor().unpack(packed(method, 390, bytes(body)), 390)
        assert len(found) == 390
    except IntegrityError:
        return


def test_zstd_frame_of_unknown_size_is_refused() -> None:
    content = b"content " * 20
    writer = zstandard.ZstdCompressor(write_content_size=False)
    refused(packed(Method.ZSTD, 160, writer.compress(content)))
    stream = zstandard.ZstdCompressor().compressobj()
    refused(packed(Method.ZSTD, 160, stream.compress(content) + stream.flush()))


def test_skippable_zstd_frame_is_refused() -> None:
    skippable = struct.pack("<II", 0x184D2A50, 160) + bytes(160)
    refused(packed(Method.ZSTD, 160, skippable))


def test_zstd_frame_that_wants_a_dictionary_is_refused() -> None:
    samples = [b"a sample of number %d" % at * 9 for at in range(200)]
    known = zstandard.train_dictionary(2048, samples)
    body = zstandard.ZstdCompressor(dict_data=known).compress(samples[0])
    refused(packed(Method.ZSTD, len(samples[0]), body))


def test_cut_zstd_frame_gets_no_window_of_its_choice() -> None:
    # Window of 128 MiB, content size of 100 in eight bytes, no block yet.
    head = b"\x28\xb5\x2f\xfd\xc0\x88" + (100).to_bytes(8, "little")
    parameters = zstandard.get_frame_parameters(head)
    assert parameters.window_size == 128 << 20
    assert parameters.content_size == 100
    decompressor = Decompressor()
    with pytest.raises(IntegrityError):
        decompressor.unpack(packed(Method.ZSTD, 100, head), BOUND)
    assert decompressor._local.context.memory_size() < 8 << 20


@METHODS
def test_compression_is_read_as_it_is_written(method: Method) -> None:
    made = parse_compression(method.name.lower())
    assert made.method is method
    assert parse_compression(str(made)) == made


@pytest.mark.parametrize(
    "text",
    [
        "",
        "lzma",
        "zstd:",
        "zstd:0",
        "zstd:20",
        "zstd:-1",
        "zstd:3.5",
        "zstd:3:3",
        "zlib:10",
        "bz2:0",
        "none:1",
        "zstd:\u0663",
        "zstd:99999999999999999999",
        " zstd",
    ],
)
def test_other_compression_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        parse_compression(text)
