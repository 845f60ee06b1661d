# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Room kept for the day the disk is full.

The file `ballast` holds space that nobody else on the disk can take. It goes
when a connection that may prune finds no room, so that the journal and the
metadata of a prune fit, and is made anew when there is room again. Chunks
never get at what it kept: they are refused while it is gone and room short.
"""

import os
from pathlib import Path

from wyng_common.limits import MIB
from wyng_store import durable
from wyng_store.errors import Full
from wyng_store.layout import Layout

SIZE_MAX = 16 * MIB
# What a prune writes: a metadata pack, and a journal of the index's pages. One
# that freed 20,000 or 100,000 blobs was as large as the index (measured).
_PACK = 2 * MIB
# So that not every session makes it anew.
_STEP = 2 * MIB
# Of the whole file system.
_SHARE = 50
_NOTHING = 256 * 1024


def size(layout: Layout) -> int:
    """How much is to be kept, in bytes."""
    disk = os.statvfs(layout.root)
    share = disk.f_blocks * disk.f_frsize // _SHARE
    wanted = _PACK + _length(layout.index) * 3 // 2
    return min(SIZE_MAX, -(-wanted // _STEP) * _STEP, share)


def is_short(layout: Layout) -> bool:
    """Is less free than the ballast holds, or would?"""
    return _free(layout.root) < size(layout)


def is_full(layout: Layout) -> bool:
    """Is there no room for as much as an empty file?"""
    return _free(layout.root) < _NOTHING


def is_there(layout: Layout) -> bool:
    return layout.ballast.exists()


def drop(layout: Layout) -> bool:
    """Give its space free; False when there was none."""
    if not is_there(layout):
        return False
    durable.unlink(layout.ballast)
    return True


def refill(layout: Layout) -> None:
    """Make it again, if it is gone or the index has outgrown it, and there
    is room, with some to spare. The index must be closed."""
    wanted = size(layout)
    if _length(layout.ballast) >= wanted:
        return
    if _free(layout.root) < wanted + wanted // 8:
        return
    try:
        durable.reserve_file(layout.ballast, wanted)
    except (Full, OSError):
        # Without it a full disk needs a hand; nothing else is worse.
        return


def _length(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _free(root: Path) -> int:
    disk = os.statvfs(root)
    return disk.f_bavail * disk.f_frsize
