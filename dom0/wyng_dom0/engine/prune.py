# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Pruning: taking sessions away, on purpose and on record."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

from wyng_common.messages import Capability
from wyng_dom0.archive.page import Page
from wyng_dom0.archive.session import Session
from wyng_dom0.engine.flights import step_back
from wyng_dom0.engine.opened import OpenArchive
from wyng_dom0.engine.proving import forget_proofs
from wyng_dom0.engine.publish import Changes, Intent, publish, removals_of
from wyng_dom0.engine.retention import (
    RulesOf,
    Verdict,
    VolumeVerdicts,
    is_spared,
    judge,
)
from wyng_dom0.engine.selection import named_sessions
from wyng_dom0.errors import NotFound
from wyng_dom0.names import SessionRange, SessionSpec
from wyng_dom0.seal.records import Removal
from wyng_dom0.state.heads import Head

# Why a session stays that --session does not name.
NOT_MEANT = "not meant"


@dataclass(frozen=True)
class PrunePlan:
    """Which sessions of which volumes go, which stay, and why.

    The newest of each volume and protected ones always stay. `alarms` are
    reasons to ask a person first, whoever started it.
    """

    pages: Tuple[Page, ...]
    volumes: Tuple[VolumeVerdicts, ...]
    alarms: Tuple[str, ...] = ()

    @property
    def doomed(self) -> Tuple[Tuple[Page, Tuple[Session, ...]], ...]:
        """What goes, by volume; volumes that lose nothing are left out."""
        pairs = zip(self.pages, self.volumes, strict=True)
        return tuple(
            (page, tuple(each.doomed)) for page, each in pairs if each.doomed
        )

    @property
    def verdicts(self) -> Iterator[Verdict]:
        """Those of all volumes."""
        return (v for each in self.volumes for v in each.verdicts)

    @property
    def count(self) -> int:
        """How many sessions go."""
        return sum(len(sessions) for _, sessions in self.doomed)

    def left_in(self, archive: OpenArchive) -> "PrunePlan":
        """The plan without the sessions that the archive has lost since.

        Rules that spread what they keep would judge anew once some of it is
        gone: what was to stay stays, however many rounds it takes.
        """
        found = [
            (archive.pages[page.volume], each)
            for page, each in zip(self.pages, self.volumes, strict=True)
            if page.volume in archive.pages
        ]
        pages = [page for page, _ in found]
        volumes = []
        histories = archive.sessions_of(pages)
        for (_, each), sessions in zip(found, histories, strict=True):
            there = {session.sequence for session in sessions}
            verdicts = [v for v in each.verdicts if v.session.sequence in there]
            volumes.append(replace(each, verdicts=tuple(verdicts)))
        return replace(self, pages=tuple(pages), volumes=tuple(volumes))

    def oldest(self, count: int) -> "PrunePlan":
        """The plan with only its `count` oldest sessions going, by time."""
        doomed = [s for each in self.volumes for s in each.doomed]
        moments = sorted(session.time_ns for session in doomed)
        if len(moments) <= count:
            return self
        # What one send made goes together.
        last = moments[count - 1] if count else moments[0] - 1
        volumes = tuple(_sparing_later(each, last) for each in self.volumes)
        return replace(self, volumes=volumes)


def _sparing_later(volume: VolumeVerdicts, last: int) -> VolumeVerdicts:
    verdicts = tuple(
        (
            replace(each, keep=True, why="there is room for it")
            if not each.keep and each.session.time_ns > last
            else each
        )
        for each in volume.verdicts
    )
    return replace(volume, verdicts=verdicts)


def plan_prune(
    archive: OpenArchive,
    pages: Sequence[Page],
    wanted: SessionRange,
    all_before: bool,
    spared: Sequence[SessionSpec] = (),
) -> PrunePlan:
    """What a prune of named sessions would take away; changes nothing.

    Raises NotFound when an end of a range is a tag that no volume has.
    """
    volumes: List[VolumeVerdicts] = []
    missing: Optional[NotFound] = None
    found = False
    everything = archive.sessions_of(pages)
    for page, sessions in zip(pages, everything, strict=True):
        meant: List[Session] = []
        try:
            meant = named_sessions(sessions, wanted, all_before)
            found = True
        except NotFound as error:
            missing = error
        volumes.append(judge_named(page.name, sessions, meant, spared))
    if missing is not None and not found:
        raise missing
    return PrunePlan(tuple(pages), tuple(volumes))


def judge_named(
    volume: str,
    sessions: Sequence[Session],
    meant: Sequence[Session],
    spared: Sequence[SessionSpec],
) -> VolumeVerdicts:
    """Of the sessions that were named, which go; the newest never does."""
    doomed = {each.sequence for each in meant}
    verdicts = []
    for session in sessions:
        why = is_spared(session, spared)
        if session is sessions[-1]:
            why = "newest"
        if session.sequence not in doomed:
            why = NOT_MEANT
        keep = bool(why)
        verdicts.append(Verdict(session, keep, why or "named by --session"))
    return VolumeVerdicts(volume, tuple(verdicts))


def plan_retention(
    archive: OpenArchive,
    pages: Sequence[Page],
    rules_of: RulesOf,
    spared: Sequence[SessionSpec],
    now: datetime,
) -> PrunePlan:
    """What rules would take away of some volumes; changes nothing."""
    known = list(archive.pages.values())
    everything: Dict[str, Sequence[Session]] = {
        page.name: sessions
        for page, sessions in zip(
            known, archive.sessions_of(known), strict=True
        )
    }
    names = [page.name for page in pages]
    found = judge(everything, names, rules_of, spared, now)
    return PrunePlan(tuple(pages), found.volumes, found.alarms)


def carry_out(archive: OpenArchive, plan: PrunePlan, now_ns: int) -> Head:
    """Commit the archive without the plan's sessions, and have given back
    what only they held: on a commit's way the store frees little."""
    changes: Changes = {}
    removals: List[Removal] = []
    for page, sessions in plan.doomed:
        gone = frozenset(each.sequence for each in sessions)
        left = page.without_sessions(gone, archive)
        step_back(archive, page, left)
        changes[page.volume] = left
        removals.extend(removals_of(page.volume, gone))
    intent = Intent(changes, tuple(removals))
    head = publish(archive, intent, Capability.PRUNE, now_ns)
    for page, sessions in plan.doomed:
        gone = frozenset(each.sequence for each in sessions)
        forget_proofs(archive, page.volume, gone)
    if plan.doomed:
        archive.store.reclaim()
    return head
