# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What has no data of its own: a volume of no bytes, the same at any time.

For qubes of which only the settings are kept: those hang on a session, and a
session belongs to a volume.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from wyng_dom0.names import quote
from wyng_dom0.snapshots.driver import CannotSnapshot, SnapshotRef, VolumeAt
from wyng_dom0.snapshots.plain import PlainDriver
from wyng_dom0.snapshots.snapshot import Snapshot

PLACE = os.devnull
_NAME = "nothing"
_MODE = 0o600


def no_data(name: str) -> VolumeAt:
    """A volume without data, as this driver takes it."""
    return VolumeAt(name, PLACE, os.path.dirname(PLACE), clean=True)


class NothingDriver(PlainDriver):
    """Takes what no_data gives, and nothing else."""

    name = _NAME

    def take(self, volume: VolumeAt) -> SnapshotRef:
        """See Driver."""
        if volume.place != PLACE:
            raise CannotSnapshot(
                f"{quote(volume.name)} has data", about=volume.name
            )
        return SnapshotRef(_NAME, PLACE, secrets.token_hex(8), 0)

    @contextmanager
    def open(self, ref: SnapshotRef, volume: VolumeAt) -> Iterator[Snapshot]:
        """See Driver."""
        fd = os.open(PLACE, os.O_RDONLY | os.O_CLOEXEC)
        try:
            yield Snapshot(
                *(volume.name, fd, 0, _MODE, 0, 0, 0),
                point_in_time=True,
                driver=_NAME,
            )
        finally:
            os.close(fd)
