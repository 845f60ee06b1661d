# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What every snapshot driver does: the interface between drivers and engine.

A driver makes snapshots that stay until they are dropped, so that the next
one can be compared with it. It keeps no state of its own: what it needs to
find a snapshot again is in the SnapshotRef, which the engine keeps. Whose
state that is, its keeper, stands in every snapshot: others look for strays in
the same pool. A driver
never removes, renames or resizes anything but snapshots of its own making.

Order, which the engine owns: take -> compare with the base -> ledgers
durable -> base recorded -> old base dropped. A crash anywhere leaves at most
snapshots that nothing refers to, and `list_own` finds those.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from wyng_dom0.errors import NotFound, SourceError
from wyng_dom0.snapshots.snapshot import Range, Snapshot

# The keeper where nobody said whose state it is.
NOBODY = "0" * 8


class CannotSnapshot(SourceError):
    """This driver can't snapshot this volume; read it another way."""


class CannotTell(SourceError):
    """What changed between two snapshots is not known: read everything."""


class SnapshotInUse(SourceError):
    """The snapshot is open somewhere; drop it another time."""


@dataclass(frozen=True)
class VolumeAt:
    """A volume as a source hands it to a driver.

    `place` is the real path of the file or device node, links resolved;
    `pool` is where its snapshots live: a folder, or "vg/pool". `clean` asks
    for the state at its owner's last stop, where there are two.
    """

    name: str
    place: str
    pool: str
    clean: bool = False


@dataclass(frozen=True)
class SnapshotRef:
    """One kept snapshot, by what finds it again.

    `place` is a path or "vg/lv". `identity` is opaque and differs for every
    snapshot ever made, also where a place is used again. `size` is in bytes.
    """

    driver: str
    place: str
    identity: str
    size: int


@dataclass(frozen=True)
class PoolUsage:
    """How full a pool is: bytes, and the parts of data and metadata in use.

    A part is 0.0 to 1.0; `metadata_part` is 0.0 where there is no such
    limit. `read_only` pools take no snapshots.
    """

    pool: str
    data_bytes: int
    data_part: float
    metadata_part: float
    read_only: bool = False


# What came of a volume that was to be snapshotted.
Outcome = SnapshotRef | SourceError | NotFound
# Ascending, disjoint (offset, length) in bytes, of which anything may differ.
# Where the one is shorter than the other, it counts as zeros behind its end.
Compare = Callable[[SnapshotRef, SnapshotRef], Iterator[Range]]


class Driver(Protocol):
    """Snapshots of one kind. Raises SourceError for what goes wrong."""

    @property
    def name(self) -> str:
        """What refs and listings call it."""

    @property
    def keeps(self) -> bool:
        """False: its snapshots can't be kept or compared (plain)."""

    def take(self, volume: VolumeAt) -> SnapshotRef:
        """Snapshot the volume as it is at one moment; durable.

        Raises CannotSnapshot where another driver should be tried.
        """

    def take_all(self, volumes: Sequence[VolumeAt]) -> list[Outcome]:
        """As `take`, of many: for each, in order, the ref or the error.

        One that fails leaves the others alone. If anything is raised, what
        was taken is dropped again.
        """

    def open(
        self, ref: SnapshotRef, volume: VolumeAt
    ) -> AbstractContextManager[Snapshot]:
        """The snapshot, readable while the block runs.

        Raises NotFound when it is gone or another one lies at its place.
        """

    def exists(self, ref: SnapshotRef) -> bool:
        """True when that very snapshot is there."""

    def still_holds(self, ref: SnapshotRef, volume: VolumeAt) -> bool:
        """True when the volume surely is what that snapshot is.

        At one moment after the call began, every byte of it; so the snapshot
        serves as one taken then. False also where that can't be told for
        less than taking one costs.
        """

    def comparing(
        self, refs: Sequence[SnapshotRef]
    ) -> AbstractContextManager[Compare]:
        """A way to compare any two of `refs` while the block runs.

        All of them must have been taken before. What is made ready once for
        many comparisons lives as long as the block. The callable raises
        CannotTell, also from within its iterator.
        """

    def drop(self, refs: Sequence[SnapshotRef]) -> None:
        """Remove snapshots; those that are gone count as removed.

        Raises SnapshotInUse when one of them is open, after all others.
        """

    def list_own(self, pool: str) -> list[SnapshotRef]:
        """Every snapshot in the pool that was made for the driver's keeper.

        Another state's are not told: what refers to them is not known here.
        """

    def cost(self, refs: Sequence[SnapshotRef]) -> list[int | None]:
        """Bytes only that snapshot holds, each; None where unknown."""

    def usage(self, pool: str) -> PoolUsage | None:
        """How full the pool is; None where there is nothing to know."""


def take_each(driver: Driver, volumes: Sequence[VolumeAt]) -> list[Outcome]:
    """What `take_all` promises, where many cost as much as one each."""
    outcomes: list[Outcome] = []
    try:
        for volume in volumes:
            try:
                outcomes.append(driver.take(volume))
            except (SourceError, NotFound) as error:
                outcomes.append(error)
    except BaseException:
        driver.drop([e for e in outcomes if isinstance(e, SnapshotRef)])
        raise
    return outcomes


def only(outcomes: Sequence[Outcome]) -> SnapshotRef:
    """The one ref there is; raises the error that stands in its place."""
    (outcome,) = outcomes
    if isinstance(outcome, SnapshotRef):
        return outcome
    raise outcome
