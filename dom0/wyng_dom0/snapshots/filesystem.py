# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Which file system a file lies on, as far as comparing extents needs it.

Owns the ioctls that name one. Only what is known to say truly where extents
lie counts: others answer FIEMAP with offsets of their own making, or number
the blocks of each of their disks from zero.
"""

import errno
import fcntl
import os
import struct
from dataclasses import dataclass
from enum import Enum

BTRFS_FS_INFO = 0x8400941F
XFS_GEOMETRY = 0x80705864
GET_XATTR = 0x801C581F
REALTIME = 0x1

_BTRFS_INFO = struct.Struct("=16x16s992x")
_XFS_INFO = struct.Struct("=64x16s32x")
_XATTR = struct.Struct("=I24x")
_NOT_THIS_KIND = frozenset(
    {errno.ENOTTY, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS, errno.EPERM}
)


class Kind(Enum):
    """What we know how to read the extents of."""

    BTRFS = "btrfs"
    XFS = "xfs"
    OTHER = "other"


@dataclass(frozen=True)
class FileSystem:
    """One file system; two that are equal have one address space.

    `identity` tells it from others for good. `space` tells apart what has
    block numbers of its own while it is mounted.
    """

    kind: Kind
    identity: str
    space: str


def filesystem_of(fd: int) -> FileSystem:
    """The file system an open file lies on. Raises OSError."""
    uuid = _ask(fd, BTRFS_FS_INFO, _BTRFS_INFO)
    if uuid is not None:
        # Each subvolume has a device number, all share one address space.
        return FileSystem(Kind.BTRFS, uuid, "")
    uuid = _ask(fd, XFS_GEOMETRY, _XFS_INFO)
    device = os.fstat(fd).st_dev
    if uuid is not None:
        # Twins may be mounted, and a file may lie on the realtime device.
        disk = "realtime" if _on_realtime(fd) else "data"
        return FileSystem(Kind.XFS, uuid, f"{device}-{disk}")
    return FileSystem(Kind.OTHER, "", str(device))


def _ask(fd: int, request: int, form: struct.Struct) -> "str | None":
    buffer = bytearray(form.size)
    try:
        fcntl.ioctl(fd, request, buffer, True)
    except OSError as error:
        if error.errno in _NOT_THIS_KIND:
            return None
        raise
    uuid: bytes = form.unpack(buffer)[0]
    return uuid.hex()


def _on_realtime(fd: int) -> bool:
    buffer = bytearray(_XATTR.size)
    fcntl.ioctl(fd, GET_XATTR, buffer, True)
    return bool(_XATTR.unpack(buffer)[0] & REALTIME)
