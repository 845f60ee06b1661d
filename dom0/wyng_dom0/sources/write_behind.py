# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Keeping the disk busy while the rest of a volume is still on its way.

The kernel leaves what was written in memory until a tenth of it is full or
half a minute has gone by: a restore would compute first and wait for the disk
then. What is told here begins to be written out at once.
"""

import os

# Bytes that are handed to the disk together.
_AT_ONCE = 8 << 20


class WriteBehind:
    """Starts the writing out of what was written to one descriptor.

    Promises nothing: what failed is what fsync tells. Ranges may come in any
    order; those that lie together are cheapest.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._start = self._end = self._bytes = 0

    def wrote(self, offset: int, length: int) -> None:
        """So many bytes were written there."""
        if not self._bytes:
            self._start, self._end = offset, offset + length
        self._start = min(self._start, offset)
        self._end = max(self._end, offset + length)
        self._bytes += length
        if self._bytes >= _AT_ONCE:
            # Linux writes out what is dirty there, without waiting for it,
            # and drops only what is clean.
            os.posix_fadvise(
                self._fd,
                self._start,
                self._end - self._start,
                os.POSIX_FADV_DONTNEED,
            )
            self._bytes = 0
