# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Which moments in time retention rules keep: the arithmetic alone.

Pure functions over moments in their order. What is spared all the same
(newest, protected, tagged) and what is an alarm, says engine/retention.py;
a picture of what rules keep is drawn from here, too.
"""

from collections import defaultdict
from datetime import date
from typing import (
    Callable,
    Dict,
    Iterable,
    List,
    Protocol,
    Sequence,
    Set,
    Tuple,
)

from wyng_dom0.rules import ApDays, Rules

_NS = 10**9
_DAY = 86400
# The first day of the calendar, counted as date.toordinal counts.
_EPOCH = date(1970, 1, 1).toordinal()


class Moment(Protocol):
    """A session's place in time, as much of it as rules look at.

    `time_ns` is in nanoseconds since 1970, `offset` that of the clock on the
    wall of then in seconds; `sequence` rises with each.
    """

    @property
    def time_ns(self) -> int: ...

    @property
    def offset(self) -> int: ...

    @property
    def sequence(self) -> int: ...


def chosen_by(
    sessions: Sequence[Moment], rules: Rules, reference: Moment
) -> Dict[int, str]:
    """Sequence -> why the rules keep it, for those that they keep."""
    kept: Dict[int, List[str]] = defaultdict(list)
    newest_first = sessions[::-1]
    for session in newest_first[: rules.last]:
        kept[session.sequence].append(f"one of the last {rules.last}")
    for wanted, word, period in (
        (rules.hourly, "hourly", _hour),
        (rules.daily, "daily", day_of),
        (rules.weekly, "weekly", _week),
        (rules.monthly, "monthly", _month),
        (rules.yearly, "yearly", _year),
    ):
        for session in _newest_of_each(newest_first, wanted, period):
            kept[session.sequence].append(word)
    if rules.within:
        least = reference.time_ns - rules.within * _NS
        for session in newest_first:
            if session.time_ns >= least:
                kept[session.sequence].append("recent enough")
    return {sequence: ", ".join(words) for sequence, words in kept.items()}


def _newest_of_each(
    newest_first: Sequence[Moment],
    wanted: int,
    period: Callable[[Moment], object],
) -> List[Moment]:
    """The newest session of each of the `wanted` newest periods."""
    seen: Set[object] = set()
    found: List[Moment] = []
    for session in newest_first:
        if len(found) >= wanted:
            break
        key = period(session)
        if key not in seen:
            seen.add(key)
            found.append(session)
    return found


def _local(session: Moment) -> int:
    """Seconds of the clock on the wall of then."""
    return session.time_ns // _NS + session.offset


def _hour(session: Moment) -> Tuple[int, int]:
    # With its offset: the hour that comes twice in autumn is two hours.
    return _local(session) // 3600, session.offset


def day_of(session: Moment) -> int:
    return _local(session) // _DAY


def _week(session: Moment) -> int:
    # The first day of the calendar was a Thursday; weeks begin on Mondays.
    return (day_of(session) + 3) // 7


def _month(session: Moment) -> Tuple[int, int]:
    day = date.fromordinal(_EPOCH + day_of(session))
    return day.year, day.month


def _year(session: Moment) -> int:
    return date.fromordinal(_EPOCH + day_of(session)).year


class Calendar:
    """The moments of all volumes' sessions, thinned alike for all of them.

    Without each volume's newest. What one send made has one moment.
    """

    def __init__(self, volumes: Iterable[Sequence[Moment]], today: int) -> None:
        self._today = today
        self._moments = {
            (each.time_ns, day_of(each))
            for some in volumes
            for each in some[:-1]
        }
        self._kept: Dict[ApDays, Set[int]] = {}

    def judge(self, session: Moment, apdays: ApDays) -> Tuple[bool, str]:
        """(stays, why) by the days alone."""
        age = self._today - day_of(session)
        if apdays.older and age > apdays.older:
            return False, f"over {apdays.older} days old"
        if not apdays.thin:
            return True, "nothing is thinned"
        if age <= apdays.thin:
            return True, f"within {apdays.thin} days"
        if session.time_ns in self._kept_of(apdays):
            return True, f"of those {_rate(apdays)}"
        return False, f"more than {_rate(apdays)}"

    def _kept_of(self, apdays: ApDays) -> Set[int]:
        if apdays not in self._kept:
            self._kept[apdays] = self._thin(apdays)
        return self._kept[apdays]

    def _thin(self, apdays: ApDays) -> Set[int]:
        spans: Dict[int, List[int]] = defaultdict(list)
        for moment, day in self._moments:
            age = self._today - day
            gone = apdays.older and age > apdays.older
            if age > apdays.thin and not gone:
                spans[(day + 3) // apdays.span].append(moment)
        kept: Set[int] = set()
        for moments in spans.values():
            kept.update(_spread(sorted(set(moments)), apdays.left))
        return kept


def _rate(apdays: ApDays) -> str:
    span = "day" if apdays.span == 1 else f"{apdays.span} days"
    return f"{apdays.left} per {span}"


def _spread(moments: Sequence[int], wanted: int) -> List[int]:
    """At most `wanted` of some moments, the first and the last among them;
    of one, the last."""
    if len(moments) <= wanted:
        return list(moments)
    if wanted == 1:
        return [moments[-1]]
    step = (len(moments) - 1) / (wanted - 1)
    return [moments[round(each * step)] for each in range(wanted)]
