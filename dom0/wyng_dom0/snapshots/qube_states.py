# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Which LV or file is the clean or the live state of a qube's volume.

Owns the names that qubesd gives to states (core-admin's storage/lvm.py and
storage/reflink.py) and the drivers that look for them anew at each try: at
the end of a qube's run they are renamed. Nothing here asks qubesd.

A driver here takes volumes of its own kind of pool only: those of one source
lie in pools of several kinds.
"""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from wyng_dom0.errors import NotFound
from wyng_dom0.names import quote
from wyng_dom0.snapshots import lvm_listing
from wyng_dom0.snapshots.driver import (
    CannotSnapshot,
    Compare,
    Driver,
    Outcome,
    PoolUsage,
    SnapshotRef,
    VolumeAt,
    take_each,
)
from wyng_dom0.snapshots.lvm_listing import LogicalVolume
from wyng_dom0.snapshots.lvm_thin import LvmThinDriver, vg_and_lv
from wyng_dom0.snapshots.snapshot import Snapshot
from wyng_dom0.snapshots.thin_taking import Wish

_BACK = re.compile(r"-([0-9]+)-back", re.ASCII)
# At a shutdown the dirty image gets the clean one's name in one step.
_TRIES = 5


def live_volume(
    volumes: Sequence[LogicalVolume], name: str
) -> LogicalVolume | None:
    """The LV that holds what the qube last wrote: -snap, else the LV itself.

    None in the moment between the two renames of a shutdown.
    """
    return lvm_listing.named(volumes, f"{name}-snap") or lvm_listing.named(
        volumes, name
    )


def clean_volume(
    volumes: Sequence[LogicalVolume], name: str
) -> LogicalVolume | None:
    """The LV as it was when the qube last stopped.

    In the moment at a shutdown at which no LV has the name it is the newest
    revision. None where there is neither.
    """
    found = lvm_listing.named(volumes, name)
    if found is not None:
        return found
    backs = _revisions(volumes, name)
    return max(backs, key=lambda back: back[0])[1] if backs else None


def committed_at(volumes: Sequence[LogicalVolume], name: str) -> float | None:
    """When the clean state was made, in seconds; None where that is unknown.

    It replaced the newest revision then.
    """
    backs = _revisions(volumes, name)
    return float(max(at for at, _ in backs)) if backs else None


def _revisions(
    volumes: Sequence[LogicalVolume], name: str
) -> list[tuple[int, LogicalVolume]]:
    """(time at which it was superseded, LV) of each revision."""
    return [
        (int(match[1]), each)
        for each in volumes
        if each.name.startswith(name)
        and (match := _BACK.fullmatch(each.name[len(name) :]))
    ]


def dirty_image(place: str) -> str:
    """The image that a running qube writes to, beside VID.img."""
    return f"{place.removesuffix('.img')}-dirty.img"


def image_of(volume: VolumeAt) -> str:
    """The image that holds the state wanted, as it is called now."""
    dirty = dirty_image(volume.place)
    return dirty if not volume.clean and os.path.exists(dirty) else volume.place


class QubeThinDriver(LvmThinDriver):
    """Thin LVs of qubes; `volume.place` is the node of the committed one."""

    def _wish(self, volume: VolumeAt) -> Wish:
        if volume.pool.startswith("/"):
            raise _of_another_kind(volume)
        vg, lv = vg_and_lv(volume)
        choose = clean_volume if volume.clean else live_volume
        return Wish(volume.name, vg, lambda volumes: choose(volumes, lv))

    def list_own(self, pool: str) -> list[SnapshotRef]:
        """See Driver."""
        return [] if pool.startswith("/") else super().list_own(pool)

    def usage(self, pool: str) -> PoolUsage | None:
        """See Driver."""
        return None if pool.startswith("/") else super().usage(pool)


class QubeFileDriver:
    """Images of qubes, by a driver for files; `volume.place` is VID.img."""

    def __init__(self, inner: Driver) -> None:
        self._inner = inner

    @property
    def name(self) -> str:
        """See Driver."""
        return self._inner.name

    @property
    def keeps(self) -> bool:
        """See Driver."""
        return self._inner.keeps

    def take(self, volume: VolumeAt) -> SnapshotRef:
        """See Driver."""
        if not volume.pool.startswith("/"):
            raise _of_another_kind(volume)
        for _ in range(_TRIES - 1):
            try:
                return self._inner.take(_found(volume))
            except NotFound:
                continue
        return self._inner.take(_found(volume))

    def take_all(self, volumes: Sequence[VolumeAt]) -> list[Outcome]:
        """See Driver."""
        return take_each(self, volumes)

    @contextmanager
    def open(self, ref: SnapshotRef, volume: VolumeAt) -> Iterator[Snapshot]:
        """See Driver."""
        with self._inner.open(ref, _found(volume)) as snapshot:
            yield snapshot

    def exists(self, ref: SnapshotRef) -> bool:
        """See Driver."""
        return self._inner.exists(ref)

    def still_holds(self, ref: SnapshotRef, volume: VolumeAt) -> bool:
        """See Driver."""
        return self._inner.still_holds(ref, _found(volume))

    @contextmanager
    def comparing(self, refs: Sequence[SnapshotRef]) -> Iterator[Compare]:
        """See Driver."""
        with self._inner.comparing(refs) as compare:
            yield compare

    def drop(self, refs: Sequence[SnapshotRef]) -> None:
        """See Driver."""
        self._inner.drop(refs)

    def list_own(self, pool: str) -> list[SnapshotRef]:
        """See Driver."""
        return self._inner.list_own(pool) if pool.startswith("/") else []

    def cost(self, refs: Sequence[SnapshotRef]) -> list[int | None]:
        """See Driver."""
        return self._inner.cost(refs)

    def usage(self, pool: str) -> PoolUsage | None:
        """See Driver."""
        return self._inner.usage(pool) if pool.startswith("/") else None


def _found(volume: VolumeAt) -> VolumeAt:
    return replace(volume, place=image_of(volume))


def _of_another_kind(volume: VolumeAt) -> CannotSnapshot:
    return CannotSnapshot(
        f"{quote(volume.name)} lies in a pool of another kind",
        about=volume.name,
    )
