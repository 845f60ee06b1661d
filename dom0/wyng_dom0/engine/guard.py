# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The guard: a pool must not fill because of our snapshots.

A thin pool that is full stops every volume in it. Where a pool is fuller
than the guard allows, bases in it are given up, the dearest first, and no
snapshot is taken until there is room. While a send reads, the guard looks
again and again; half way from its bound to a full pool it ends the reading.
"""

import time
from dataclasses import dataclass, field
from typing import Dict, Iterable, List, Sequence, Tuple

from wyng_dom0.engine.bases import give_up, ref_of
from wyng_dom0.errors import DestinationBusy, SourceError
from wyng_dom0.events import Listener, Warning_
from wyng_dom0.names import quote
from wyng_dom0.snapshots.driver import (
    CannotSnapshot,
    Driver,
    PoolUsage,
    VolumeAt,
)
from wyng_dom0.state import locks
from wyng_dom0.state.places import Places
from wyng_dom0.state.volumes import Base, VolumeState, list_states

DATA_PERCENT = 90
METADATA_PERCENT = 85
_LOOK_SECONDS = 5.0


class PoolFull(CannotSnapshot):
    """The pool has no room to keep a snapshot in."""


@dataclass(frozen=True)
class Bounds:
    """How full a pool may be, in percent of its data and of its metadata."""

    data: int = DATA_PERCENT
    metadata: int = METADATA_PERCENT

    def half_way(self) -> "Bounds":
        """Half way from here to a full pool."""
        return Bounds((100 + self.data) // 2, (100 + self.metadata) // 2)

    def passed_by(self, usage: PoolUsage) -> str:
        """What is over, in words; empty when nothing is."""
        if usage.data_part * 100 >= self.data:
            return f"{usage.data_part:.0%} of its data is in use"
        if usage.metadata_part * 100 >= self.metadata:
            return f"{usage.metadata_part:.0%} of its metadata is in use"
        return ""


@dataclass
class Guard:
    """Watches the pools of one source for one run."""

    places: Places
    drivers: Sequence[Driver]
    listener: Listener
    bounds: Bounds = Bounds()
    _seen: Dict[Tuple[str, str], "tuple[float, PoolUsage | None]"] = field(
        default_factory=dict
    )

    def make_room(self, pools: Iterable[str]) -> None:
        """Give bases up where a pool is too full; before volumes are held."""
        for pool in sorted(set(pools)):
            for driver in self._keepers():
                usage = self._usage(driver, pool)
                if usage is not None and self.bounds.passed_by(usage):
                    self._relieve(driver, pool)

    def admit(self, driver: Driver, volume: VolumeAt) -> None:
        """Return when a snapshot may be taken; raises CannotSnapshot.

        Snapshots taken within seconds fill a pool by next to nothing: it is
        looked at for the first of them.
        """
        if not driver.keeps:
            return
        usage = self._usage(driver, volume.pool, fresh=False)
        if usage is None:
            return
        why = self.bounds.passed_by(usage)
        if usage.read_only:
            why = "it is read-only"
        if why:
            raise PoolFull(
                f"no snapshot of {quote(volume.name)} is taken in the pool"
                f" {quote(volume.pool)}: {why}",
                about=volume.name,
            )

    def watch(self, driver: Driver, volume: VolumeAt) -> None:
        """Call often while a snapshot is read; looks every few seconds.

        Raises SourceError when reading on would fill the pool.
        """
        if not driver.keeps:
            return
        usage = self._usage(driver, volume.pool, fresh=False)
        if usage is None or not self.bounds.passed_by(usage):
            return
        self._relieve(driver, volume.pool)
        usage = self._usage(driver, volume.pool)
        why = self.bounds.half_way().passed_by(usage) if usage else ""
        if why:
            raise SourceError(
                f"the pool {quote(volume.pool)} is filling ({why}): the"
                f" snapshot of {quote(volume.name)} was let go of",
                about=volume.name,
            )

    def _keepers(self) -> List[Driver]:
        return [each for each in self.drivers if each.keeps]

    def _usage(
        self, driver: Driver, pool: str, fresh: bool = True
    ) -> "PoolUsage | None":
        now = time.monotonic()
        seen = self._seen.get((driver.name, pool))
        if seen is not None and not fresh and now - seen[0] < _LOOK_SECONDS:
            return seen[1]
        usage = driver.usage(pool)
        self._seen[driver.name, pool] = (now, usage)
        return usage

    def _relieve(self, driver: Driver, pool: str) -> None:
        """Give bases in the pool up until it has room."""
        try:
            self._give_up(driver, pool)
        finally:
            # What was seen before the last one went is not so any more.
            self._seen.pop((driver.name, pool), None)

    def _give_up(self, driver: Driver, pool: str) -> None:
        for state, base in self._dearest(driver, pool):
            usage = self._usage(driver, pool)
            why = self.bounds.passed_by(usage) if usage else ""
            if not why:
                return
            try:
                with locks.hold_volume(
                    *(self.places, state.source, state.volume), "guard", 0.0
                ):
                    if state.base() == base:
                        give_up(self.places, state, self.drivers)
            except DestinationBusy:
                continue
            self.listener(
                Warning_(
                    f"the pool {quote(pool)} is filling ({why}): the snapshot"
                    f" of {quote(state.volume)} was given up, so its next send"
                    " reads all of it"
                )
            )

    def _dearest(
        self, driver: Driver, pool: str
    ) -> List[Tuple[VolumeState, Base]]:
        """Bases in a pool, the one that holds the most bytes first."""
        found = [
            (state, base)
            for state in list_states(self.places)
            if (base := state.base()) is not None
            and (base.driver, base.pool) == (driver.name, pool)
        ]
        costs = driver.cost([ref_of(base) for _, base in found])
        order = sorted(
            range(len(found)), key=lambda at: costs[at] or 0, reverse=True
        )
        return [found[at] for at in order]
