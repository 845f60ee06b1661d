# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Giving space back: stale staged blobs, then packs that hold nothing.

Order: rows durably gone -> pack unlinked -> directory synced -> the pack's
own row gone. Nothing here happens in safe mode. Punching and repacking have
their place behind `unlink_dead`.
"""

import time
from functools import partial
from typing import Tuple

from wyng_common.ids import StagingToken
from wyng_store import durable, locks
from wyng_store.archive import Archive
from wyng_store.counting import Beat, silent
from wyng_store.errors import Busy, Full, IndexDamaged
from wyng_store.layout import READERS_WAIT_SECONDS, STAGED_SECONDS_MAX
from wyng_store.rows import PackRow, TokenRow


def reclaim(
    archive: Archive, token: StagingToken, budget: int, beat: Beat = silent
) -> Tuple[int, int]:
    """Give back what can be: (bytes freed, bytes still pending).

    In safe mode a recount is tried first. `token` is this connection's,
    whose staged blobs stay; budget (bytes, 0: all) bounds the work.
    """
    if archive.index.state.safe:
        archive.rebuild()
    if archive.index.state.safe:
        return 0, sum(pack.size for pack in archive.index.dead_packs())
    archive.healing(lambda: expire(archive, token))
    try:
        freed = unlink_dead(archive, READERS_WAIT_SECONDS, budget, beat)
    except Busy:
        freed = 0
    return freed, sum(pack.size for pack in archive.index.dead_packs())


def tidy(archive: Archive, token: StagingToken) -> None:
    """What a writer does at open, if it can without waiting."""
    state = archive.index.state
    if state.safe and state.deferred:
        archive.rebuild()
    try:
        archive.healing(lambda: expire(archive, token))
        unlink_dead(archive, 0.0)
    except (Busy, Full):
        return


def expire(archive: Archive, token: StagingToken) -> None:
    """Forget staged blobs of other tokens that were not used for a week."""
    if archive.index.state.safe:
        return
    before = int(time.time()) - STAGED_SECONDS_MAX
    for owner in archive.index.tokens():
        if owner.staged and owner.used < before and owner.token != token:
            _expire_token(archive, owner)


def unlink_dead(
    archive: Archive, seconds: float, budget: int = 0, beat: Beat = silent
) -> int:
    """Unlink packs that hold nothing; bytes freed.

    Waits `seconds` for readers to end; raises Busy when they don't.
    """
    if archive.index.state.safe:
        return 0
    dead = archive.healing(archive.index.dead_packs)
    if not dead:
        return 0
    freed = 0
    with locks.readers_excluded(archive.layout.readers, seconds):
        for pack in dead:
            if archive.healing(partial(_is_dead, archive, pack)):
                _unlink(archive, pack)
                freed += pack.size
            beat(freed, 0)
            if budget and freed >= budget:
                break
    return freed


def _is_dead(archive: Archive, pack: PackRow) -> bool:
    """Does truly no row point into it? Whatever its counter says, each id
    of the pack itself is looked up. Raises IndexDamaged when one does."""
    index = archive.index
    now = index.find_pack(pack.name)
    if now is None or now.num != pack.num or now.rows or index.state.safe:
        return False
    if not archive.shelf.exists(pack.name):
        return True
    ids = [entry.id for entry in archive.shelf.contents(pack.name).entries]
    found = index.find_all(ids).values()
    copies = index.find_copies(ids)
    places = [*(row.pack for row in found), *(row.pack for row in copies)]
    if pack.num in places:
        raise IndexDamaged("a pack that counts as dead is in use")
    return True


def _unlink(archive: Archive, pack: PackRow) -> None:
    path = archive.layout.pack(pack.name)
    archive.shelf.forget(pack.name)
    durable.unlink(path)
    durable.sync_directory(path.parent)
    with archive.index.transaction():
        archive.index.remove_pack(pack.num)


def _expire_token(archive: Archive, owner: TokenRow) -> None:
    index = archive.index
    with index.transaction():
        for pack in list(index.packs()):
            if pack.token == owner.num and pack.rows:
                _expire_pack(archive, owner, pack)


def _expire_pack(archive: Archive, owner: TokenRow, pack: PackRow) -> None:
    entries = archive.shelf.contents(pack.name).entries
    found = archive.index.find_all(entry.id for entry in entries)
    for row in found.values():
        if not row.refs and row.token == owner.num:
            archive.index.remove(row)
