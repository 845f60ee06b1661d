# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""How a volume stands with an archive: from what is known here alone.

Owns the closed list of states and how one is chosen. Reads no archive, so
that all of it is what this machine last saw. Pure.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from wyng_dom0.state.seen_volumes import SeenVolume
from wyng_dom0.state.tried_sends import NEVER, Tried

# One missed run is a machine that was asleep; two are worth a word.
MISSED = 2


class Standing(Enum):
    """The first that is true, in this order.

    `missing`: it is gone from its source, and what the archive has stays.
    `excluded`: a send without names leaves it out. `failed`: its last send
    failed. `never`: the archive has no session of it. `overdue`: two sends
    were missed. `unknown`: its archive has never been open here.
    """

    MISSING = "missing"
    EXCLUDED = "excluded"
    FAILED = "failed"
    UNKNOWN = "unknown"
    NEVER = "never"
    OVERDUE = "overdue"
    OK = "ok"


@dataclass(frozen=True)
class Facts:
    """What is known of one volume and one archive.

    `present` None: the source can't be read. `was_open`: the archive was
    open here some time. `since` is when it was made or first known here.
    """

    present: bool | None
    excluded: bool
    was_open: bool
    since: datetime
    seen: SeenVolume | None = None
    tried: Tried = NEVER


def judge(facts: Facts, every: timedelta, now: datetime) -> Standing:
    """How it stands where a send is due `every` so often."""
    has_sessions = facts.seen is not None and facts.seen.sessions > 0
    if facts.present is False:
        return Standing.MISSING
    if facts.excluded:
        return Standing.EXCLUDED
    if facts.tried.failed is not None:
        return Standing.FAILED
    if not facts.was_open and facts.tried.sent is None:
        return Standing.UNKNOWN
    if not has_sessions:
        return Standing.NEVER
    late = now - _last(facts, now) > MISSED * every
    return Standing.OVERDUE if late else Standing.OK


def _last(facts: Facts, now: datetime) -> datetime:
    """When it was last looked at whole; a time to come says nothing."""
    newest = facts.seen.time if facts.seen else None
    known = [
        moment
        for moment in (facts.tried.sent, newest)
        if moment is not None and moment <= now
    ]
    return max(known, default=facts.since)
