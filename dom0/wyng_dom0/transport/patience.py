# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""How long a store may take, and how fast we may be."""

import threading
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Patience:
    """How long a store may take.

    `silence` seconds without any byte of an answer; after its first byte an
    answer's bytes must come at `rate` bytes a second or faster, and so must
    those of a question be read.
    """

    silence: float = 120.0
    rate: float = 1024.0

    def deadline(self, size: int) -> float:
        """When `size` bytes must have passed, as time.monotonic tells it."""
        return time.monotonic() + self.silence + size / self.rate


class Pace:
    """Holds back whoever spends more than `rate` bytes a second."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._free = time.monotonic()
        self._let_go = threading.Event()

    def spend(self, count: int) -> None:
        """These bytes have passed; returns when the next may."""
        now = time.monotonic()
        self._free = max(self._free, now) + count / self._rate
        self._let_go.wait(self._free - now)

    def let_go(self) -> None:
        """Hold nobody back any more; from any thread."""
        self._let_go.set()
