# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The two byte streams of a connection, buffered and bounded.

Inlet hands out views of what was read without copying; Outlet collects
answers and writes many at once. Neither knows a message.
"""

import fcntl
import os
import select
import time
from typing import Callable, List

from wyng_common.limits import FRAME_MAX, MIB
from wyng_store.durable import Data
from wyng_store.errors import Disconnected
from wyng_store.layout import SILENCE_SECONDS

_INLET_SIZE = 1 * MIB
_OUTLET_SIZE = 1 * MIB
_OUTLET_PIECES = 256
_PIPE_SIZE = 1 * MIB
_TICK_SECONDS = 5.0


class Inlet:
    """Reads a descriptor. A view from `need` is good until the next call."""

    def __init__(
        self,
        fd: int,
        silence: float = SILENCE_SECONDS,
        leave: Callable[[], bool] = lambda: False,
    ) -> None:
        self._fd = fd
        self._silence = silence
        self._leave = leave
        self._poll = select.poll()
        self._poll.register(fd, select.POLLIN)
        self._buffer = memoryview(bytearray(_INLET_SIZE))
        self._start = 0
        self._end = 0
        widen_pipe(fd)

    def need(self, size: int) -> memoryview:
        """The next `size` bytes, at most FRAME_MAX; they stay unread until
        `skip`. Raises Disconnected when the stream ends before."""
        assert size <= FRAME_MAX
        while self._end - self._start < size:
            self._fill(size)
        return self._buffer[self._start : self._start + size]

    def skip(self, size: int) -> None:
        """Done with `size` bytes that `need` gave."""
        self._start += size
        if self._start == self._end:
            self._start = self._end = 0

    def take_rest(self) -> bytes:
        """What was read but not asked for, for another reader."""
        rest = bytes(self._buffer[self._start : self._end])
        self._start = self._end = 0
        return rest

    def drain(self, size: int) -> None:
        """Read and throw away; raises Disconnected."""
        while size:
            part = min(size, _INLET_SIZE)
            self.need(part)
            self.skip(part)
            size -= part

    def is_at_end(self) -> bool:
        """Has the stream ended, with nothing left unread? Waits to know."""
        if self._start == self._end:
            self._end = self._read(self._buffer)
            self._start = 0
        return self._start == self._end

    def is_ready(self) -> bool:
        """Is there something to read without waiting?"""
        if self._end > self._start:
            return True
        return bool(select.select([self._fd], [], [], 0)[0])

    def _fill(self, size: int) -> None:
        kept = self._end - self._start
        if len(self._buffer) - self._start < size:
            self._move(kept, size)
        count = self._read(self._buffer[self._end :])
        if not count:
            raise Disconnected("the other side went away inside a request")
        self._end += count

    def _read(self, buffer: memoryview) -> int:
        """Raises Disconnected when the other side is silent too long."""
        deadline = time.monotonic() + self._silence
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise Disconnected("the other side has been silent too long")
            if not self._poll.poll(1000 * min(left, _TICK_SECONDS)):
                if self._leave():
                    raise Disconnected("an idle reader makes way")
                continue
            try:
                return os.readv(self._fd, [buffer])
            except BlockingIOError:
                continue

    def _move(self, kept: int, size: int) -> None:
        """Make room for `size` bytes in one piece."""
        left = self._buffer[self._start : self._end]
        if len(self._buffer) < size:
            self._buffer = memoryview(bytearray(2 * size))
        self._buffer[:kept] = bytes(left)
        self._start, self._end = 0, kept


class Outlet:
    """Writes a descriptor, many answers at a time."""

    def __init__(self, fd: int, silence: float = SILENCE_SECONDS) -> None:
        self._fd = fd
        self._silence = silence
        self._poll = select.poll()
        self._poll.register(fd, select.POLLOUT)
        os.set_blocking(fd, False)
        self._pieces: List[Data] = []
        self._size = 0
        widen_pipe(fd)

    def put(self, *pieces: Data) -> None:
        """Collect; they must not change before they are written."""
        for piece in pieces:
            if piece:
                self._pieces.append(piece)
                self._size += len(piece)
        if self._size >= _OUTLET_SIZE or len(self._pieces) >= _OUTLET_PIECES:
            self.flush()

    def flush(self) -> None:
        """Write all that was collected; raises Disconnected."""
        pieces, self._pieces, self._size = self._pieces, [], 0
        try:
            while pieces:
                pieces = _advance(pieces, self._write(pieces))
        except BrokenPipeError:
            raise Disconnected("the other side went away") from None

    def _write(self, pieces: List[Data]) -> int:
        """Raises Disconnected when the other side does not read."""
        try:
            return os.writev(self._fd, pieces)
        except BlockingIOError:
            if not self._poll.poll(1000 * self._silence):
                raise Disconnected("the other side does not read") from None
            return 0


def widen_pipe(fd: int) -> None:
    """Ask for a pipe that holds more, to wake up less often; it is fine when
    `fd` is no pipe or the kernel does not want to."""
    try:
        fcntl.fcntl(fd, getattr(fcntl, "F_SETPIPE_SZ", 1031), _PIPE_SIZE)
    except OSError:
        return


def _advance(pieces: List[Data], written: int) -> List[Data]:
    for at, piece in enumerate(pieces):
        if written < len(piece):
            return [memoryview(piece)[written:], *pieces[at + 1 :]]
        written -= len(piece)
    return []
