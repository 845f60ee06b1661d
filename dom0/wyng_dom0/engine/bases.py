# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Base snapshots: kept, let go of, and strays taken away.

Owns two promises. A snapshot that somebody reads is not dropped. Before a
base is given up, every ledger of its volume durably knows nothing.
"""

from contextlib import ExitStack
from typing import Iterable, Sequence

from wyng_dom0.errors import NotFound
from wyng_dom0.snapshots.choose import driver_named
from wyng_dom0.snapshots.driver import Driver, SnapshotInUse, SnapshotRef
from wyng_dom0.state import ledgers, locks
from wyng_dom0.state.places import Places
from wyng_dom0.state.volumes import Base, VolumeState, list_bases


def ref_of(base: Base) -> SnapshotRef:
    """The ref that a driver knows the base by."""
    return SnapshotRef(base.driver, base.place, base.identity, base.size)


def base_of(ref: SnapshotRef, pool: str, now_ns: int) -> Base:
    """What is kept of a snapshot that becomes a base."""
    return Base(
        driver=ref.driver,
        place=ref.place,
        identity=ref.identity,
        size=ref.size,
        pool=pool,
        taken_ns=now_ns,
    )


def give_up(
    places: Places, state: VolumeState, drivers: Sequence[Driver]
) -> bool:
    """Have no base, and drop it unless somebody reads it.

    The caller holds the volume. False when there was no base.
    """
    base = state.base()
    know_nothing(places, state)
    state.forget_base()
    if base is None:
        return False
    try:
        driver = driver_named(base.driver, drivers)
    except NotFound:
        return True
    drop_unread(places, driver, [ref_of(base)])
    return True


def know_nothing(places: Places, state: VolumeState) -> None:
    """Durably set every ledger of a volume to everything."""
    if not state.folder.exists():
        return
    with locks.hold_ledgers(places, state.folder):
        for ledger in state.ledgers():
            ledgers.save(state.folder, ledger.forgetful())


def drop_unread(
    places: Places, driver: Driver, refs: Sequence[SnapshotRef]
) -> int:
    """Drop snapshots that nobody reads, all at once; how many are gone.

    What is left is a stray, which a later run takes away.
    """
    with ExitStack() as held:
        unread = [
            ref
            for ref in refs
            if held.enter_context(locks.alone_with(places, ref.identity))
        ]
        try:
            driver.drop(unread)
        except SnapshotInUse:
            return sum(not driver.exists(ref) for ref in unread)
    return len(unread)


def take_strays_away(
    places: Places, pools: Iterable[str], drivers: Sequence[Driver]
) -> int:
    """Drop snapshots of ours that nothing refers to and nobody reads.

    While somebody is making snapshots all are left for another time: one
    that was just made is not referred to yet.
    """
    dropped = 0
    with locks.alone_making(places) as alone:
        if alone:
            for pool in sorted(pools):
                dropped += _clear_pool(places, pool, drivers)
    return dropped


def _clear_pool(places: Places, pool: str, drivers: Sequence[Driver]) -> int:
    dropped = 0
    for driver in drivers:
        if not driver.keeps:
            continue
        own = driver.list_own(pool)
        kept = {each.identity for each in list_bases(places)} if own else set()
        strays = [ref for ref in own if ref.identity not in kept]
        dropped += drop_unread(places, driver, strays)
    return dropped
