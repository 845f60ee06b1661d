# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What is shown of bytes that came in place of an answer."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wyng_common.messages import Header, Op, Status
from wyng_dom0.errors import DestinationError, StreamEnded
from wyng_dom0.transport.answers import AnswerReader
from wyng_dom0.transport.login_text import login_text
from wyng_dom0.transport.patience import Patience

GOOD = Header(Op.HELLO, Status.OK, 0, 1, 0).encode()


def told(untrusted: bytes) -> str:
    """What the first answer's reader says of a stream of these bytes."""
    ours, theirs = os.pipe()
    try:
        os.write(theirs, untrusted)
        os.close(theirs)
        with pytest.raises(DestinationError) as caught:
            AnswerReader(ours, Patience(5)).read(Op.HELLO, 1)
        return str(caught.value)
    finally:
        os.close(ours)


@pytest.mark.parametrize("text", [b"hi\n", b"\n", b"Welcome to backup!\n"])
def test_text_before_an_answer_is_told_as_that(text: bytes) -> None:
    said = told(text + GOOD)
    assert ("prints at login" in said) == bool(text.strip())
    assert text.decode("ascii").strip() in said


@given(st.binary(max_size=2000))
def test_nothing_but_bounded_printable_ascii_is_shown(untrusted: bytes) -> None:
    shown = login_text(untrusted) or ""
    assert shown.isascii() and shown.isprintable() or not shown
    assert len(shown) < 300


def test_terminal_is_told_nothing() -> None:
    said = told(b"\x1b[2J\x1b]0;owned\x07\r\nhello\x9b there" + GOOD)
    assert 'it said "?[2J?]0;owned? hello? there"' in said


@pytest.mark.parametrize(
    "untrusted", [GOOD[:-1], b"\xff" * 99, bytes(99), bytes(range(128, 256))]
)
def test_what_is_no_text_is_not_called_so(untrusted: bytes) -> None:
    assert "login" not in told(untrusted)


def test_text_of_a_store_that_ends_is_told_too() -> None:
    """Its exit code goes before: that says more, where it says anything."""
    ours, theirs = os.pipe()
    os.write(theirs, b"closed\n")
    os.close(theirs)
    with pytest.raises(StreamEnded, match='it said "closed" in place'):
        AnswerReader(ours, Patience(5)).read(Op.HELLO, 1)
    os.close(ours)


def test_text_behind_an_answer_is_none_of_a_login() -> None:
    ours, theirs = os.pipe()
    os.write(theirs, GOOD + b"some text behind it\n")
    reader = AnswerReader(ours, Patience(5))
    reader.read(Op.HELLO, 1)
    with pytest.raises(DestinationError, match="no answer"):
        reader.read(Op.HELLO, 2)
    os.close(ours)
    os.close(theirs)
