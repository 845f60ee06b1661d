# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Which commit of an archive is the newest good one, and is it new enough.

The chain of commits is walked from what dom0 last saw to the store's head.
A store that shows an older head, or one that doesn't chain from what was
seen, rolled the archive back. A record whose MAC fails is damage: it is
chained over by our next commit, and never followed.
"""

from dataclasses import dataclass
from typing import Iterator, List, Optional

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

    Raises IntegrityError when no commit of the archive is ours. Keeps no
    more than one answer of records: a store may make up any number of them.
    """
    assert store.welcome is not None
    tip = Head(store.welcome.sequence, store.welcome.head)
    if tip.sequence == 0:
        return ChainEnd(tip, None, _rolled_back(tip, pin.committed, None))
    first = _first_wanted(tip, pin)
    reached = pin.committed
    good: Optional[Commit] = None
    for each in _records_from(store, first):
        reached = _follow(reached, pin.committed, each)
        if mac_holds(keys, each.commit):
            good = _newer(good, each.commit)
    if good is None:
        good = _good_before(store, keys, first)
    damage = ""
    if good.sequence != tip.sequence:
        damage = (
            f"commit {tip.sequence} is damaged or not made with this"
            f" archive's key; commit {good.sequence} is used instead"
        )
    rollback = _rolled_back(tip, pin.committed, reached)
    return ChainEnd(tip, good, rollback, damage)


def _first_wanted(tip: Head, pin: Pin) -> int:
    seen = pin.committed
    if seen is not None and 1 <= seen.sequence <= tip.sequence:
        return seen.sequence
    return max(1, tip.sequence - _LOOK_BACK + 1)


def _records_from(store: RemoteStore, first: int) -> Iterator[LoggedCommit]:
    """The records first..head, or only the last ones when some are missing.

    A store may claim any head: where a whole answer is empty nothing more is
    asked for in between.
    """
    assert store.welcome is not None
    last = store.welcome.sequence
    for at in range(first, last + 1, limits.LOG_RECORDS_MAX):
        found = _within(store, at, min(last, at + limits.LOG_RECORDS_MAX - 1))
        if not found:
            below = max(at, last - limits.LOG_RECORDS_MAX + 1)
            yield from _within(store, below, last)
            return
        yield from found


def _within(store: RemoteStore, first: int, last: int) -> List[LoggedCommit]:
    return [
        each
        for each in store.log(first, last)
        if first <= each.commit.sequence <= last
    ]


def _follow(
    reached: Optional[Head], seen: Optional[Head], record: LoggedCommit
) -> Optional[Head]:
    """How far hashes lead from what was seen; None when they don't."""
    if reached is None or seen is None:
        return None
    here = Head(record.commit.sequence, record.hash)
    if here.sequence == seen.sequence:
        return reached if here == seen else None
    follows = record.commit.previous == reached.hash
    return here if follows and here.sequence == reached.sequence + 1 else None


def _newer(good: Optional[Commit], commit: Commit) -> Commit:
    if good is None or commit.sequence > good.sequence:
        return commit
    return good


def _rolled_back(
    tip: Head, seen: Optional[Head], reached: Optional[Head]
) -> str:
    if seen is None:
        return ""
    if tip.sequence < seen.sequence:
        return (
            f"the archive is at commit {tip.sequence}, but this machine has"
            f" seen commit {seen.sequence}: it is an older copy"
        )
    if reached == tip:
        return ""
    return (
        f"the archive's commits up to {tip.sequence} don't follow from commit"
        f" {seen.sequence} that this machine has seen: it is another copy"
    )


def _good_before(store: RemoteStore, keys: ArchiveKeys, first: int) -> Commit:
    """The newest of our commits before a sequence.

    An answer without any record ends the search: what lies behind so wide a
    gap is not followed.
    """
    while first > 1:
        last, first = first - 1, max(1, first - limits.LOG_RECORDS_MAX)
        records = _within(store, first, last)
        good: Optional[Commit] = None
        for each in records:
            if mac_holds(keys, each.commit):
                good = _newer(good, each.commit)
        if good is not None:
            return good
        if not records:
            break
    raise IntegrityError("no commit of the archive was made with this key")
