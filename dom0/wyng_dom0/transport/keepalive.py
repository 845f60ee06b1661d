# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Telling a store that we are still here when there is nothing to ask.

A store ends a client that is silent for five minutes, because its lock keeps
others out. Owns one thread; decides nothing else.
"""

import threading
import time
from types import TracebackType
from typing import Callable, Optional, Type

from wyng_dom0.errors import DestinationError

SECONDS = 60.0


class Keepalive:
    """A context manager that calls `speak` whenever `heard` was not called
    for so many seconds. Silent until the first `heard`."""

    def __init__(
        self, speak: Callable[[], object], seconds: float = SECONDS
    ) -> None:
        self._speak = speak
        self._seconds = seconds
        self._heard: Optional[float] = None
        self._ended = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name="keepalive", daemon=True
        )

    def __enter__(self) -> "Keepalive":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self._ended.set()
        self._thread.join()

    def heard(self) -> None:
        """Something was said just now."""
        self._heard = time.monotonic()

    def _run(self) -> None:
        while not self._ended.wait(self._left()):
            if self._left() > 0:
                continue
            try:
                self._speak()
            except DestinationError:
                # The store is gone: whoever asks next is told.
                return
            self.heard()

    def _left(self) -> float:
        heard = self._heard
        if heard is None:
            return self._seconds
        return max(0.0, heard + self._seconds - time.monotonic())
