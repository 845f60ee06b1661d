# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writing to a store: never for ever, and no faster than allowed.

Owns the descriptor's mode and the deadline of each write. Knows no message.
"""

import os
import select
import time
from collections.abc import Callable, Sequence
from typing import Union

from wyng_dom0.errors import DestinationError, StreamEnded
from wyng_dom0.transport.patience import Pace, Patience

Bytes = Union[bytes, bytearray, memoryview]
# With a pace, so much at once: no long silence follows.
_PACED_SIZE = 64 * 1024
# Linux takes 1,024 parts in one call; fewer fill the pipe, too.
_AT_ONCE = 64


class QuestionWriter:
    """Writes a descriptor, which is made non-blocking."""

    def __init__(
        self,
        descriptor: int,
        patience: Patience,
        pace: Pace | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._descriptor = descriptor
        self._patience = patience
        self._pace = pace
        # Raises when there is no use in writing more.
        self._check = check
        os.set_blocking(descriptor, False)
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)

    def write(self, parts: Sequence[Bytes]) -> None:
        """All of them; raises DestinationError when the store doesn't read,
        or reads too slowly, and StreamEnded when it is gone."""
        left = [memoryview(part) for part in parts]
        deadline = self._patience.deadline(sum(map(len, left)))
        while left:
            self._check()
            try:
                count = self._write_some(left)
            except BlockingIOError:
                self._wait(deadline)
                continue
            except BrokenPipeError:
                raise StreamEnded("the store ended the connection") from None
            left = _behind(left, count)
            if self._pace is not None:
                self._pace.spend(count)

    def _write_some(self, parts: Sequence[memoryview]) -> int:
        """Many parts at once: a store that is woken for each reads little
        at a time."""
        if self._pace is None:
            return os.writev(self._descriptor, parts[:_AT_ONCE])
        return os.write(self._descriptor, parts[0][:_PACED_SIZE])

    def _wait(self, deadline: float) -> None:
        seconds = min(self._patience.silence, deadline - time.monotonic())
        if seconds <= 0 or not self._poll.poll(seconds * 1000):
            raise DestinationError(
                "the store has stopped reading;"
                " what was sent so far is kept and the command can be repeated"
            )


def _behind(parts: list[memoryview], written: int) -> list[memoryview]:
    """What is left of the parts after so many bytes."""
    for at, part in enumerate(parts):
        if written < len(part):
            return [part[written:], *parts[at + 1 :]]
        written -= len(part)
    return []
