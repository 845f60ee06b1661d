# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The goals, and whether figures meet them. Pure.

A goal is a limit for one quantity of one of our rows: bytes or seconds, or a
share of what others need for the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Optional

from side_by_side.figures import Run, median

Runs = Mapping[str, Mapping[str, Sequence[Run]]]
Costs = Mapping[tuple[str, str], float]
MIB = 1 << 20


@dataclass(frozen=True)
class Goal:
    """At most `limit` times the best of `against`, or `limit` itself.

    Of several `rows` the largest figure counts. `ours` says which of our
    variants is meant.
    """

    title: str
    rows: "tuple[str, ...]"
    quantity: str
    limit: float
    against: "tuple[str, ...]" = ()
    ours: str = "ours"


@dataclass(frozen=True)
class Verdict:
    """A goal with our figure and, for a share, the best other's."""

    goal: Goal
    ours: Optional[float]
    best: Optional[float]

    @property
    def ratio(self) -> Optional[float]:
        """Ours by the best other's; None where there is none."""
        if self.ours is None or not self.best:
            return None
        return self.ours / self.best

    @property
    def met(self) -> Optional[bool]:
        """None where a figure is missing."""
        value = self.ratio if self.goal.against else self.ours
        return None if value is None else value <= self.goal.limit


GOALS = (
    Goal("first send, wall", ("first-send",), "wall", 0.4, ("borg",)),
    Goal("first send, processor", ("first-send",), "cpu", 0.7, ("borg",)),
    Goal(
        "first send beside plain zstd", ("first-send",), "wall", 1.0, ("zstd",)
    ),
    Goal(
        "restore to a new file, synced",
        ("restore",),
        "wall",
        0.5,
        ("borg", "restic"),
    ),
    Goal("verify of all data", ("verify",), "wall", 0.35, ("borg",)),
    Goal("1 % changed, wall", ("changed",), "wall", 0.35, ("borg",)),
    Goal("1 % changed, growth", ("changed",), "growth", 0.5, ("borg",)),
    Goal("prune of the oldest of ten", ("prune-10",), "wall", 0.5),
    Goal("prune of the oldest of 200", ("prune-200",), "wall", 0.5),
    Goal("list of 200 sessions", ("list-200",), "wall", 0.25),
    Goal(
        "memory of either process",
        ("first-send", "restore", "verify"),
        "memory",
        128 * MIB,
    ),
    Goal(
        "memory, huge sparse image",
        ("huge-send", "huge-restore"),
        "memory",
        128 * MIB,
    ),
    Goal(
        "archive size, 128 KiB chunks",
        ("first-send",),
        "archive",
        1.08,
        ("borg",),
    ),
    Goal(
        "archive size, 256 KiB chunks",
        ("first-send",),
        "archive",
        1.05,
        ("borg",),
        "ours-256k",
    ),
)

# Of bench/reflink.py: what changed is known without reading.
CLONE_GOALS = (
    Goal("unchanged, btrfs", ("unchanged",), "wall", 0.4),
    Goal("unchanged, XFS", ("unchanged",), "wall", 0.4, (), "ours-xfs"),
    Goal(
        "the same, 1 TiB", ("unchanged",), "wall", 1.2, ("ours",), "ours-huge"
    ),
    Goal("64 writes of 16 KiB, btrfs", ("scattered",), "wall", 0.5),
    Goal(
        "64 writes of 16 KiB, XFS", ("scattered",), "wall", 0.5, (), "ours-xfs"
    ),
    Goal(
        "the same, 1 TiB", ("scattered",), "wall", 1.2, ("ours",), "ours-huge"
    ),
    Goal(
        "1 % changed of a clone, wall",
        ("clustered",),
        "wall",
        0.2,
        ("borg", "restic"),
    ),
    Goal(
        "bytes read of 1 % changed",
        ("reading",),
        "read",
        1.0,
        ("changed-chunks",),
    ),
    Goal("300,000 extents in one pass, btrfs", ("one-pass",), "wall", 6.0),
    Goal(
        "300,000 extents in one pass, XFS",
        ("one-pass",),
        "wall",
        6.0,
        (),
        "ours-xfs",
    ),
    Goal("memory of one pass", ("one-pass",), "memory", 64 * MIB),
    Goal(
        "a small send after many sessions",
        ("history",),
        "wall",
        1.2,
        ("ours",),
        "ours-many",
    ),
)


def judge(
    goal: Goal, runs: Runs, unlocks: Costs = MappingProxyType({})
) -> Verdict:
    """A goal against the runs of all rows; keys count as already open."""
    best = [largest(goal, key, runs, unlocks) for key in goal.against]
    known = [value for value in best if value is not None]
    return Verdict(
        goal,
        largest(goal, goal.ours, runs, unlocks),
        min(known, default=None),
    )


def largest(
    goal: Goal, key: str, runs: Runs, unlocks: Costs
) -> Optional[float]:
    """A contestant's figure for a goal; the largest of several rows'."""
    cost = unlock_cost(unlocks, key, goal.quantity)
    medians = [
        median(runs.get(row, {}).get(key, ()), goal.quantity, cost)
        for row in goal.rows
    ]
    return max((each for each in medians if each is not None), default=None)


def unlock_costs(runs: Runs) -> Costs:
    """What one unlocking by passphrase costs, by contestant and quantity."""
    costs = {}
    for key, locked in runs.get("locked", {}).items():
        for name in ("wall", "cpu"):
            slow = median(locked, name)
            fast = median(runs.get("unlocked", {}).get(key, ()), name)
            if slow is not None and fast is not None:
                costs[key, name] = max(0.0, slow - fast)
    return costs


def disturbed(goal: Goal, runs: Runs) -> bool:
    """True when any run that a goal is judged by was under other load."""
    if goal.quantity not in ("wall", "cpu"):
        return False
    return any(
        run.loaded
        for row in goal.rows
        for key in (goal.ours, *goal.against)
        for run in runs.get(row, {}).get(key, ())
    )


def unlock_cost(costs: Costs, key: str, name: str) -> float:
    """Of one contestant; a variant's key costs what its program's does."""
    program = key.partition("-")[0]
    return costs.get((key, name), costs.get((program, name), 0.0))
