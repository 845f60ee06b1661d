# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writing questions to a store that reads little at a time."""

import fcntl
import os
import threading
from collections.abc import Callable

import pytest

from wyng_dom0.errors import DestinationError, StreamEnded
from wyng_dom0.transport.patience import Pace, Patience
from wyng_dom0.transport.questions import QuestionWriter

PARTS = [bytes([at % 251]) * (at * 37 % 9001) for at in range(300)]


def _narrow_pipe() -> tuple[int, int]:
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    return reading, writing


@pytest.mark.parametrize("pace", [lambda: None, lambda: Pace(1 << 30)])
def test_parts_arrive_whole_and_in_order(
    pace: Callable[[], "Pace | None"],
) -> None:
    reading, writing = _narrow_pipe()
    arrived = bytearray()

    def read() -> None:
        while data := os.read(reading, 1009):
            arrived.extend(data)

    thread = threading.Thread(target=read)
    thread.start()
    QuestionWriter(writing, Patience(), pace()).write(PARTS)
    os.close(writing)
    thread.join()
    os.close(reading)
    assert bytes(arrived) == b"".join(PARTS)


def test_store_that_does_not_read_is_given_up() -> None:
    reading, writing = _narrow_pipe()
    writer = QuestionWriter(writing, Patience(silence=0.05))
    with pytest.raises(DestinationError, match="stopped reading"):
        writer.write(PARTS)
    os.close(reading)
    with pytest.raises(StreamEnded):
        writer.write(PARTS)
    os.close(writing)
