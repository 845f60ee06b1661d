# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Harvest: new snapshots, what changed since the old ones, into all ledgers.

Owns the order, per volume and under its lock:

    take, unless the base is the volume as it is -> compare with the base
    -> every ledger durable, the sender's set aside as in flight in the same
    step -> base recorded -> old base dropped

Each step is done for all volumes before the next begins. Where nothing
changed the old base stays, serves as the snapshot, and the new one goes.

A crash anywhere leaves ledgers that say too much, never too little, and at
most snapshots that nothing refers to. Where what changed can't be told,
every ledger says everything before the new base is recorded.
"""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, List, Mapping, Optional, Sequence

from wyng_common.ids import ArchiveId
from wyng_dom0.engine.bases import (
    base_of,
    drop_unread,
    give_up,
    ref_of,
    take_strays_away,
)
from wyng_dom0.engine.guard import Guard
from wyng_dom0.engine.taking import UNIT, Taken, Taker
from wyng_dom0.errors import (
    DestinationBusy,
    Dom0Error,
    NotFound,
    SourceError,
)
from wyng_dom0.events import Listener, Warning_
from wyng_dom0.names import quote
from wyng_dom0.snapshots.driver import (
    Compare,
    SnapshotRef,
    VolumeAt,
)
from wyng_dom0.sources.source import Located
from wyng_dom0.sources.unfinished import check_finished
from wyng_dom0.state import ledgers, locks
from wyng_dom0.state.changed import (
    NOTHING,
    Changed,
    chunk_set,
    chunks_of,
)
from wyng_dom0.state.ledgers import Ledger, Mark
from wyng_dom0.state.places import Places
from wyng_dom0.state.volumes import VolumeState


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
        self._let_go_all([taken])

    def _let_go_all(self, taken: Sequence[Taken]) -> None:
        spent = []
        for each in taken:
            each.reading.release()
            base = each.state.base()
            if base is None or base.identity != each.ref.identity:
                spent.append(each.ref)
        self._drop(spent)

    def _harvested(
        self, names: Sequence[str], claims: Mapping[str, Claim], record: bool
    ) -> List[Taken]:
        taken: List[Taken] = []
        try:
            with ExitStack() as held:
                self._take(self._located(names, held, record), taken)
                self._compare(taken)
                spent = []
                for each in taken:
                    spent += self._conclude(each, claims.get(each.name), record)
                self._drop(spent)
        except BaseException:
            self._let_go_all(taken)
            raise
        return taken

    def _drop(self, spent: Sequence[SnapshotRef]) -> None:
        """Drop snapshots of any of the source's drivers; nobody's stay."""
        for driver in self.source.drivers():
            refs = [each for each in spent if each.driver == driver.name]
            if refs:
                drop_unread(self.places, driver, refs)

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

    def _take(self, volumes: Sequence[VolumeAt], taken: List[Taken]) -> None:
        """A snapshot of each, or the base, into `taken` in their order."""
        taker = Taker(
            *(self.places, self.source, self.guard, self.listener, self.fail),
            keep_only=self.keep_only,
        )
        taker.take(volumes, taken)
        taken.sort(key=lambda each: each.name)

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
    ) -> List[SnapshotRef]:
        """Into ledgers and base; the snapshots that are spent by it."""
        if not record:
            if claim is not None:
                ledger = _with_found(claim.ledger(taken.state), taken.found)
                taken.changed = _claimed(ledger, claim).current
            return self._settled_for_old(taken, claim)
        if not taken.driver.keeps:
            self._keep_none(taken)
            return []
        self._record(taken, claim)
        spent = self._settled_for_old(taken, claim)
        if spent or taken.is_old:
            return spent
        base = base_of(taken.ref, taken.volume.pool, self.now_ns)
        taken.state.keep_base(base)
        return [ref_of(taken.old)] if taken.old else []

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

    def _settled_for_old(
        self, taken: Taken, claim: Optional[Claim]
    ) -> List[SnapshotRef]:
        """Where nothing changed the old base serves: the new one is spent.

        Not where all shall be read: then whoever asked for it believes no
        comparison.
        """
        old, found = taken.old, taken.found
        if old is None or taken.is_old or found is None or found:
            return []
        if claim is not None and taken.changed.everything:
            return []
        new = taken.ref
        reading = locks.start_reading(self.places, old.identity)
        taken.reading.release()
        taken.ref, taken.reading = ref_of(old), reading
        return [new]


def _found(taken: Taken, compare: Compare) -> Changed:
    """What changed since the base, in units; raises CannotTell."""
    assert taken.old is not None
    old, new = ref_of(taken.old), taken.ref
    found = chunks_of(compare(old, new), UNIT, new.size)
    return found | _ends(old.size, new.size)


def _ends(old: int, new: int) -> Changed:
    """What a change of size changes: the chunks at both ends.

    And all that was cut off, for when the volume grows again.
    """
    if old == new:
        return NOTHING
    first, last = old // UNIT, new // UNIT
    if new < old:
        return chunk_set([(last, -(-old // UNIT) - last)])
    return chunk_set([(first, 1), (last, 1)])


def _with_found(ledger: Ledger, found: Optional[Changed]) -> Ledger:
    if found is None:
        return ledger.forgetful()
    return ledger.with_changes(found.coarser(ledger.chunk_size // UNIT))


def _claimed(ledger: Ledger, claim: Claim) -> Ledger:
    """The ledger of an archive that is held, and whose newest is known."""
    if claim.remap:
        ledger = ledger.forgetful()
    return ledger.resolved(claim.newest)
