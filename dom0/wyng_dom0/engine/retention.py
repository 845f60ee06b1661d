# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Which sessions rules keep, which go, and why. Pure functions over lists.

Order is by sequence, ages count from the newest committed session of the
archive and days are those of the clock on the wall of then. The newest
session of a volume and protected ones always stay. What looks like a clock
that jumped, or drops more than half, is an alarm: a person must say yes.
"""

from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from statistics import median
from typing import Callable, List, Mapping, Sequence, Tuple

from wyng_dom0.archive.session import Session
from wyng_dom0.keeping import Calendar, chosen_by, day_of
from wyng_dom0.names import SessionName, SessionSpec, SessionTag, quote
from wyng_dom0.rules import ApDays, Rules

_NS = 10**9
_DAY = 86400
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
    calendar = Calendar(sessions.values(), day_of(reference))
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
    calendar: Calendar,
) -> Tuple[Verdict, ...]:
    if rules.selects:
        chosen = chosen_by(sessions, rules, reference)
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
    latest = max(sessions, key=lambda each: each.time_ns)
    if latest.time_ns > newest + _CLOCK_SLACK * _NS:
        # By name: once it is removed by it, rules count as before.
        return [
            f"{quote(volume)} has the session {latest.name}, which is later"
            " than its newest: the clock was set back, or had been ahead"
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
