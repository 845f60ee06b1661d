# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Ending what takes too long, the time not counted that the user held it.

Owns one thread; what ending means is told by the caller.
"""

import threading
import time
from collections.abc import Callable


class SessionLimit:
    """Calls `end` once, `seconds` after `start` and the seconds held since.

    `held` gives how long it has been held in all, until now.
    """

    def __init__(
        self,
        seconds: float,
        held: Callable[[], float],
        end: Callable[[], None],
    ) -> None:
        self._seconds = seconds
        self._held = held
        self._end = end
        self._stopped = threading.Event()
        self._until = 0.0
        self._thread = threading.Thread(
            target=self._run, name="session-limit", daemon=True
        )

    def start(self) -> None:
        """The time begins."""
        self._until = time.monotonic() - self._held() + self._seconds
        self._thread.start()

    def stop(self) -> None:
        """It is over before its time; harmless when called again."""
        self._stopped.set()

    def _left(self) -> float:
        return self._until + self._held() - time.monotonic()

    def _run(self) -> None:
        while (left := self._left()) > 0:
            # A shorter sleep than any limit of use: threading has a longest.
            if self._stopped.wait(min(left, 3600.0)):
                return
        self._end()
