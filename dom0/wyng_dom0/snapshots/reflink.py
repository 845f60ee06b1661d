# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Snapshots of files by FICLONE: a copy that shares every block.

Owns the clone, which has no name from the moment it exists (or loses it at
once), so that no crash leaves one behind. The clone is atomic: it holds the
file as it was at one moment.
"""

import errno
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from wyng_dom0.errors import SourceError
from wyng_dom0.names import HIDDEN_MARK, quote
from wyng_dom0.snapshots.snapshot import Snapshot, snapshot_of

NAME = "reflink"
FICLONE = 0x40049409
# What a file system, or the two files, say that can't share blocks.
CANNOT_CLONE = frozenset(
    {
        errno.EOPNOTSUPP,
        errno.EXDEV,
        errno.EINVAL,
        errno.ENOTTY,
        errno.ENOSYS,
        errno.EPERM,
    }
)
# What open says where nothing can be made: read it plainly, then.
CANNOT_CREATE = frozenset(
    {errno.EACCES, errno.EROFS, errno.EPERM, errno.EDQUOT}
)
_NO_TMPFILE = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT})


class CannotClone(SourceError):
    """This volume can't be cloned where it lies; read it another way."""


class ReflinkDriver:
    """Clones the file; raises CannotClone where that can't be done."""

    @contextmanager
    def snapshot(self, name: str, fd: int, folder: str) -> Iterator[Snapshot]:
        """See Driver; the clone's blocks are free again after the block."""
        attributes = os.fstat(fd)
        if not stat.S_ISREG(attributes.st_mode):
            raise CannotClone(f"{quote(name)} is no regular file", about=name)
        clone = _open_nameless(name, folder)
        try:
            _clone(name, fd, clone)
            yield snapshot_of(name, clone, attributes, NAME, still=True)
        finally:
            os.close(clone)


def _clone(name: str, fd: int, clone: int) -> None:
    try:
        # What other programs wrote but the disk has not yet is cloned too.
        fcntl.ioctl(clone, FICLONE, fd)
    except OSError as error:
        kind = CannotClone if error.errno in CANNOT_CLONE else SourceError
        raise kind(
            f"the volume {quote(name)} can't be cloned: {error.strerror}",
            about=name,
        ) from None


def _open_nameless(name: str, folder: str) -> int:
    flags = os.O_RDWR | os.O_CLOEXEC
    try:
        return os.open(folder, flags | os.O_TMPFILE, 0o600)
    except OSError as error:
        if error.errno not in _NO_TMPFILE:
            raise _creation_error(name, error) from None
    hidden = os.path.join(
        folder,
        f".{os.path.basename(name)[:100]}{HIDDEN_MARK}{secrets.token_hex(4)}",
    )
    try:
        fd = os.open(hidden, flags | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise _creation_error(name, error) from None
    os.unlink(hidden)
    return fd


def _creation_error(name: str, error: OSError) -> SourceError:
    kind = CannotClone if error.errno in CANNOT_CREATE else SourceError
    return kind(
        f"no clone of {quote(name)} can be made beside it: {error.strerror}",
        about=name,
    )
