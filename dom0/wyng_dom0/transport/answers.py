# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The only reader of what a store sends.

Every read has a deadline and a minimum rate, every length is bounded before
it is allocated, and what is returned is called untrusted until a constructor
has checked it. Holds no keys and decides nothing.
"""

import os
import select
import time
from dataclasses import dataclass

from wyng_common import limits
from wyng_common.errors import MessageError
from wyng_common.messages import (
    HEADER_SIZE,
    Op,
    Status,
    parse_message_header,
)
from wyng_dom0.errors import DestinationError, StreamEnded
from wyng_dom0.transport.login_text import login_text
from wyng_dom0.transport.patience import Pace, Patience

_READ_SIZE = 1 << 20
_TEXT_MAX = 1024


@dataclass(frozen=True)
class Answer:
    """One answer. Its body is as the store sent it."""

    status: Status
    count: int
    untrusted_body: bytes


class AnswerReader:
    """Reads answers from a descriptor, in order.

    Raises DestinationError on end of file, silence, or anything that is no
    answer to what was asked; the connection is then of no more use.
    """

    def __init__(
        self, descriptor: int, patience: Patience, pace: Pace | None = None
    ) -> None:
        self._descriptor = descriptor
        self._patience = patience
        self._pace = pace
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)
        self._buffer = bytearray()
        self._has_begun = False

    def read(self, op: Op, tag: int) -> Answer:
        """The next answer, which must be one to this request."""
        head = self._take(HEADER_SIZE)
        try:
            header = parse_message_header(head, limits.FRAME_MAX)
            status = Status(header.second)
        except (MessageError, ValueError):
            raise self.not_understood(
                head, "the store sent something that is no answer"
            ) from None
        if (header.code, header.tag) != (op, tag):
            raise self.not_understood(
                head, "the store answered another question"
            )
        self._has_begun = True
        return Answer(status, header.count, self._take(header.length))

    def read_untrusted(self, size: int) -> bytes:
        """So many bytes, where no answer is expected yet."""
        return self._take(size)

    def not_understood(
        self, untrusted: bytes, sentence: str
    ) -> DestinationError:
        """The error of what was read and is none of ours, perhaps text that
        came before anything else."""
        text = None
        if not self._has_begun:
            text = login_text(untrusted + bytes(self._buffer[:_TEXT_MAX]))
        return DestinationError(text or sentence)

    def _take(self, size: int) -> bytes:
        deadline = self._patience.deadline(size)
        while len(self._buffer) < size:
            self._fill(min(self._patience.silence, deadline - time.monotonic()))
        taken = bytes(memoryview(self._buffer)[:size])
        del self._buffer[:size]
        return taken

    def _fill(self, seconds: float) -> None:
        if seconds <= 0 or not self._poll.poll(seconds * 1000):
            raise DestinationError(
                "the store has stopped answering;"
                " what was sent so far is kept and the command can be repeated"
            )
        data = os.read(self._descriptor, _READ_SIZE)
        if not data:
            sentence = "the store ended the connection"
            raise StreamEnded(str(self.not_understood(b"", sentence)))
        self._buffer += data
        if self._pace is not None:
            self._pace.spend(len(data))
