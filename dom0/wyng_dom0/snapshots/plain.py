# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""No snapshot at all: the volume itself is read, and may change meanwhile."""

import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from wyng_dom0.errors import NotFound, SourceError
from wyng_dom0.names import quote
from wyng_dom0.snapshots.driver import (
    CannotTell,
    Compare,
    Outcome,
    PoolUsage,
    SnapshotRef,
    VolumeAt,
    take_each,
)
from wyng_dom0.snapshots.snapshot import Range, Snapshot, size_of, snapshot_of

NAME = "plain"


class PlainDriver:
    """Reads the volume itself: works everywhere, is no point in time."""

    name = NAME
    keeps = False

    def take(self, volume: VolumeAt) -> SnapshotRef:
        """See Driver; costs nothing and leaves nothing."""
        fd = open_volume(volume)
        try:
            size = size_of(fd)
        finally:
            os.close(fd)
        return SnapshotRef(NAME, volume.place, secrets.token_hex(8), size)

    def take_all(self, volumes: Sequence[VolumeAt]) -> list[Outcome]:
        """See Driver."""
        return take_each(self, volumes)

    @contextmanager
    def open(self, ref: SnapshotRef, volume: VolumeAt) -> Iterator[Snapshot]:
        """See Driver; the size is that of when it was taken."""
        fd = open_volume(volume)
        try:
            found = snapshot_of(
                volume.name, fd, os.fstat(fd), NAME, still=False
            )
            yield replace(found, size=ref.size)
        finally:
            os.close(fd)

    def exists(self, ref: SnapshotRef) -> bool:
        """Never: there is nothing to be kept."""
        return False

    def still_holds(self, ref: SnapshotRef, volume: VolumeAt) -> bool:
        """Never: there is nothing to be kept."""
        return False

    @contextmanager
    def comparing(self, refs: Sequence[SnapshotRef]) -> Iterator[Compare]:
        """See Driver; whoever asks is told CannotTell."""
        yield _cannot_tell

    def drop(self, refs: Sequence[SnapshotRef]) -> None:
        """Nothing to remove."""

    def list_own(self, pool: str) -> list[SnapshotRef]:
        """None, ever."""
        return []

    def cost(self, refs: Sequence[SnapshotRef]) -> list[int | None]:
        """Nothing, each."""
        return [0 for _ in refs]

    def usage(self, pool: str) -> PoolUsage | None:
        """Nothing to know: nothing is made."""
        return None


def open_volume(volume: VolumeAt) -> int:
    """A readable descriptor of what lies at the volume's place.

    Raises NotFound when it is gone, and SourceError when the place has come
    to lead elsewhere: a name must not reach a file its owner never put there.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        fd = os.open(volume.place, flags)
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(
            f"the volume {quote(volume.name)} is gone", about=volume.name
        ) from None
    except OSError as error:
        raise SourceError(
            f"the volume {quote(volume.name)} can't be opened:"
            f" {error.strerror}",
            about=volume.name,
        ) from None
    if _is_there(volume, fd):
        return fd
    os.close(fd)
    raise SourceError(
        f"the volume {quote(volume.name)} moved while it was looked for",
        about=volume.name,
    )


def _is_there(volume: VolumeAt, fd: int) -> bool:
    mode = os.fstat(fd).st_mode
    if stat.S_ISBLK(mode):
        return True
    real = os.readlink(f"/proc/self/fd/{fd}")
    return stat.S_ISREG(mode) and real == volume.place


def _cannot_tell(old: SnapshotRef, new: SnapshotRef) -> Iterator[Range]:
    raise CannotTell("nothing is kept to compare with")
