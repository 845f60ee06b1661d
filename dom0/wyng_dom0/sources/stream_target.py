# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A target that is a pipe: every byte of a volume, in order, once.

For whoever writes volumes by itself, as qubesd does.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from wyng_dom0.errors import TargetError
from wyng_dom0.snapshots.snapshot import Range
from wyng_dom0.sources.writing import Owner

_ZEROS = memoryview(bytes(1 << 20))


class StreamTarget:
    """See target.Target; whole mode only. The descriptor stays open.

    Raises BrokenPipeError when nobody reads any more.
    """

    def __init__(self, fd: int, size: int) -> None:
        self._fd = fd
        self._size = size
        self._at = 0

    @property
    def size(self) -> int:
        """Bytes of the volume being restored."""
        return self._size

    @property
    def fd(self) -> int:
        """Nothing can be read of what went into a pipe."""
        raise TargetError("a stream can't be read")

    def data_ranges(self) -> Iterator[Range]:
        """Nothing is there yet."""
        return iter(())

    def pwrite(self, offset: int, data: "bytes | memoryview") -> None:
        """The next bytes; TargetError for others, and for too many."""
        if offset != self._at or offset + len(data) > self._size:
            raise TargetError("a stream takes its bytes in order")
        self._write(memoryview(data))

    def zero(self, offset: int, length: int) -> None:
        """The next bytes, as zeros."""
        if offset != self._at or offset + length > self._size:
            raise TargetError("a stream takes its bytes in order")
        while length > 0:
            piece = _ZEROS[:length]
            self._write(piece)
            length -= len(piece)

    def finish(
        self, owner: Owner, whole: Callable[[Path], None] | None = None
    ) -> bool:
        """All of it was written; TargetError otherwise."""
        if self._at != self._size:
            raise TargetError("a stream ended early")
        return True

    def _write(self, data: memoryview) -> None:
        while data:
            # A reader that went away says why: BrokenPipeError is not ours.
            count = os.write(self._fd, data)
            self._at += count
            data = data[count:]
