# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Snapshots of files that share every block with the volume (FICLONE).

Owns what the driver promises; how clones are kept is in kept_clones, how
two are compared in file_changes. Compares by the file system's own maps of
where bytes lie and reads no data.
"""

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from wyng_dom0.errors import NotFound, SourceError
from wyng_dom0.names import quote
from wyng_dom0.snapshots.driver import (
    NOBODY,
    CannotSnapshot,
    CannotTell,
    Compare,
    Outcome,
    PoolUsage,
    SnapshotRef,
    VolumeAt,
    take_each,
)
from wyng_dom0.snapshots.fiemap import unshared_bytes
from wyng_dom0.snapshots.file_changes import changes_between
from wyng_dom0.snapshots.kept_clones import (
    Clone,
    find_clones,
    keep_clone,
    open_clone,
    remove_clone,
)
from wyng_dom0.snapshots.plain import open_volume
from wyng_dom0.snapshots.snapshot import Range, Snapshot, snapshot_of

NAME = "reflink"
# What a file system, or the two files, say that can't share blocks; or what
# a folder says where nothing can be made: then the volume is read plainly.
CANNOT_CLONE = frozenset(
    {
        errno.EOPNOTSUPP,
        errno.EXDEV,
        errno.EINVAL,
        errno.ENOTTY,
        errno.ENOSYS,
        errno.EPERM,
        errno.EACCES,
        errno.EROFS,
        errno.EDQUOT,
        errno.ETXTBSY,
    }
)


class ReflinkDriver:
    """See Driver. A pool is a folder; snapshots lie beside their volumes."""

    name = NAME
    keeps = True

    def __init__(self, keeper: str = NOBODY) -> None:
        self._keeper = keeper

    def take(self, volume: VolumeAt) -> SnapshotRef:
        """See Driver."""
        fd = open_volume(volume)
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise CannotSnapshot(
                    f"{quote(volume.name)} is no regular file",
                    about=volume.name,
                )
            clone = keep_clone(fd, Path(volume.place), self._keeper)
        except OSError as error:
            kind = (
                CannotSnapshot if error.errno in CANNOT_CLONE else SourceError
            )
            raise kind(
                f"the volume {quote(volume.name)} can't be cloned:"
                f" {error.strerror}",
                about=volume.name,
            ) from None
        finally:
            os.close(fd)
        return SnapshotRef(NAME, str(clone.path), clone.identity, clone.size)

    def take_all(self, volumes: Sequence[VolumeAt]) -> list[Outcome]:
        """See Driver."""
        return take_each(self, volumes)

    @contextmanager
    def open(self, ref: SnapshotRef, volume: VolumeAt) -> Iterator[Snapshot]:
        """See Driver; mode and owner are those of the volume as it is now."""
        fd = _open(ref)
        try:
            yield _snapshot(fd, volume)
        finally:
            os.close(fd)

    def exists(self, ref: SnapshotRef) -> bool:
        """See Driver."""
        try:
            os.close(_open(ref))
        except NotFound:
            return False
        return True

    def still_holds(self, ref: SnapshotRef, volume: VolumeAt) -> bool:
        """See Driver: nothing is cloned, written or removed for it.

        Blocks that a clone shares are never written in place, so a volume's
        byte that lies where the clone's does was not written since; and it
        can't come back to that place. What was written before the sync is
        seen by it, so at the sync's beginning all bytes were the same.
        """
        try:
            with _opened(ref) as kept:
                fd = open_volume(volume)
                try:
                    return _is_still(kept, fd)
                finally:
                    os.close(fd)
        except (SourceError, NotFound, OSError):
            # Whatever is wrong is said by the snapshot that is now taken.
            return False

    @contextmanager
    def comparing(self, refs: Sequence[SnapshotRef]) -> Iterator[Compare]:
        """See Driver; there is nothing to make ready."""
        yield _compare

    def drop(self, refs: Sequence[SnapshotRef]) -> None:
        """See Driver; an open one stays readable to whoever has it open."""
        for ref in refs:
            try:
                remove_clone(Path(ref.place), ref.identity)
            except OSError as error:
                raise _failure(ref, "removed", error) from None

    def list_own(self, pool: str) -> list[SnapshotRef]:
        """See Driver; all of them in the folder and below it."""
        return [
            SnapshotRef(NAME, str(each.path), each.identity, each.size)
            for each in sorted(
                find_clones(Path(pool), self._keeper), key=_by_path
            )
        ]

    def cost(self, refs: Sequence[SnapshotRef]) -> list[int | None]:
        """See Driver."""
        return [_cost(ref) for ref in refs]

    def usage(self, pool: str) -> PoolUsage | None:
        """See Driver; what the file system tells everybody."""
        try:
            found = os.statvfs(pool)
        except OSError:
            return None
        used = found.f_blocks - found.f_bfree
        most = used + found.f_bavail
        return PoolUsage(
            pool=pool,
            data_bytes=most * found.f_frsize,
            data_part=used / most if most else 0.0,
            metadata_part=0.0,
            read_only=bool(found.f_flag & os.ST_RDONLY),
        )


def _by_path(clone: Clone) -> str:
    return str(clone.path)


def _open(ref: SnapshotRef) -> int:
    try:
        return open_clone(Path(ref.place), ref.identity)
    except OSError as error:
        raise _failure(ref, "read", error) from None


def _failure(ref: SnapshotRef, what: str, error: OSError) -> SourceError:
    return SourceError(
        f"the snapshot {quote(ref.place)} can't be {what}: {error.strerror}",
        about=ref.place,
    )


def _snapshot(fd: int, volume: VolumeAt) -> Snapshot:
    own = os.fstat(fd)
    try:
        attributes = os.stat(volume.place, follow_symlinks=False)
    except OSError:
        attributes = own
    return replace(
        snapshot_of(volume.name, fd, attributes, NAME, still=True),
        mtime_ns=own.st_mtime_ns,
    )


def _cost(ref: SnapshotRef) -> int | None:
    try:
        fd = _open(ref)
    except (NotFound, SourceError):
        return None
    try:
        return unshared_bytes(fd)
    except OSError:
        return None
    finally:
        os.close(fd)


def _is_still(kept: int, fd: int) -> bool:
    if os.fstat(kept).st_size != os.fstat(fd).st_size:
        return False
    return next(changes_between(kept, fd), None) is None


def _compare(old: SnapshotRef, new: SnapshotRef) -> Iterator[Range]:
    """See Compare."""
    if not old.driver == new.driver == NAME:
        raise CannotTell("only one of the two snapshots is a clone")
    with _opened(old) as before, _opened(new) as after:
        try:
            yield from changes_between(before, after)
        except OSError as error:
            raise CannotTell(
                f"the extents of {quote(new.place)} can't be read:"
                f" {error.strerror}",
                about=new.place,
            ) from None


@contextmanager
def _opened(ref: SnapshotRef) -> Iterator[int]:
    try:
        fd = _open(ref)
    except (NotFound, SourceError) as error:
        raise CannotTell(str(error), about=ref.place) from None
    try:
        yield fd
    finally:
        os.close(fd)
