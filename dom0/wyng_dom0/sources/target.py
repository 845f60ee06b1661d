# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a restore writes: what any target can do, and which one a path is.

Nothing half written looks restored. A file gets its name when it is whole
and on the disk; what can only be written in place (a device, a file that is
brought up to date where no clones are) is marked from before its first write
(see unfinished), and called incomplete in every error that ends it. Whether
something may be written over is asked and answered before, by commands.
"""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol

from wyng_dom0.snapshots.snapshot import Range
from wyng_dom0.sources import unfinished
from wyng_dom0.sources.device_target import open_device
from wyng_dom0.sources.file_target import open_new_file, open_old_file
from wyng_dom0.sources.unfinished import Restoring
from wyng_dom0.sources.writing import Owner
from wyng_dom0.state.places import Places


class Mode(Enum):
    """What becomes of what the target holds."""

    # It is discarded first, and all of the volume is written.
    WHOLE = "whole"
    # It is read, and only what differs is written.
    UPDATE = "update"


@dataclass(frozen=True)
class Order:
    """One restore: of what, how large in bytes, and how."""

    restoring: Restoring
    size: int
    mode: Mode = Mode.WHOLE


class Target(Protocol):
    """Something of a known size that is written by one thread.

    In whole mode every byte must be given by pwrite or zero, ascending. In
    update mode what isn't given stays as it is.
    """

    @property
    def size(self) -> int:
        """Bytes of the volume being restored."""

    @property
    def fd(self) -> int:
        """To read from, in update mode; what lies behind its end is zeros."""

    def data_ranges(self) -> Iterator[Range]:
        """Where what is there now may hold data, within the size."""

    def pwrite(self, offset: int, data: "bytes | memoryview") -> None:
        """Write bytes; TargetError when they don't fit or fail."""

    def zero(self, offset: int, length: int) -> None:
        """Make a range read as zeros, as a hole where that can be."""

    def finish(
        self, owner: Owner, whole: Callable[[Path], None] | None = None
    ) -> bool:
        """Make it durable, then give it its name or take its marker away.

        `whole` is called with where it lies when all of it is on the disk,
        while nobody else can write to it; never, where that can't be said.
        Returns False when the owner could not be set (we are not root).
        """


def exists_at(path: Path) -> bool:
    """True when a restore to `path` would replace something."""
    return os.path.lexists(path)


@contextmanager
def open_target(path: Path, order: Order, places: Places) -> Iterator[Target]:
    """The target at `path`.

    A block device is written in place; in whole mode a file is a new one.
    Leaving the block without finish() leaves an old file as it was, or adds
    a note to the error that the target is incomplete. Raises TargetError
    when the place can't be used.
    """
    real = Path(os.path.realpath(path))
    marker = unfinished.marker_of(real, places)
    update = order.mode is Mode.UPDATE
    opened: AbstractContextManager[Target]
    if is_block_device(real):
        opened = open_device(real, order.size, marker, order.restoring, update)
    elif update and exists_at(real):
        opened = open_old_file(real, order.size, marker, order.restoring)
    else:
        opened = open_new_file(real, order.size, marker)
    with opened as target:
        yield target


def is_block_device(path: Path) -> bool:
    """True when `path` leads to a block device."""
    try:
        return stat.S_ISBLK(os.stat(path).st_mode)
    except OSError:
        return False


def free_bytes(path: Path) -> int | None:
    """What a new file at `path` may take; None for a device."""
    real = Path(os.path.realpath(path))
    if is_block_device(real):
        return None
    try:
        found = os.statvfs(real.parent)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize
