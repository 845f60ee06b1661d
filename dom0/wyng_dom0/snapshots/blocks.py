# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Blocks of a target: given back, made zeros, shared with another file.

Owns the ioctls and the fallocate that a restore needs, and what each of them
promises. Reads nothing, decides nothing. OSErrors that are no answer to
"can you?" pass through.
"""

import ctypes
import errno
import fcntl
import os
import stat
import struct

from wyng_dom0.snapshots.kept_clones import FICLONE

_BLKDISCARD = 0x1277
_BLKZEROOUT = 0x127F
_RANGE = struct.Struct("=QQ")
# Sectors of every device there is are at most so large.
SECTOR = 4096
_KEEP_SIZE, _PUNCH_HOLE = 0x01, 0x02
# What a device or a file system says that can't.
_CANNOT = frozenset(
    {errno.EOPNOTSUPP, errno.EINVAL, errno.ENOTTY, errno.ENOSYS, errno.EPERM}
)


def discard_all(fd: int, size: int) -> bool:
    """Give back all blocks of a device; False where it can't.

    Says nothing about how they read afterwards.
    """
    if size == 0:
        return False
    try:
        fcntl.ioctl(fd, _BLKDISCARD, _RANGE.pack(0, size))
    except OSError as error:
        if error.errno not in _CANNOT:
            raise
        return False
    return True


def zero_range(fd: int, offset: int, length: int) -> bool:
    """Make a range read as zeros, given back where that can be; False: can't.

    On a device the range must be whole sectors. The kernel promises the
    zeros of either way, which it doesn't for a discard.
    """
    if punch(fd, offset, length):
        return True
    if not stat.S_ISBLK(os.fstat(fd).st_mode):
        return False
    try:
        fcntl.ioctl(fd, _BLKZEROOUT, _RANGE.pack(offset, length))
    except OSError as error:
        if error.errno not in _CANNOT:
            raise
        return False
    return True


def punch(fd: int, offset: int, length: int) -> bool:
    """Make a hole of a range, which then reads as zeros; False: can't."""
    library = ctypes.CDLL(None, use_errno=True)
    call = getattr(library, "fallocate64", None) or library.fallocate
    call.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
    if call(fd, _KEEP_SIZE | _PUNCH_HOLE, offset, length) == 0:
        return True
    code = ctypes.get_errno()
    if code in _CANNOT:
        return False
    raise OSError(code, os.strerror(code))


def share_blocks(source: int, target: int) -> bool:
    """Make the file open at `target` a clone of another; False: can't."""
    try:
        fcntl.ioctl(target, FICLONE, source)
    except OSError as error:
        if error.errno not in _CANNOT | {errno.EXDEV}:
            raise
        return False
    return True
