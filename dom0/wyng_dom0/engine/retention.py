# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Which sessions rules keep, which go, and why. Pure functions over lists.

Order is by sequence, ages count from the newest committed session of the
archive and days are those of the clock on the wall of then. The newest
session of a volume and protected ones always stay. What looks like a clock
that jumped, or drops more than half, is an alarm: a person must say yes.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from statistics import median
from typing import Callable, Dict, List, Mapping, Sequence, Set, Tuple

from wyng_dom0.archive.session import Session
from wyng_dom0.names import SessionName, SessionSpec, SessionTag, quote
from wyng_dom0.rules import ApDays, Rules

_NS = 10**9
_DAY = 86400
# The first day of the calendar, counted as date.toordinal counts.
_EPOCH = date(1970, 1, 1).toordinal()
# Clocks of one machine may differ by so much without having jumped.
_CLOCK_SLACK = 3600
# A step ahead between two of the newest sessions that wants an explanation.
_STEP_AHEAD = 30 * _DAY
_RECENT = 16
# Fewer lost sessions of one volume than this are no alarm of their own.
_FEW = 4

RulesOf = Callable[[str], Rules]


@dataclass(frozen=True)
class Verdict:
    """One session stays or goes; `why` is a few words for people."""

    session: Session
    keep: bool
    why: str


@dataclass(frozen=True)
class VolumeVerdicts:
    """One volume's verdicts, oldest session first."""

    volume: str
    verdicts: Tuple[Verdict, ...]

    @property
    def doomed(self) -> List[Session]:
        """The sessions that go."""
        return [each.session for each in self.verdicts if not each.keep]


@dataclass(frozen=True)
class Retention:
    """What rules come to. `alarms` are reasons to ask a person first."""

    volumes: Tuple[VolumeVerdicts, ...]
    alarms: Tuple[str, ...] = ()


def judge(
    sessions: Mapping[str, Sequence[Session]],
    selected: Sequence[str],
    rules_of: RulesOf,
    spared: Sequence[SessionSpec],
    now: datetime,
) -> Retention:
    """What stays and goes of the `selected` volumes.

    `sessions` maps every volume of the archive to its sessions in order of
    sequence: the calendar is that of all of them. `spared` are --keep's.
    """
    newest = [some[-1] for some in sessions.values() if some]
    if not newest:
        return Retention(tuple(VolumeVerdicts(name, ()) for name in selected))
    reference = max(newest, key=lambda each: each.time_ns)
    calendar = _Calendar(sessions, _day(reference))
    volumes = tuple(
        VolumeVerdicts(
            name,
            _judge_volume(
                sessions[name], rules_of(name), spared, reference, calendar
            ),
        )
        for name in selected
    )
    doomed = any(each.doomed for each in volumes)
    alarms = _alarms(sessions, volumes, reference, now) if doomed else []
    return Retention(volumes, tuple(alarms))


def is_spared(session: Session, spared: Sequence[SessionSpec]) -> str:
    """Why --keep or the session itself forbids to remove it, else ""."""
    if session.pinned:
        return "protected"
    for spec in spared:
        if isinstance(spec, SessionName) and spec.name == session.name:
            return "named by --keep"
        if isinstance(spec, SessionTag) and _has_tag(session, (spec.tag,)):
            return f"tagged ^{spec.tag}"
    return ""


def _judge_volume(
    sessions: Sequence[Session],
    rules: Rules,
    spared: Sequence[SessionSpec],
    reference: Session,
    calendar: "_Calendar",
) -> Tuple[Verdict, ...]:
    if rules.selects:
        chosen = _chosen(sessions, rules, reference)
    else:
        chosen = {}
    verdicts = []
    for session in sessions:
        always = is_spared(session, spared)
        if not always and _has_tag(session, rules.tags):
            always = "tagged, kept by --keep-tag"
        if session is sessions[-1]:
            always = "newest"
        if always:
            verdicts.append(Verdict(session, True, always))
        elif rules.selects:
            why = chosen.get(session.sequence, "")
            verdicts.append(
                Verdict(session, bool(why), why or "no rule keeps it")
            )
        else:
            keep, why = calendar.judge(session, rules.apdays or ApDays())
            verdicts.append(Verdict(session, keep, why))
    return tuple(verdicts)


def _has_tag(session: Session, tags: Sequence[str]) -> bool:
    if not tags or not session.tags:
        return False
    return "all" in tags or any(each.name in tags for each in session.tags)


def _chosen(
    sessions: Sequence[Session], rules: Rules, reference: Session
) -> Dict[int, str]:
    """Sequence -> why the rules keep it, for those that they keep."""
    kept: Dict[int, List[str]] = defaultdict(list)
    newest_first = sessions[::-1]
    for session in newest_first[: rules.last]:
        kept[session.sequence].append(f"one of the last {rules.last}")
    for wanted, word, period in (
        (rules.hourly, "hourly", _hour),
        (rules.daily, "daily", _day),
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
    newest_first: Sequence[Session],
    wanted: int,
    period: Callable[[Session], object],
) -> List[Session]:
    """The newest session of each of the `wanted` newest periods."""
    seen: Set[object] = set()
    found: List[Session] = []
    for session in newest_first:
        if len(found) >= wanted:
            break
        key = period(session)
        if key not in seen:
            seen.add(key)
            found.append(session)
    return found


def _local(session: Session) -> int:
    """Seconds of the clock on the wall of then."""
    return session.time_ns // _NS + session.offset


def _hour(session: Session) -> Tuple[int, int]:
    # With its offset: the hour that comes twice in autumn is two hours.
    return _local(session) // 3600, session.offset


def _day(session: Session) -> int:
    return _local(session) // _DAY


def _week(session: Session) -> int:
    # The first day of the calendar was a Thursday; weeks begin on Mondays.
    return (_day(session) + 3) // 7


def _month(session: Session) -> Tuple[int, int]:
    day = date.fromordinal(_EPOCH + _day(session))
    return day.year, day.month


def _year(session: Session) -> int:
    return date.fromordinal(_EPOCH + _day(session)).year


class _Calendar:
    """The moments of all volumes' sessions, thinned alike for all of them.

    Without each volume's newest. What one send made has one moment.
    """

    def __init__(
        self, sessions: Mapping[str, Sequence[Session]], today: int
    ) -> None:
        self._today = today
        self._moments = {
            (each.time_ns, _day(each))
            for some in sessions.values()
            for each in some[:-1]
        }
        self._kept: Dict[ApDays, Set[int]] = {}

    def judge(self, session: Session, apdays: ApDays) -> Tuple[bool, str]:
        """(stays, why) by the days alone."""
        age = self._today - _day(session)
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


def _alarms(
    sessions: Mapping[str, Sequence[Session]],
    volumes: Sequence[VolumeVerdicts],
    reference: Session,
    now: datetime,
) -> List[str]:
    alarms = []
    if reference.time_ns / _NS > now.timestamp() + _CLOCK_SLACK:
        alarms.append(
            f"the newest session, {reference.name}, lies ahead of this"
            " machine's clock"
        )
    for name, some in sessions.items():
        alarms.extend(_clock_alarms(name, some))
    return [*alarms, *_loss_alarms(volumes)]


def _clock_alarms(volume: str, sessions: Sequence[Session]) -> List[str]:
    if len(sessions) < 2:
        return []
    newest = sessions[-1].time_ns
    if any(each.time_ns > newest + _CLOCK_SLACK * _NS for each in sessions):
        return [
            f"{quote(volume)} has sessions that are later than its newest:"
            " the clock was set back, or had been ahead"
        ]
    times = [each.time_ns // _NS for each in sessions[-_RECENT - 1 :]]
    steps = [after - before for before, after in pairwise(times)]
    if max(steps) > max(_STEP_AHEAD, 10 * median(steps)):
        days = max(steps) // _DAY
        return [
            f"the clock went ahead by {days} days between two of the newest"
            f" sessions of {quote(volume)}"
        ]
    return []


def _loss_alarms(volumes: Sequence[VolumeVerdicts]) -> List[str]:
    lost = sum(len(each.doomed) for each in volumes)
    total = sum(len(each.verdicts) for each in volumes)
    if 2 * lost > total:
        return [f"{lost} of {total} sessions would be removed"]
    return [
        f"{len(each.doomed)} of {len(each.verdicts)} sessions of"
        f" {quote(each.volume)} would be removed"
        for each in volumes
        if 2 * len(each.doomed) > len(each.verdicts)
        and len(each.doomed) >= _FEW
    ]
