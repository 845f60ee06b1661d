# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Holding a key: who is given it, and when it is forgotten.

Forgotten when nobody asked for the idle time, HARD_SECONDS after the start
whoever asked, and when told to. Time goes on while the machine sleeps. The
key is in no file and in no core dump, and is not swapped where the system
lets us lock memory.
"""

import ctypes
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from wyng_common.ids import ArchiveId
from wyng_dom0.state.durable import make_private_folder
from wyng_dom0.state.key_agent import (
    END,
    GIVE,
    is_same_user,
    socket_address,
)
from wyng_dom0.state.places import Places

HARD_SECONDS = 8 * 3600.0
# A sleep of the machine is noticed at most this late.
_LOOK_SECONDS = 5.0
_PEER_SECONDS = 2.0
_PR_SET_DUMPABLE = 4
_MCL_CURRENT_AND_FUTURE = 3


def _boot_time() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Holder:
    """Holds `key` and gives it to this user's processes.

    `clock` counts seconds, sleep of the machine included.
    """

    def __init__(
        self,
        key: bytearray,
        idle_seconds: float,
        clock: Callable[[], float] = _boot_time,
    ) -> None:
        self._key = key
        self._idle = idle_seconds
        self._clock = clock
        self._started = self._asked = clock()

    def serve(self, listener: socket.socket) -> None:
        """Answer until the time is over; the key is zeros afterwards."""
        try:
            while (left := self.seconds_left()) > 0:
                listener.settimeout(min(left, _LOOK_SECONDS))
                try:
                    peer, _ = listener.accept()
                except TimeoutError:
                    continue
                with peer:
                    if not self._answer(peer):
                        self.forget()
                        return
        finally:
            self.forget()

    def seconds_left(self) -> float:
        """Until the key is forgotten if nobody asks; 0 or less: now."""
        now = self._clock()
        idle = self._asked + self._idle - now
        return min(idle, self._started + HARD_SECONDS - now)

    def forget(self) -> None:
        """Overwrite the key."""
        self._key[:] = bytes(len(self._key))

    def _answer(self, peer: socket.socket) -> bool:
        """False when it is to end."""
        peer.settimeout(_PEER_SECONDS)
        try:
            if not is_same_user(peer):
                return True
            asked = peer.recv(1)
            if asked == END:
                return False
            # The time may have been over while the machine slept.
            if asked == GIVE and self.seconds_left() > 0:
                self._asked = self._clock()
                peer.sendall(self._key)
        except OSError:
            return True
        return True


@contextmanager
def listen(places: Places, archive: ArchiveId) -> Iterator[socket.socket]:
    """The socket others ask at, only for this user; gone after the block."""
    path = places.agent(archive)
    make_private_folder(path.parent)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.unlink(missing_ok=True)
        with socket_address(places, archive) as address:
            old_mask = os.umask(0o177)
            try:
                listener.bind(address)
            finally:
                os.umask(old_mask)
        mine = os.lstat(path).st_ino
        listener.listen(8)
        yield listener
        # Another agent may have taken the place meanwhile.
        if path.exists() and os.lstat(path).st_ino == mine:
            path.unlink(missing_ok=True)
    finally:
        listener.close()


def guard_memory() -> None:
    """No core dump, no tracing by other processes, no swapping if allowed."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    # Fails without the right to lock so much; the rest still holds.
    libc.mlockall(_MCL_CURRENT_AND_FUTURE)
