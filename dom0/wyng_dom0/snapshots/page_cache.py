# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What of a file or device the kernel holds in memory, and letting go of it.

So that what is read back comes from where it was written to. Owns mincore.
"""

import ctypes
import mmap
import os

# Mapped at once; the kernel's answer then has a byte for each page of it.
_WINDOW = 1 << 30


def let_go(fd: int, size: int) -> int:
    """Have the kernel forget what was written and is durable.

    Returns the bytes of the first `size` that it still holds in memory: all
    of them on a tmpfs, none as a rule. OSErrors pass through.
    """
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    return cached_bytes(fd, size)


def cached_bytes(fd: int, size: int) -> int:
    """How many bytes of the first `size` are in memory, by whole pages."""
    found = sum(
        _pages_in_memory(fd, at, min(_WINDOW, size - at))
        for at in range(0, size, _WINDOW)
    )
    return min(size, found * mmap.PAGESIZE)


def _pages_in_memory(fd: int, offset: int, length: int) -> int:
    """Mapped, but never touched: what is asked about is not brought in."""
    # A private mapping that could be written to has an address to be had.
    with mmap.mmap(fd, length, access=mmap.ACCESS_COPY, offset=offset) as view:
        first = ctypes.c_char.from_buffer(view)
        pages = -(-length // mmap.PAGESIZE)
        answer = (ctypes.c_ubyte * pages)()
        library = ctypes.CDLL(None, use_errno=True)
        library.mincore.argtypes = [
            ctypes.c_void_p,
            ctypes.c_size_t,
            ctypes.c_void_p,
        ]
        code = library.mincore(ctypes.addressof(first), length, answer)
        del first
    if code != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    # One bit says it, all others are to be zero.
    return pages - bytes(answer).count(0)
