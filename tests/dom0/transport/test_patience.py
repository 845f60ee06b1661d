# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Deadlines and limits of a call, and what is shown of a far side's words."""

import os
import threading
import time

import pytest

from wyng_common.messages import Header, Op, Status
from wyng_dom0.errors import DestinationError, StreamEnded
from wyng_dom0.transport.answers import AnswerReader
from wyng_dom0.transport.patience import Pace, Patience
from wyng_dom0.transport.questions import QuestionWriter
from wyng_dom0.transport.start import StoreProcess

SHORT = Patience(silence=0.3, rate=1e9)


@pytest.fixture
def pipe() -> "tuple[int, int]":
    return os.pipe()


def test_writing_keeps_the_pace(pipe: "tuple[int, int]") -> None:
    began = time.monotonic()
    writer = QuestionWriter(pipe[1], Patience(), Pace(32 * 1024))
    writer.write([bytes(16 * 1024), bytes(8 * 1024)])
    assert time.monotonic() - began > 0.7
    assert len(os.read(pipe[0], 1 << 20)) == 24 * 1024


def test_reading_keeps_the_pace(pipe: "tuple[int, int]") -> None:
    os.write(pipe[1], bytes(24 * 1024))
    began = time.monotonic()
    reader = AnswerReader(pipe[0], Patience(), Pace(32 * 1024))
    reader.read_untrusted(24 * 1024)
    assert time.monotonic() - began > 0.7


def test_pace_that_let_go_holds_nobody_back() -> None:
    pace = Pace(1)
    passed = threading.Event()

    def spend() -> None:
        pace.spend(1 << 20)
        passed.set()

    spender = threading.Thread(target=spend, daemon=True)
    spender.start()
    pace.let_go()
    assert passed.wait(60)
    # And what comes later neither.
    pace.spend(1 << 20)


def test_store_that_does_not_read_is_given_up(pipe: "tuple[int, int]") -> None:
    with pytest.raises(DestinationError, match="stopped reading"):
        QuestionWriter(pipe[1], SHORT).write([bytes(8 << 20)])


def test_store_that_reads_by_the_byte_is_given_up(
    pipe: "tuple[int, int]",
) -> None:
    """Never silent, and yet slower than the least rate."""
    reading = threading.Event()

    def sip() -> None:
        while not reading.wait(0.02):
            os.read(pipe[0], 4096)

    sipper = threading.Thread(target=sip)
    sipper.start()
    try:
        with pytest.raises(DestinationError, match="stopped reading"):
            QuestionWriter(pipe[1], SHORT).write([bytes(64 << 20)])
    finally:
        reading.set()
        sipper.join()


def test_answer_that_drips_is_given_up(pipe: "tuple[int, int]") -> None:
    head = Header(Op.STAT, Status.OK, 0, 1, 1 << 20).encode()
    os.write(pipe[1], head)
    ended = threading.Event()

    def drip() -> None:
        while not ended.wait(0.02):
            os.write(pipe[1], b"x")

    dripper = threading.Thread(target=drip)
    dripper.start()
    try:
        with pytest.raises(DestinationError, match="stopped answering"):
            AnswerReader(pipe[0], SHORT).read(Op.STAT, 1)
    finally:
        ended.set()
        dripper.join()


def test_end_of_the_stream_is_told_apart(pipe: "tuple[int, int]") -> None:
    os.close(pipe[1])
    with pytest.raises(StreamEnded):
        AnswerReader(pipe[0], SHORT).read_untrusted(1)


def test_far_words_are_escaped_and_cut() -> None:
    process = StoreProcess(
        ["/bin/sh", "-c", r"printf 'x\n\033[2J\a\302\233evil%0900d\n' 7 >&2"]
    )
    process.end()
    words = process.last_words()
    process.close_questions()
    process.close_answers()
    assert words.startswith(" (it said: ?[2J???evil000")
    assert words.isascii() and words.isprintable()
    assert len(words) < 330
