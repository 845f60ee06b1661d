# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The snapshots of a harvest: by the first driver that can, and may.

Owns which driver a volume gets, and that a snapshot which was taken is
nobody's to drop from then on. Compares nothing and keeps no state.
"""

from dataclasses import dataclass
from typing import Callable, Dict, List, Optional, Sequence, Tuple

from wyng_common import limits
from wyng_dom0.engine.bases import ref_of
from wyng_dom0.engine.guard import Guard, PoolFull
from wyng_dom0.errors import Dom0Error, SourceError
from wyng_dom0.events import Listener, Warning_
from wyng_dom0.names import quote
from wyng_dom0.snapshots.driver import (
    CannotSnapshot,
    Driver,
    Outcome,
    SnapshotRef,
    VolumeAt,
)
from wyng_dom0.sources.source import Located
from wyng_dom0.state import locks
from wyng_dom0.state.changed import EVERYTHING, NOTHING, Changed
from wyng_dom0.state.locks import Reading
from wyng_dom0.state.places import Places
from wyng_dom0.state.volumes import Base, VolumeState, state_of

# What changed is gathered in the smallest chunks any archive may have.
UNIT = limits.CHUNK_SIZE_MIN


@dataclass
class Taken:
    """A snapshot that a harvest took, protected until `let_go`.

    Or the base, where that is what the volume was when it was taken.

    `changed` is what may differ, in the claim's chunks, from the newest
    session it named; `found` what changed since the last base, in the
    smallest chunks, None when that can't be told.
    """

    volume: VolumeAt
    driver: Driver
    ref: SnapshotRef
    state: VolumeState
    reading: Reading
    old: Optional[Base] = None
    found: Optional[Changed] = None
    changed: Changed = EVERYTHING

    @property
    def name(self) -> str:
        """The volume's name."""
        return self.volume.name

    @property
    def is_old(self) -> bool:
        """The snapshot is the base there was."""
        return self.old is not None and self.old.identity == self.ref.identity

    @property
    def found_bytes(self) -> int:
        """How much changed since the last base; all of it if unknown."""
        size = self.ref.size
        if self.found is None:
            return size
        return min(size, UNIT * self.found.count(-(-size // UNIT)))


@dataclass(frozen=True)
class Taker:
    """Takes snapshots of volumes of one source, which are held.

    `fail(name, error)` is told of each volume that can't be snapshotted.
    With `keep_only` none is taken that can't be kept.
    """

    places: Places
    source: Located
    guard: Guard
    listener: Listener
    fail: Callable[[str, Dom0Error], None]
    keep_only: bool = False

    def take(self, volumes: Sequence[VolumeAt], taken: List[Taken]) -> None:
        """Of each volume, into `taken`, by the first driver that can.

        Where nothing was written since the base, that is it.
        """
        waiting = []
        for volume in volumes:
            still = self._still(volume)
            if still is None:
                waiting.append(volume)
            else:
                taken.append(still)
        refused: Dict[str, CannotSnapshot] = {}
        for driver in self.source.drivers():
            if waiting and (driver.keeps or not self.keep_only):
                self._take_by(driver, waiting, taken, refused)
                waiting = [each for each in waiting if each.name in refused]
        for volume in waiting:
            error = refused.get(volume.name) or CannotSnapshot(
                f"no snapshot of {quote(volume.name)} can be taken here",
                about=volume.name,
            )
            self.fail(volume.name, error)

    def _take_by(
        self,
        driver: Driver,
        volumes: Sequence[VolumeAt],
        taken: List[Taken],
        refused: Dict[str, CannotSnapshot],
    ) -> None:
        """By one driver; `refused` keeps those left for another, and why."""
        for volume, outcome in self._outcomes(driver, volumes):
            if isinstance(outcome, CannotSnapshot):
                refused.setdefault(volume.name, outcome)
                continue
            why = refused.pop(volume.name, None)
            if not isinstance(outcome, SnapshotRef):
                self.fail(volume.name, outcome)
                continue
            taken.append(self._taken(volume, driver, outcome))
            if isinstance(why, PoolFull):
                self.listener(Warning_(f"{why}; it is read as it is"))

    def _outcomes(
        self, driver: Driver, volumes: Sequence[VolumeAt]
    ) -> List[Tuple[VolumeAt, Outcome]]:
        """What came of each; the guard is asked first."""
        found: List[Tuple[VolumeAt, Outcome]] = []
        admitted = []
        for volume in volumes:
            try:
                self.guard.admit(driver, volume)
                admitted.append(volume)
            except SourceError as error:
                found.append((volume, error))
        taken = driver.take_all(admitted)
        return found + list(zip(admitted, taken, strict=True))

    def _taken(
        self, volume: VolumeAt, driver: Driver, ref: SnapshotRef
    ) -> Taken:
        state = self._state(volume)
        reading = locks.start_reading(self.places, ref.identity)
        return Taken(volume, driver, ref, state, reading)

    def _state(self, volume: VolumeAt) -> VolumeState:
        return state_of(self.places, self.source.key, volume.name)

    def _still(self, volume: VolumeAt) -> Optional[Taken]:
        """The base as a snapshot of now, where nothing was written since."""
        state = self._state(volume)
        base = state.base()
        for driver in self.source.drivers():
            if base is None or driver.name != base.driver:
                continue
            ref = ref_of(base)
            if driver.still_holds(ref, volume):
                still = self._taken(volume, driver, ref)
                still.old, still.found = base, NOTHING
                return still
        return None
