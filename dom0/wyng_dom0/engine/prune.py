# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Pruning: taking sessions away, on purpose and on record."""

from dataclasses import dataclass
from typing import List, Sequence, Tuple

from wyng_common.messages import Capability
from wyng_dom0.archive.page import Page
from wyng_dom0.archive.session import Session
from wyng_dom0.engine.opened import OpenArchive
from wyng_dom0.engine.publish import Changes, Intent, publish, removals_of
from wyng_dom0.engine.selection import prunable
from wyng_dom0.names import SessionRange
from wyng_dom0.seal.records import Removal
from wyng_dom0.state.heads import Head


@dataclass(frozen=True)
class PrunePlan:
    """Which sessions of which volumes go; the newest of each always stays."""

    doomed: Tuple[Tuple[Page, Tuple[Session, ...]], ...]

    @property
    def count(self) -> int:
        """How many sessions go."""
        return sum(len(sessions) for _, sessions in self.doomed)


def plan_prune(
    archive: OpenArchive,
    pages: Sequence[Page],
    wanted: SessionRange,
    all_before: bool,
) -> PrunePlan:
    """What a prune would take away; changes nothing."""
    doomed: List[Tuple[Page, Tuple[Session, ...]]] = []
    for page in pages:
        sessions = archive.sessions(page)
        meant = prunable(sessions, wanted, all_before) if sessions else []
        if meant:
            doomed.append((page, tuple(meant)))
    return PrunePlan(tuple(doomed))


def carry_out(archive: OpenArchive, plan: PrunePlan, now_ns: int) -> Head:
    """Commit the archive without the plan's sessions."""
    changes: Changes = {}
    removals: List[Removal] = []
    for page, sessions in plan.doomed:
        gone = frozenset(each.sequence for each in sessions)
        changes[page.volume] = page.without_sessions(gone, archive)
        removals.extend(removals_of(page.volume, gone))
    intent = Intent(changes, tuple(removals))
    return publish(archive, intent, Capability.PRUNE, now_ns)
