# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Snapshots of files by FICLONE: a copy that shares every block.

Owns the clone, a hidden file beside the volume. The clone is atomic: it
holds the file as it was at one moment.
"""

import errno
import fcntl
import os
import secrets
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from wyng_dom0.errors import NotFound, SourceError
from wyng_dom0.names import HIDDEN_MARK, quote
from wyng_dom0.snapshots.driver import (
    CannotSnapshot,
    CannotTell,
    Compare,
    PoolUsage,
    SnapshotRef,
    VolumeAt,
)
from wyng_dom0.snapshots.plain import open_volume
from wyng_dom0.snapshots.snapshot import Range, Snapshot, size_of, snapshot_of

NAME = "reflink"
FICLONE = 0x40049409
CLONE_MARK = f"{HIDDEN_MARK}snapshot-"
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


class ReflinkDriver:
    """Clones the file; raises CannotSnapshot where that can't be done."""

    name = NAME
    keeps = False

    def take(self, volume: VolumeAt) -> SnapshotRef:
        """See Driver."""
        fd = open_volume(volume)
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise CannotSnapshot(
                    f"{quote(volume.name)} is no regular file",
                    about=volume.name,
                )
            return _cloned(volume, fd)
        finally:
            os.close(fd)

    @contextmanager
    def open(self, ref: SnapshotRef, volume: VolumeAt) -> Iterator[Snapshot]:
        """See Driver; mode, owner and time are the volume's of now."""
        original = open_volume(volume)
        try:
            attributes = os.fstat(original)
        finally:
            os.close(original)
        try:
            clone = os.open(ref.place, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            raise _gone(volume) from None
        try:
            if _identity(clone) != ref.identity:
                raise _gone(volume)
            yield snapshot_of(volume.name, clone, attributes, NAME, still=True)
        finally:
            os.close(clone)

    def exists(self, ref: SnapshotRef) -> bool:
        """True when that very clone is there."""
        try:
            clone = os.open(ref.place, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            return False
        try:
            return _identity(clone) == ref.identity
        finally:
            os.close(clone)

    @contextmanager
    def comparing(self, refs: Sequence[SnapshotRef]) -> Iterator[Compare]:
        """See Driver; whoever asks is told CannotTell."""
        yield _cannot_tell

    def drop(self, refs: Sequence[SnapshotRef]) -> None:
        """Unlink the clones; one that is open is freed when it is closed."""
        for ref in refs:
            if self.exists(ref):
                os.unlink(ref.place)

    def list_own(self, pool: str) -> list[SnapshotRef]:
        """The clones in a folder."""
        try:
            names = sorted(os.listdir(pool))
        except OSError:
            return []
        marked = [n for n in names if n.startswith(".") and CLONE_MARK in n]
        return [ref for ref in map(_found(pool), marked) if ref is not None]

    def cost(self, refs: Sequence[SnapshotRef]) -> list[int | None]:
        """Unknown, each."""
        return [None for _ in refs]

    def usage(self, pool: str) -> PoolUsage | None:
        """Not looked at."""
        return None


def _cloned(volume: VolumeAt, fd: int) -> SnapshotRef:
    hidden = os.path.join(
        volume.pool,
        f".{os.path.basename(volume.place)[:100]}"
        f"{CLONE_MARK}{secrets.token_hex(8)}",
    )
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_CREAT | os.O_EXCL
    try:
        clone = os.open(hidden, flags, 0o600)
    except OSError as error:
        raise _creation_error(volume.name, error) from None
    try:
        _clone(volume.name, fd, clone)
        return SnapshotRef(NAME, hidden, _identity(clone), size_of(clone))
    except BaseException:
        os.unlink(hidden)
        raise
    finally:
        os.close(clone)


def _clone(name: str, fd: int, clone: int) -> None:
    try:
        # What other programs wrote but the disk has not yet is cloned too.
        fcntl.ioctl(clone, FICLONE, fd)
    except OSError as error:
        able = error.errno not in CANNOT_CLONE
        kind = SourceError if able else CannotSnapshot
        raise kind(
            f"the volume {quote(name)} can't be cloned: {error.strerror}",
            about=name,
        ) from None


def _identity(fd: int) -> str:
    """The file's inode and the name's random end, which no other has."""
    found = os.fstat(fd)
    name = os.readlink(f"/proc/self/fd/{fd}").rpartition("-")[2]
    return f"{found.st_ino}-{name}"


def _found(pool: str) -> Callable[[str], SnapshotRef | None]:
    def find(name: str) -> SnapshotRef | None:
        place = os.path.join(pool, name)
        try:
            fd = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return None
        try:
            return SnapshotRef(NAME, place, _identity(fd), size_of(fd))
        finally:
            os.close(fd)

    return find


def _gone(volume: VolumeAt) -> NotFound:
    return NotFound(
        f"the snapshot of {quote(volume.name)} is gone", about=volume.name
    )


def _cannot_tell(old: SnapshotRef, new: SnapshotRef) -> Iterator[Range]:
    raise CannotTell("clones are not compared yet")


def _creation_error(name: str, error: OSError) -> SourceError:
    unable = error.errno in CANNOT_CREATE
    kind = CannotSnapshot if unable else SourceError
    return kind(
        f"no clone of {quote(name)} can be made beside it: {error.strerror}",
        about=name,
    )
