# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the file system of an archive is, and what it can't promise.

Where the archive is not on a local disk, SQLite's locks and shared memory
can't be trusted: the index, a cache, lies in the user's own cache then.
"""

import ctypes
import hashlib
import os
import tempfile
from pathlib import Path
from typing import Callable, Optional

from wyng_common.messages import StoreFlag
from wyng_store import durable
from wyng_store.errors import Full
from wyng_store.layout import Layout

# f_type of statfs(2): NFS, SMB, CIFS, SMB2, 9P, FUSE, Ceph, AFS, Coda.
_REMOTE = frozenset(
    {0x6969, 0x517B, 0xFF534D42, 0xFE534D42, 0x01021997}
    | {0x65735546, 0x00C36400, 0x5346414F, 0x73757245}
)
# Larger than struct statfs is anywhere.
_STATFS_SIZE = 512


def magic_of(path: Path) -> int:
    """f_type of the file system that `path`, or what is above it, lies on;
    0 when unknown."""
    while not path.exists() and path != path.parent:
        path = path.parent
    buffer = ctypes.create_string_buffer(_STATFS_SIZE)
    library = ctypes.CDLL(None, use_errno=True)
    if library.statfs(os.fsencode(path), buffer):
        return 0
    return ctypes.c_ulong.from_buffer(buffer).value & 0xFFFFFFFF


def locate(root: Path, magic: Callable[[Path], int] = magic_of) -> Layout:
    """The layout of an archive in that directory, wherever its index is."""
    if magic(root.absolute()) not in _REMOTE:
        return Layout(root)
    place = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:32]
    return Layout(root, cache_folder() / place)


def missing_promises(layout: Layout, punches: Optional[bool]) -> StoreFlag:
    """What the archive's file system can't do; tries it, in `trash/`, which
    needs the writer lock. What can't be tried is not said."""
    flags = StoreFlag(0)
    if layout.index.parent != layout.root:
        flags |= StoreFlag.INDEX_ELSEWHERE
    if punches is False:
        flags |= StoreFlag.NO_HOLES
    try:
        durable.make_directory(layout.trash)
        with tempfile.TemporaryDirectory(dir=layout.trash) as place:
            if not durable.can_link(Path(place)):
                flags |= StoreFlag.NO_LINKS
            if not durable.can_sync_directory(Path(place)):
                flags |= StoreFlag.NO_DIRECTORY_SYNC
    except (OSError, Full):
        return flags
    return flags


def mount_depth(root: Path) -> int:
    """How many components the path of the mount point has on which `root`
    lies, links resolved; 0 on the root file system."""
    at = root.resolve()
    while not os.path.ismount(at):
        at = at.parent
    return len(at.parts) - 1


def is_mounted(root: Path, depth: int) -> bool:
    """Is the ancestor of `root` with so many components a mount point?"""
    parts = root.resolve().parts
    if depth >= len(parts):
        return False
    return os.path.ismount(os.path.join(*parts[: depth + 1]))


def cache_folder() -> Path:
    """The user's own place for what can be made again."""
    told = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(told):
        return Path(told) / "wyng-store"
    return Path.home() / ".cache" / "wyng-store"
