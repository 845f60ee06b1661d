# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What this machine keeps of volumes: told, moved along, thrown away.

Needs no archive and no key.
"""

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Dict, Iterable, List, Optional, Sequence, Set, Tuple

from wyng_common.ids import ArchiveId
from wyng_dom0.engine.bases import give_up, ref_of, take_strays_away
from wyng_dom0.errors import BadInput, NotFound, SourceError
from wyng_dom0.events import ignore
from wyng_dom0.snapshots.choose import driver_named
from wyng_dom0.snapshots.driver import Driver, PoolUsage
from wyng_dom0.sources.choose import choose_source
from wyng_dom0.sources.source import Source
from wyng_dom0.state import ledgers, locks, tried_sends
from wyng_dom0.state.ledgers import Ledger
from wyng_dom0.state.places import Places
from wyng_dom0.state.volumes import (
    Base,
    VolumeState,
    list_states,
    state_of,
)


@dataclass(frozen=True)
class LedgerStatus:
    """How much of a volume an archive lacks, at most, up to the base.

    `everything`: all of it is read by the next send.
    """

    archive: ArchiveId
    changed: int
    everything: bool


@dataclass(frozen=True)
class VolumeStatus:
    """What is kept of a volume. Sizes in bytes; `cost` None when unknown.

    `base` None: nothing is kept to compare with, the next send reads all.
    """

    volume: str
    base: Optional[Base]
    present: bool
    cost: Optional[int]
    ledgers: Tuple[LedgerStatus, ...]


def status_of(
    places: Places, source: str, drivers: Sequence[Driver]
) -> List[VolumeStatus]:
    """What is kept of the volumes of a source, by their names."""
    states = [
        state
        for state in list_states(places, source)
        if state.base() is not None or state.ledgers()
    ]
    bases = [base for state in states if (base := state.base()) is not None]
    costs = _costs(bases, drivers)
    return [_status(state, drivers, costs) for state in states]


def _costs(
    bases: Sequence[Base], drivers: Sequence[Driver]
) -> Dict[str, Optional[int]]:
    """What each base costs, by its identity: every driver is asked once."""
    found: Dict[str, Optional[int]] = {}
    for driver in drivers:
        refs = [ref_of(each) for each in bases if each.driver == driver.name]
        costs = driver.cost(refs) if refs else []
        found.update(zip((ref.identity for ref in refs), costs, strict=True))
    return found


def usage_of(
    statuses: Sequence[VolumeStatus], drivers: Sequence[Driver]
) -> List[PoolUsage]:
    """How full the pools are in which bases lie, each once."""
    bases = [each.base for each in statuses if each.base is not None]
    pools: Dict[Tuple[str, str], PoolUsage] = {}
    for driver, pool in sorted({(each.driver, each.pool) for each in bases}):
        try:
            found = driver_named(driver, drivers).usage(pool)
        except (NotFound, SourceError):
            continue
        if found is not None:
            pools[driver, pool] = found
    return list(pools.values())


def known_volumes(places: Places, source: str) -> List[str]:
    """The volumes of a source that some archive has a ledger of."""
    return [
        state.volume
        for state in list_states(places, source)
        if ledgers.list_archives(state.folder)
    ]


def states_of(
    places: Places, archive: ArchiveId, volume: bytes
) -> List[VolumeState]:
    """Where an archive's ledgers of one of its volumes (by its id) are."""
    return [
        state
        for state in list_states(places)
        for each in state.ledgers()
        if (each.archive, each.volume) == (archive, volume)
    ]


def forget_archive(
    places: Places, state: VolumeState, archive: Optional[ArchiveId]
) -> bool:
    """Throw away an archive's ledger of a volume; None: every archive's.

    The base goes along when no ledger is left that counts to it. False when
    there was nothing.
    """
    with locks.hold_volume(places, state.source, state.volume, "delete"):
        doomed = ledgers.list_archives(state.folder)
        if archive is not None:
            doomed = [each for each in doomed if each == archive]
        if archive is not None and not doomed:
            return False
        with locks.hold_ledgers(places, state.folder):
            for each in doomed:
                ledgers.remove(state.folder, each)
        if not ledgers.list_archives(state.folder):
            give_up(places, state, drivers_of(places, state.source))
            state.forget()
    return True


def follow_rename(
    places: Places, archive: ArchiveId, volume: bytes, old: str, new: str
) -> None:
    """Let what is known of a volume go with its new name in an archive.

    Only where no other archive calls it by the old one, and nothing is kept
    under the new one: any two snapshots can be compared, so that what the
    base was called means nothing. Otherwise the next send under the new name
    reads all of it.
    """
    tried_sends.follow_rename(places, archive, old, new)
    for state in states_of(places, archive, volume):
        if state.volume != old:
            continue
        there = state_of(places, state.source, new)
        with ExitStack() as held:
            for name in sorted((old, new)):
                held.enter_context(
                    locks.hold_volume(places, state.source, name, "rename")
                )
            # Who looks for strays could miss the base in both of its places.
            held.enter_context(locks.make_snapshots(places))
            _move(state, there, archive)


def _move(here: VolumeState, there: VolumeState, archive: ArchiveId) -> None:
    base = here.base()
    if base is None or there.base() is not None or there.ledgers():
        return
    if ledgers.list_archives(here.folder) != [archive]:
        return
    (ledger,) = here.ledgers()
    there.make()
    ledgers.save(there.folder, ledger)
    there.keep_base(base)
    here.forget()


def drivers_of(places: Places, source: str) -> Sequence[Driver]:
    """The drivers of a source by its key; none where it is gone."""
    try:
        return choose_source(source, places, ignore).drivers()
    except (NotFound, BadInput, SourceError):
        return ()


def _status(
    state: VolumeState,
    drivers: Sequence[Driver],
    costs: Dict[str, Optional[int]],
) -> VolumeStatus:
    base = state.base()
    present, cost = False, None
    if base is not None:
        try:
            driver = driver_named(base.driver, drivers)
            present = driver.exists(ref_of(base))
            cost = costs.get(base.identity)
        except (NotFound, SourceError):
            present = False
    size = base.size if base is not None else 0
    return VolumeStatus(
        volume=state.volume,
        base=base,
        present=present,
        cost=cost,
        ledgers=tuple(_ledger(each, size) for each in state.ledgers()),
    )


def _ledger(ledger: Ledger, size: int) -> LedgerStatus:
    unsent = ledger.unsent
    chunks = -(-size // ledger.chunk_size)
    changed = min(size, unsent.count(chunks) * ledger.chunk_size)
    return LedgerStatus(ledger.archive, changed, unsent.everything)


def clean_strays(places: Places, sources: Iterable[str]) -> int:
    """Drop what nothing refers to beside the volumes of some sources."""
    dropped = 0
    for key in sorted(set(sources)):
        drivers = drivers_of(places, key)
        if drivers:
            pools = _pools_of(choose_source(key, places, ignore))
            dropped += take_strays_away(places, pools, drivers)
    return dropped


def _pools_of(source: Source) -> Set[str]:
    pools = set()
    for name in source.list_volumes():
        try:
            pools.add(source.locate(name).pool)
        except (NotFound, SourceError):
            continue
    return pools
