# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What an archive says of itself in numbers.

Reads the index; a writer also tries what the file system can do.
"""

import os

from wyng_common.messages import Stat, StoreFlag, encode_mount_depth
from wyng_store.archive import Archive
from wyng_store.filesystem import missing_promises, mount_depth
from wyng_store.packs import overhead
from wyng_store.punching import can_punch


def measure(archive: Archive) -> Stat:
    """Count packs, blobs and bytes; `dead` is what no row points to."""
    state = archive.index.load_state()
    count = size = used = 0
    for pack in archive.index.packs():
        count += 1
        size += pack.size
        used += pack.bytes + overhead(pack.rows)
    flags = StoreFlag.SAFE_MODE if state.safe else StoreFlag(0)
    if archive.writer:
        flags |= missing_promises(archive.layout, can_punch(archive))
    depth = mount_depth(archive.layout.root)
    disk = os.statvfs(archive.layout.root)
    return Stat(
        packs=count,
        pack_bytes=size,
        live_blobs=state.live_rows,
        live_bytes=state.live_bytes,
        staged_blobs=state.rows - state.live_rows,
        staged_bytes=state.all_bytes - state.live_bytes,
        dead_bytes=max(size - used, 0),
        damaged_blobs=state.bad,
        commits=len(archive.chain.sequences()),
        free_bytes=disk.f_bavail * disk.f_frsize,
        total_bytes=disk.f_blocks * disk.f_frsize,
        flags=int(flags) | encode_mount_depth(depth),
    )
