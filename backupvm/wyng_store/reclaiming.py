# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Giving space back: stale staged blobs, then what nothing points into.

Order: rows durably gone -> the number of reclaims raised -> readers out ->
packs that hold nothing unlinked, others punched -> packs that are mostly
dead and can't be punched, and crowds of small ones, moved together -> what
that emptied unlinked. Nothing here happens in safe mode.
"""

import time
from dataclasses import dataclass, field
from functools import partial
from typing import Collection, List, Optional, Tuple

from wyng_common.ids import StagingToken
from wyng_store import durable, locks
from wyng_store.archive import Archive
from wyng_store.counting import Beat, silent
from wyng_store.delaying import release_due
from wyng_store.errors import Busy, Full, IndexDamaged
from wyng_store.layout import READERS_WAIT_SECONDS, STAGED_SECONDS_MAX
from wyng_store.numbering import raise_number
from wyng_store.packs import overhead
from wyng_store.punching import holes, punch
from wyng_store.repacking import repack, small_packs
from wyng_store.rows import PackRow, TokenRow

# Less than this, or than an eighth of its pack, is not worth the trouble.
_WASTE_MIN = 64 * 1024
# What a commit does on the way: bytes moved, at most.
_CHEAP_BUDGET = 32 * 1024 * 1024


@dataclass
class _Round:
    """One round: what it freed, moved, and has yet to do. `more`: packs to
    take from however little of them is dead."""

    budget: int = 0
    more: Collection[bytes] = ()
    freed: int = 0
    moved: int = 0
    unpunchable: List[PackRow] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        return bool(self.budget and self.freed + self.moved >= self.budget)


def reclaim(
    archive: Archive,
    token: StagingToken,
    budget: int,
    beat: Beat = silent,
    more: Collection[bytes] = (),
) -> Tuple[int, int]:
    """Give back what can be: (bytes freed, bytes still pending).

    In safe mode a recount is tried first. `token` is this connection's,
    whose staged blobs stay; budget (bytes freed or moved, 0: all) bounds the
    work. Waits for readers; what it can't have of them is pending. `more`
    are names of packs to take from however little of them is dead.
    """
    if archive.index.state.safe:
        archive.rebuild()
    if archive.index.state.safe:
        return 0, sum(pack.size for pack in archive.index.dead_packs())
    archive.healing(lambda: expire(archive, token))
    archive.healing(lambda: release_due(archive, beat))
    work = _Round(budget, more)
    wasteful = archive.healing(lambda: _wasteful(archive, more))
    pending = _carry_out(archive, work, wasteful, READERS_WAIT_SECONDS, beat)
    return work.freed, pending


def tidy(archive: Archive, token: StagingToken) -> int:
    """What a writer does at open, if it can without waiting; bytes freed."""
    state = archive.index.state
    if state.safe and state.deferred:
        archive.rebuild()
    try:
        archive.healing(lambda: expire(archive, token))
        archive.healing(lambda: release_due(archive))
        return tidy_cheaply(archive)
    except Full:
        return 0


def tidy_cheaply(archive: Archive) -> int:
    """What a commit does on its way, where rows went: unlink, punch, and
    move little. The rest waits for a RECLAIM. Gives the bytes freed."""
    if archive.index.state.safe:
        return 0
    work = _Round(_CHEAP_BUDGET)
    pending = archive.index.state.pending
    look = _wasteful if pending else _shrunk
    wasteful = archive.healing(partial(look, archive))
    _carry_out(archive, work, wasteful, 0.0, silent)
    return work.freed


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
    work = _Round(budget)
    with locks.readers_excluded(archive.layout.readers, seconds):
        raise_number(archive.layout, archive.index)
        _unlink_all(archive, work, dead, beat)
    return work.freed


def _carry_out(
    archive: Archive,
    work: _Round,
    wasteful: List[PackRow],
    seconds: float,
    beat: Beat,
) -> int:
    """The steps in their order; gives the bytes that are left to do."""
    cut = False
    try:
        _take_away(archive, work, wasteful, seconds, beat)
        _move_together(archive, work, beat)
        if work.moved:
            work.freed += unlink_dead(archive, seconds, 0, beat)
    except (Busy, Full):
        cut = True
    left = archive.healing(archive.index.dead_packs)
    pending = sum(pack.size for pack in left)
    if cut or work.is_over:
        names = {pack.name for pack in wasteful}
        now = archive.healing(lambda: _wasteful(archive, names))
        pending += sum(_waste(pack) for pack in now if pack.name in names)
    _note_pending(archive, bool(pending))
    return pending


def _note_pending(archive: Archive, pending: bool) -> None:
    """For the next writer, which looks at all packs then."""
    if bool(archive.index.state.pending) == pending:
        return
    try:
        with archive.index.transaction():
            archive.index.set_state(pending=int(pending))
    except Full:
        return


def _take_away(
    archive: Archive,
    work: _Round,
    wasteful: List[PackRow],
    seconds: float,
    beat: Beat,
) -> None:
    """Unlink and punch while readers are out."""
    dead = archive.healing(archive.index.dead_packs)
    if archive.index.state.safe or not (dead or wasteful):
        return
    with locks.readers_excluded(archive.layout.readers, seconds):
        raise_number(archive.layout, archive.index)
        _unlink_all(archive, work, dead, beat)
        for pack in wasteful:
            if work.is_over:
                return
            _punch(archive, work, pack)
            beat(work.freed, 0)


def _unlink_all(
    archive: Archive, work: _Round, dead: List[PackRow], beat: Beat
) -> None:
    for pack in dead:
        if work.is_over:
            return
        if archive.healing(partial(_is_dead, archive, pack)):
            _unlink(archive, pack)
            work.freed += pack.size
        beat(work.freed, 0)


def _punch(archive: Archive, work: _Round, pack: PackRow) -> None:
    """Punch what is dead in a pack; if that gave too little back, it is to
    be moved."""
    try:
        entries = archive.shelf.contents(pack.name).entries
    except OSError:
        return
    kept = archive.healing(lambda: _kept(archive, pack))
    if kept is None or len(kept) != pack.rows:
        return
    ranges = holes(entries, kept)
    size = punch(archive, pack, ranges)
    if size is not None and size < pack.size:
        work.freed += pack.size - size
        with archive.index.transaction():
            archive.index.resize_pack(pack.num, size)
        pack = pack._replace(size=size)
    wanted = pack.name in work.more and _is_wasteful(pack)
    if wanted or _waste(pack) > pack.bytes:
        work.unpunchable.append(pack)


def _kept(archive: Archive, pack: PackRow) -> Optional[List[int]]:
    """The offsets of the frames that something points to; None when the
    pack is not what it was, because the index was built again meanwhile."""
    now = archive.index.find_pack(pack.name)
    if now is None or (now.num, now.rows) != (pack.num, pack.rows):
        return None
    if archive.index.state.safe:
        return None
    entries = archive.shelf.contents(pack.name).entries
    ids = [entry.id for entry in entries]
    found = archive.index.find_all(ids).values()
    copies = archive.index.find_copies(ids)
    kept = [row.offset for row in found if row.pack == pack.num]
    return kept + [row.offset for row in copies if row.pack == pack.num]


def _move_together(archive: Archive, work: _Round, beat: Beat) -> None:
    if archive.index.state.safe:
        return
    groups = archive.healing(lambda: small_packs(archive))
    by_kind: "dict[int, list[PackRow]]" = {}
    for pack in work.unpunchable:
        by_kind.setdefault(pack.kind, []).append(pack)
    for group in (*by_kind.values(), *groups):
        while group and not work.is_over:
            part = _affordable(group, work)
            group = group[len(part) :]
            work.moved += archive.healing(partial(repack, archive, part, beat))


def _affordable(group: List[PackRow], work: _Round) -> List[PackRow]:
    """The first packs that the budget has room for; at least one."""
    part: List[PackRow] = []
    size = work.freed + work.moved
    for pack in group:
        if part and work.budget and size >= work.budget:
            break
        part.append(pack)
        size += pack.bytes
    return part


def _wasteful(archive: Archive, more: Collection[bytes] = ()) -> List[PackRow]:
    return [
        each
        for each in archive.index.packs()
        if _is_wasteful(each) or (each.rows and each.name in more)
    ]


def _shrunk(archive: Archive) -> List[PackRow]:
    """Of the packs that lost rows since the last look."""
    index = archive.index
    nums, index.shrunk = index.shrunk, set()
    packs = [index.find_pack_by_number(num) for num in sorted(nums)]
    return [each for each in packs if each is not None and _is_wasteful(each)]


def _is_wasteful(pack: PackRow) -> bool:
    return pack.rows > 0 and _waste(pack) >= max(_WASTE_MIN, pack.size // 8)


def _waste(pack: PackRow) -> int:
    return pack.size - pack.bytes - overhead(pack.rows)


def _is_dead(archive: Archive, pack: PackRow) -> bool:
    """Does truly no row point into it? Whatever its counter says, each id
    of the pack itself is looked up. Raises IndexDamaged when one does."""
    index = archive.index
    now = index.find_pack(pack.name)
    if now is None or now.num != pack.num or now.rows or index.state.safe:
        return False
    if not archive.shelf.exists(pack.name):
        return True
    kept = _kept(archive, now)
    if kept:
        raise IndexDamaged("a pack that counts as dead is in use")
    return kept is not None


def _unlink(archive: Archive, pack: PackRow) -> None:
    path = archive.shelf.path(pack.name)
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
