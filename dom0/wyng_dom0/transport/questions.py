# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writing to a store: never for ever, and no faster than allowed.

Owns the descriptor's mode and the deadline of each write. Knows no message.
"""

import os
import select
import time
from collections.abc import Callable
from typing import Union

from wyng_dom0.errors import DestinationError, StreamEnded
from wyng_dom0.transport.patience import Pace, Patience

Bytes = Union[bytes, bytearray, memoryview]
# With a pace, so much at once: no long silence follows.
_PACED_SIZE = 64 * 1024


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

    def write(self, data: Bytes) -> None:
        """All of it; raises DestinationError when the store doesn't read,
        or reads too slowly, and StreamEnded when it is gone."""
        left = memoryview(data)
        deadline = self._patience.deadline(len(left))
        while left:
            self._check()
            part = left if self._pace is None else left[:_PACED_SIZE]
            try:
                count = os.write(self._descriptor, part)
            except BlockingIOError:
                self._wait(deadline)
                continue
            except BrokenPipeError:
                raise StreamEnded("the store ended the connection") from None
            left = left[count:]
            if self._pace is not None:
                self._pace.spend(count)

    def _wait(self, deadline: float) -> None:
        seconds = min(self._patience.silence, deadline - time.monotonic())
        if seconds <= 0 or not self._poll.poll(seconds * 1000):
            raise DestinationError(
                "the store has stopped reading;"
                " what was sent so far is kept and the command can be repeated"
            )
