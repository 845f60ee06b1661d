# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Which commit of an archive is the newest good one, and is it new enough.

The chain of commits is walked from what dom0 last saw to the store's head.
A store that shows an older head, or one that doesn't chain from what was
seen, rolled the archive back. A record whose MAC fails is damage: it is
chained over by our next commit, and never followed.
"""

from dataclasses import dataclass
from typing import List, Optional, Sequence

from wyng_common import limits
from wyng_common.commits import Commit
from wyng_dom0.errors import IntegrityError
from wyng_dom0.seal.keys import ArchiveKeys
from wyng_dom0.seal.records import mac_holds
from wyng_dom0.state.heads import Head, Pin
from wyng_dom0.transport.remote_store import LoggedCommit, RemoteStore

_LOOK_BACK = 64


@dataclass(frozen=True)
class ChainEnd:
    """The end of an archive's chain.

    `tip` is what the next commit names as previous; `good` the newest commit
    of ours, None in an archive without commits. `rollback` is a sentence
    when the archive is older than what dom0 saw, else empty; `damage` one
    when the tip is not ours.
    """

    tip: Head
    good: Optional[Commit]
    rollback: str = ""
    damage: str = ""


def find_end(store: RemoteStore, keys: ArchiveKeys, pin: Pin) -> ChainEnd:
    """Examine the chain from dom0's pin to the store's head.

    Raises IntegrityError when no commit of the archive is ours.
    """
    assert store.welcome is not None
    tip = Head(store.welcome.sequence, store.welcome.head)
    if tip.sequence == 0:
        return ChainEnd(tip, None, _rolled_back(tip, pin, []))
    records = _records_from(store, _first_wanted(tip, pin))
    rollback = _rolled_back(tip, pin, records)
    good = _newest_good(store, keys, tip, records)
    damage = ""
    if good.sequence != tip.sequence:
        damage = (
            f"commit {tip.sequence} is damaged or not made with this"
            f" archive's key; commit {good.sequence} is used instead"
        )
    return ChainEnd(tip, good, rollback, damage)


def _first_wanted(tip: Head, pin: Pin) -> int:
    seen = pin.committed
    if seen is not None and 1 <= seen.sequence <= tip.sequence:
        return seen.sequence
    return max(1, tip.sequence - _LOOK_BACK + 1)


def _records_from(store: RemoteStore, first: int) -> List[LoggedCommit]:
    assert store.welcome is not None
    records: List[LoggedCommit] = []
    last = store.welcome.sequence
    for at in range(first, last + 1, limits.LOG_RECORDS_MAX):
        end = min(last, at + limits.LOG_RECORDS_MAX - 1)
        records.extend(
            each
            for each in store.log(at, end)
            if at <= each.commit.sequence <= end
        )
    return records


def _rolled_back(tip: Head, pin: Pin, records: Sequence[LoggedCommit]) -> str:
    seen = pin.committed
    if seen is None:
        return ""
    if tip.sequence < seen.sequence:
        return (
            f"the archive is at commit {tip.sequence}, but this machine has"
            f" seen commit {seen.sequence}: it is an older copy"
        )
    if _chains(seen, tip, records):
        return ""
    return (
        f"the archive's commits up to {tip.sequence} don't follow from commit"
        f" {seen.sequence} that this machine has seen: it is another copy"
    )


def _chains(seen: Head, tip: Head, records: Sequence[LoggedCommit]) -> bool:
    """Whether hashes lead from what was seen to the tip without a gap."""
    at, hash = seen.sequence, seen.hash
    for each in records:
        if each.commit.sequence == seen.sequence:
            if each.hash != seen.hash:
                return False
            continue
        if each.commit.sequence != at + 1 or each.commit.previous != hash:
            return False
        at, hash = each.commit.sequence, each.hash
    return (at, hash) == (tip.sequence, tip.hash)


def _newest_good(
    store: RemoteStore,
    keys: ArchiveKeys,
    tip: Head,
    records: Sequence[LoggedCommit],
) -> Commit:
    first = tip.sequence + 1
    while True:
        for each in reversed(records):
            if each.commit.sequence < first and mac_holds(keys, each.commit):
                return each.commit
        first = min([first, *(each.commit.sequence for each in records)])
        if first <= 1:
            raise IntegrityError(
                "no commit of the archive was made with this key"
            )
        below = max(1, first - _LOOK_BACK)
        records = store.log(below, first - 1)
        first = below if not records else first
