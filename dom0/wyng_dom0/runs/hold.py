# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Holding a run, and ending it: when it may be stopped, and how.

A run is held only where it passes a point that it chose; what speaks to the
store goes on in other threads. It may be ended anywhere but in a block that
must not be left half done. Signals are set up by the CLI.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_LOOK_SECONDS = 5.0


class Hold:
    """One run's brake.

    pause, resume and seconds are for any thread, all else for the one that
    runs the command.
    """

    def __init__(self, look_seconds: float = _LOOK_SECONDS) -> None:
        self._changed = threading.Condition()
        self._look_seconds = look_seconds
        self._wanted = False
        self._since: float | None = None
        self._before = 0.0
        self._chores: list[Callable[[], None]] = []
        self._undisturbed = 0
        self._cancelled = False

    def pause(self) -> None:
        """Hold the run where it next may be held."""
        with self._changed:
            self._wanted = True

    def resume(self) -> None:
        """Let it go on, or not be held at all."""
        with self._changed:
            self._wanted = False
            self._changed.notify_all()

    def seconds(self) -> float:
        """How long it was held in all, until now."""
        since = self._since
        now = time.monotonic()
        return self._before + (now - since if since is not None else 0.0)

    def pass_point(self, tell: Callable[[bool], None]) -> None:
        """Return when the run may go on.

        `tell` is called with True when it is held and with False when it
        goes on. Raises KeyboardInterrupt when it was cancelled, and whatever
        a chore raises.
        """
        if self._cancelled:
            raise KeyboardInterrupt
        if not self._wanted:
            return
        tell(True)
        self._since = time.monotonic()
        try:
            self._wait()
        except Exception:
            tell(False)
            raise
        finally:
            self._before, self._since = self.seconds(), None
        tell(False)

    def _wait(self) -> None:
        while True:
            with self._changed:
                if self._changed.wait_for(
                    lambda: not self._wanted, self._look_seconds
                ):
                    return
            for chore in self._chores:
                chore()

    @contextmanager
    def meanwhile(self, chore: Callable[[], None]) -> Iterator[None]:
        """Call `chore` every few seconds while the run is held."""
        self._chores.append(chore)
        try:
            yield
        finally:
            self._chores.remove(chore)

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """`cancel` ends nothing before the block is left."""
        self._undisturbed += 1
        try:
            yield
        finally:
            self._undisturbed -= 1

    def cancel(self) -> None:
        """End the run: now, or at its next point where now is no time.

        For a signal handler: takes no lock. Asked again, it waits for
        nothing. Raises KeyboardInterrupt.
        """
        if self._undisturbed and not self._cancelled:
            self._cancelled = True
            return
        self._cancelled = True
        raise KeyboardInterrupt
