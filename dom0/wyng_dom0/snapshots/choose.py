# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Which driver snapshots a volume: the best that works where it lies."""

from collections.abc import Callable, Sequence

from wyng_dom0.errors import NotFound
from wyng_dom0.names import quote
from wyng_dom0.snapshots.driver import (
    CannotSnapshot,
    Driver,
    SnapshotRef,
    VolumeAt,
)
from wyng_dom0.snapshots.lvm_thin import LvmThinDriver
from wyng_dom0.snapshots.nothing import NothingDriver
from wyng_dom0.snapshots.plain import PlainDriver
from wyng_dom0.snapshots.qube_states import QubeFileDriver, QubeThinDriver
from wyng_dom0.snapshots.reflink import ReflinkDriver
from wyng_dom0.state.places import Places


def file_drivers(keeper: str) -> Sequence[Driver]:
    """For files, best first; the last one works everywhere.

    `keeper` is whose snapshots they make and list, see Places.keeper.
    """
    return (ReflinkDriver(keeper), PlainDriver())


def pool_drivers(
    places: Places, say: Callable[[str], None]
) -> Sequence[Driver]:
    """For thin volumes, best first; `say` as LVM's driver says."""
    thin = LvmThinDriver(places.thin_pools, say, places.keeper)
    return (thin, PlainDriver())


def qube_drivers(
    places: Places, say: Callable[[str], None]
) -> Sequence[Driver]:
    """For qubes' volumes in pools of any kind; a thin LV by LVM's alone.

    And for what has no data.
    """
    thin = QubeThinDriver(places.thin_pools, say, places.keeper)
    files = [QubeFileDriver(each) for each in file_drivers(places.keeper)]
    return (NothingDriver(), thin, *files)


def take_best(
    volume: VolumeAt, drivers: Sequence[Driver]
) -> tuple[Driver, SnapshotRef]:
    """Snapshot the volume with the first driver that can.

    Raises SourceError when a driver fails for another reason than not being
    able to, and CannotSnapshot when none of them is.
    """
    for driver in drivers[:-1]:
        try:
            return driver, driver.take(volume)
        except CannotSnapshot:
            continue
    return drivers[-1], drivers[-1].take(volume)


def driver_named(name: str, drivers: Sequence[Driver]) -> Driver:
    """The driver that a ref names; raises NotFound."""
    for driver in drivers:
        if driver.name == name:
            return driver
    raise NotFound(f"there is no snapshot driver {quote(name)} here")
