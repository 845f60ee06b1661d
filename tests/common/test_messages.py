# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Messages: closed sets, every length bounded before it is believed."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wyng_common import limits
from wyng_common.errors import MessageError
from wyng_common.ids import ArchiveId, CommitHash, StagingToken
from wyng_common.messages import (
    HEADER_SIZE,
    STAT_SIZE,
    WELCOME_SIZE,
    Capability,
    Header,
    Hello,
    Op,
    Stat,
    Welcome,
    parse_hello,
    parse_message_header,
    parse_stat,
    parse_welcome,
)

U8, U16 = st.integers(0, 255), st.integers(0, 65535)
U32, U64 = st.integers(0, (1 << 32) - 1), st.integers(0, (1 << 64) - 1)
TOKENS = st.binary(min_size=16, max_size=16).map(StagingToken)
CAPABILITIES = st.sampled_from(list(Capability))
HELLO = Hello(Capability.PUT, StagingToken(b"t" * 16), b"/mnt/backup").encode()
WELCOME = Welcome(
    1, Capability.GET, ArchiveId(b"a" * 16), 7, CommitHash(b"h" * 32)
).encode()


@given(st.sampled_from(list(Op)), U8, U16, U32, U32)
def test_header_is_read_as_it_was_made(
    op: Op, second: int, count: int, tag: int, length: int
) -> None:
    header = Header(op, second, count, tag, length)
    encoded = header.encode()
    assert len(encoded) == HEADER_SIZE
    assert parse_message_header(encoded, length) == header


@given(U8)
def test_set_of_operations_is_closed(code: int) -> None:
    encoded = struct.pack(">BBHII", code, 0, 0, 0, 0)
    if code in [int(each) for each in Op]:
        assert parse_message_header(encoded, 0).code == code
    else:
        with pytest.raises(MessageError):
            parse_message_header(encoded, 0)


@given(st.integers(0, (1 << 32) - 2))
def test_body_over_the_bound_is_refused(bound: int) -> None:
    encoded = Header(Op.PUT, 0, 0, 0, bound + 1).encode()
    with pytest.raises(MessageError):
        parse_message_header(encoded, bound)


def test_header_of_another_length_is_refused() -> None:
    encoded = Header(Op.BYE, 0, 0, 0, 0).encode()
    for wrong in [encoded[:length] for length in range(HEADER_SIZE)]:
        with pytest.raises(MessageError):
            parse_message_header(wrong, 100)
    with pytest.raises(MessageError):
        parse_message_header(encoded + b"\0", 100)


@given(CAPABILITIES, TOKENS, st.binary(max_size=100), U16, U16)
def test_hello_is_read_as_it_was_made(
    wanted: Capability,
    token: StagingToken,
    path: bytes,
    oldest: int,
    newest: int,
) -> None:
    hello = Hello(wanted, token, path, oldest, newest)
    assert parse_hello(hello.encode()) == hello


def test_hello_of_another_length_is_refused() -> None:
    for length in range(len(HELLO)):
        with pytest.raises(MessageError):
            parse_hello(HELLO[:length])
    with pytest.raises(MessageError):
        parse_hello(HELLO + b"x")


def test_path_of_hello_is_bounded() -> None:
    token = StagingToken.zero()
    most = Hello(Capability.GET, token, b"p" * limits.HELLO_PATH_MAX)
    assert parse_hello(most.encode()) == most
    over = Hello(Capability.GET, token, b"p" * (limits.HELLO_PATH_MAX + 1))
    with pytest.raises(MessageError):
        parse_hello(over.encode())


@given(st.integers(0, 7), U8)
def test_hello_begins_with_its_magic(at: int, byte: int) -> None:
    wrong = bytearray(HELLO)
    wrong[at] = byte
    if wrong != HELLO:
        with pytest.raises(MessageError):
            parse_hello(bytes(wrong))


@pytest.mark.parametrize("capability", [0, 6, 255])
def test_set_of_capabilities_is_closed(capability: int) -> None:
    hello, welcome = bytearray(HELLO), bytearray(WELCOME)
    hello[12] = welcome[2] = capability
    with pytest.raises(MessageError):
        parse_hello(bytes(hello))
    with pytest.raises(MessageError):
        parse_welcome(bytes(welcome))


@given(
    st.builds(
        Welcome,
        version=U16,
        capability=CAPABILITIES,
        archive=st.binary(min_size=16, max_size=16).map(ArchiveId),
        sequence=U64,
        head=st.binary(min_size=32, max_size=32).map(CommitHash),
    )
)
def test_welcome_is_read_as_it_was_made(welcome: Welcome) -> None:
    encoded = welcome.encode()
    assert len(encoded) == WELCOME_SIZE
    assert parse_welcome(encoded) == welcome


@given(st.lists(U64, min_size=12, max_size=12))
def test_stat_is_read_as_it_was_made(numbers: "list[int]") -> None:
    stat = Stat(*numbers)
    assert len(stat.encode()) == STAT_SIZE
    assert parse_stat(stat.encode()) == stat


@given(st.binary(max_size=200))
def test_answer_of_another_length_is_refused(noise: bytes) -> None:
    if len(noise) != WELCOME_SIZE:
        with pytest.raises(MessageError):
            parse_welcome(noise)
    if len(noise) != STAT_SIZE:
        with pytest.raises(MessageError):
            parse_stat(noise)
