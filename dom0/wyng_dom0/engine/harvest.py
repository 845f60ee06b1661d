# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Harvest: new snapshots, what changed since the old ones, into all ledgers.

Owns the order, per volume and under its lock:

    take, unless the base is the volume as it is -> compare with the base
    -> every ledger durable, the sender's set aside as in flight in the same
    step -> base recorded -> old base dropped

A crash anywhere leaves ledgers that say too much, never too little, and at
most a snapshot that nothing refers to. Where what changed can't be told,
every ledger says everything before the new base is recorded.
"""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, List, Mapping, Optional, Sequence

from wyng_common import limits
from wyng_common.ids import ArchiveId
from wyng_dom0.engine.bases import (
    base_of,
    drop_unread,
    give_up,
    ref_of,
    take_strays_away,
)
from wyng_dom0.engine.guard import Guard, PoolFull
from wyng_dom0.errors import (
    DestinationBusy,
    Dom0Error,
    NotFound,
    SourceError,
)
from wyng_dom0.events import Listener, Warning_
from wyng_dom0.names import quote
from wyng_dom0.snapshots.driver import (
    CannotSnapshot,
    Compare,
    Driver,
    SnapshotRef,
    VolumeAt,
)
from wyng_dom0.sources.source import Located
from wyng_dom0.sources.unfinished import check_finished
from wyng_dom0.state import ledgers, locks
from wyng_dom0.state.changed import (
    EVERYTHING,
    NOTHING,
    Changed,
    chunk_set,
    chunks_of,
)
from wyng_dom0.state.ledgers import Ledger, Mark
from wyng_dom0.state.locks import Reading
from wyng_dom0.state.places import Places
from wyng_dom0.state.volumes import Base, VolumeState, state_of

# What changed is gathered in the smallest chunks any archive may have.
_UNIT = limits.CHUNK_SIZE_MIN


@dataclass(frozen=True)
class Claim:
    """What a send wants of a harvest: its ledger, set aside.

    `volume` is the volume's id in the archive, `newest` its newest session's
    content there. With `remap` all that is known is thrown away.
    """

    archive: ArchiveId
    volume: bytes
    chunk_size: int
    newest: Optional[Mark]
    remap: bool = False

    def ledger(self, state: VolumeState) -> Ledger:
        """The ledger as it is kept."""
        return ledgers.read_ledger(
            state.folder, self.archive, self.volume, self.chunk_size
        )


@dataclass
class Taken:
    """A snapshot that a harvest took, protected until `let_go`.

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
    def found_bytes(self) -> int:
        """How much changed since the last base; all of it if unknown."""
        size = self.ref.size
        if self.found is None:
            return size
        return min(size, _UNIT * self.found.count(-(-size // _UNIT)))


@dataclass
class Harvester:
    """Harvests volumes of one source.

    `fail(name, error)` is told of each volume that can't be snapshotted;
    the others go on. With `keep_only` that is so where a volume can only be
    read as it is.
    """

    places: Places
    source: Located
    guard: Guard
    listener: Listener
    fail: Callable[[str, Dom0Error], None]
    now_ns: int
    keep_only: bool = False

    def harvest(
        self, names: Sequence[str], claims: Mapping[str, Claim]
    ) -> List[Taken]:
        """Harvest into all ledgers; those claimed are set aside as in flight.

        All snapshots are taken before anything else is done.
        """
        return self._harvested(names, claims, record=True)

    def look(
        self, names: Sequence[str], claims: Mapping[str, Claim]
    ) -> List[Taken]:
        """As harvest, but nothing is kept: neither ledgers nor bases."""
        return self._harvested(names, claims, record=False)

    def let_go(self, taken: Taken) -> None:
        """Read no more; drop the snapshot unless it is a base."""
        taken.reading.release()
        base = taken.state.base()
        if base is None or base.identity != taken.ref.identity:
            drop_unread(self.places, taken.driver, [taken.ref])

    def _harvested(
        self, names: Sequence[str], claims: Mapping[str, Claim], record: bool
    ) -> List[Taken]:
        taken: List[Taken] = []
        try:
            with ExitStack() as held:
                for volume in self._located(names, held, record):
                    self._take(volume, taken)
                self._compare(taken)
                for each in taken:
                    self._conclude(each, claims.get(each.name), record)
        except BaseException:
            for each in taken:
                self.let_go(each)
            raise
        return taken

    def _located(
        self, names: Sequence[str], held: ExitStack, record: bool
    ) -> List[VolumeAt]:
        """Where the volumes lie, which are held from now on."""
        located = []
        for name in sorted(set(names)):
            try:
                volume = self.source.locate(name)
                # Half restored is no state of the volume.
                check_finished(Path(volume.place), self.places)
                located.append(volume)
            except (SourceError, NotFound) as error:
                self.fail(name, error)
        pools = {each.pool for each in located}
        if record:
            self.guard.make_room(pools)
            take_strays_away(self.places, pools, self.source.drivers())
        mine = [each for each in located if self._hold(each.name, held)]
        held.enter_context(locks.make_snapshots(self.places))
        return mine

    def _hold(self, name: str, held: ExitStack) -> bool:
        lock = locks.hold_volume(
            self.places, self.source.key, name, "a harvest"
        )
        try:
            held.enter_context(lock)
        except DestinationBusy as error:
            self.fail(name, error)
            return False
        return True

    def _take(self, volume: VolumeAt, taken: List[Taken]) -> None:
        state = state_of(self.places, self.source.key, volume.name)
        still = self._still(volume, state)
        if still is not None:
            taken.append(still)
            return
        try:
            driver, ref = self._best(volume)
        except (SourceError, NotFound) as error:
            self.fail(volume.name, error)
            return
        reading = locks.start_reading(self.places, ref.identity)
        taken.append(Taken(volume, driver, ref, state, reading))

    def _still(self, volume: VolumeAt, state: VolumeState) -> Optional[Taken]:
        """The base as a snapshot of now, where nothing was written since."""
        base = state.base()
        for driver in self.source.drivers():
            if base is None or driver.name != base.driver:
                continue
            ref = ref_of(base)
            if driver.still_holds(ref, volume):
                reading = locks.start_reading(self.places, ref.identity)
                return Taken(volume, driver, ref, state, reading, base, NOTHING)
        return None

    def _best(self, volume: VolumeAt) -> "tuple[Driver, SnapshotRef]":
        """A snapshot by the first driver that can, and may."""
        refused: Optional[CannotSnapshot] = None
        for driver in self.source.drivers():
            if self.keep_only and not driver.keeps:
                continue
            try:
                self.guard.admit(driver, volume)
                ref = driver.take(volume)
            except CannotSnapshot as error:
                refused = refused or error
                continue
            if isinstance(refused, PoolFull):
                self.listener(Warning_(f"{refused}; it is read as it is"))
            return driver, ref
        raise refused or CannotSnapshot(
            f"no snapshot of {quote(volume.name)} can be taken here",
            about=volume.name,
        )

    def _compare(self, taken: Sequence[Taken]) -> None:
        groups: Dict[str, List[Taken]] = {}
        for each in taken:
            if each.found is not None:
                continue
            base = each.state.base() if each.driver.keeps else None
            each.old = base
            if base is None or base.driver != each.driver.name:
                continue
            if each.driver.exists(ref_of(base)):
                groups.setdefault(base.driver, []).append(each)
        for group in groups.values():
            try:
                self._compare_group(group)
            except SourceError as error:
                self._cannot_tell(group, error)

    def _compare_group(self, group: Sequence[Taken]) -> None:
        refs = [
            ref
            for each in group
            if each.old is not None
            for ref in (ref_of(each.old), each.ref)
        ]
        with group[0].driver.comparing(refs) as compare:
            for each in group:
                try:
                    each.found = _found(each, compare)
                except SourceError as error:
                    self._cannot_tell([each], error)

    def _cannot_tell(self, group: Sequence[Taken], error: SourceError) -> None:
        for each in group:
            self.listener(
                Warning_(
                    f"what changed of {quote(each.name)} can't be told"
                    f" ({error}): the next send reads all of it"
                )
            )

    def _conclude(
        self, taken: Taken, claim: Optional[Claim], record: bool
    ) -> None:
        if not record:
            if claim is not None:
                ledger = _with_found(claim.ledger(taken.state), taken.found)
                taken.changed = _claimed(ledger, claim).current
        elif not taken.driver.keeps:
            self._keep_none(taken)
        else:
            self._record(taken, claim)

    def _keep_none(self, taken: Taken) -> None:
        """What was known of the volume counts from a base that is none now."""
        if taken.state.folder.exists():
            give_up(self.places, taken.state, self.source.drivers())

    def _record(self, taken: Taken, claim: Optional[Claim]) -> None:
        state = taken.state
        state.make()
        with locks.hold_ledgers(self.places, state.folder):
            for ledger in state.ledgers():
                if claim is None or ledger.archive != claim.archive:
                    ledgers.save(state.folder, _with_found(ledger, taken.found))
            if claim is not None:
                ledger = _with_found(claim.ledger(state), taken.found)
                aside = _claimed(ledger, claim).set_aside()
                ledgers.save(state.folder, aside)
                taken.changed = (
                    aside.flight.changed if aside.flight else NOTHING
                )
        if not self._same_as_old(taken):
            state.keep_base(base_of(taken.ref, taken.volume.pool, self.now_ns))
            self._drop_old(taken)

    def _same_as_old(self, taken: Taken) -> bool:
        """The old base is as good as the new one: keep it, write nothing."""
        old, found = taken.old, taken.found
        return old is not None and found is not None and not found

    def _drop_old(self, taken: Taken) -> None:
        old = taken.old
        if old is None or old.identity == taken.ref.identity:
            return
        for driver in self.source.drivers():
            if driver.name == old.driver:
                drop_unread(self.places, driver, [ref_of(old)])


def _found(taken: Taken, compare: Compare) -> Changed:
    """What changed since the base, in units; raises CannotTell."""
    assert taken.old is not None
    old, new = ref_of(taken.old), taken.ref
    found = chunks_of(compare(old, new), _UNIT, new.size)
    return found | _ends(old.size, new.size)


def _ends(old: int, new: int) -> Changed:
    """What a change of size changes: the chunks at both ends.

    And all that was cut off, for when the volume grows again.
    """
    if old == new:
        return NOTHING
    first, last = old // _UNIT, new // _UNIT
    if new < old:
        return chunk_set([(last, -(-old // _UNIT) - last)])
    return chunk_set([(first, 1), (last, 1)])


def _with_found(ledger: Ledger, found: Optional[Changed]) -> Ledger:
    if found is None:
        return ledger.forgetful()
    return ledger.with_changes(found.coarser(ledger.chunk_size // _UNIT))


def _claimed(ledger: Ledger, claim: Claim) -> Ledger:
    """The ledger of an archive that is held, and whose newest is known."""
    if claim.remap:
        ledger = ledger.forgetful()
    return ledger.resolved(claim.newest)
