# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Goals are judged by medians, with the key open, beside the better peer."""

import pytest
from side_by_side.figures import Run
from side_by_side.goals import (
    GOALS,
    Goal,
    disturbed,
    judge,
    unlock_cost,
    unlock_costs,
)
from side_by_side.rows import ROWS

RATIO = Goal("restore", ("restore",), "wall", 0.5, ("borg", "restic"))
LIMIT = Goal("list", ("list",), "wall", 0.25)
MEMORY = Goal("memory", ("send", "verify"), "memory", 100)


def test_ratio_is_to_the_better_peer() -> None:
    runs = {
        "restore": {
            "ours": [Run(4, 0)],
            "borg": [Run(20, 0)],
            "restic": [Run(10, 0)],
        }
    }
    verdict = judge(RATIO, runs)
    assert verdict.ratio == 0.4 and verdict.best == 10 and verdict.met


def test_peer_that_is_missing_makes_it_unknown() -> None:
    verdict = judge(RATIO, {"restore": {"ours": [Run(4, 0)]}})
    assert verdict.ratio is None and verdict.met is None


def test_limit_is_met_at_the_limit_and_missed_above() -> None:
    assert judge(LIMIT, {"list": {"ours": [Run(0.25, 0)]}}).met is True
    assert judge(LIMIT, {"list": {"ours": [Run(0.26, 0)]}}).met is False
    assert judge(LIMIT, {}).met is None


def test_largest_of_several_rows_counts() -> None:
    runs = {
        "send": {"ours": [Run(1, 1, {"dom0": 90})]},
        "verify": {"ours": [Run(1, 1, {"dom0": 60, "store": 101})]},
    }
    assert judge(MEMORY, runs).ours == 101
    assert judge(MEMORY, runs).met is False


def test_peers_count_as_unlocked() -> None:
    runs = {
        "restore": {
            "ours": [Run(5, 0)],
            "borg": [Run(11, 0, unlocks=1)],
        }
    }
    assert judge(RATIO, runs, {("borg", "wall"): 1.0}).ratio == 0.5


def test_unlocking_is_the_difference_of_the_two_rows() -> None:
    runs = {
        "locked": {"ours": [Run(3, 2)], "borg": [Run(1, 1)]},
        "unlocked": {"ours": [Run(1, 0.5)], "borg": [Run(2, 2)]},
    }
    costs = unlock_costs(runs)
    assert costs["ours", "wall"] == 2 and costs["ours", "cpu"] == 1.5
    assert costs["borg", "wall"] == 0
    assert unlock_costs({"locked": {"ours": [Run(3, 2)]}}) == {}


def test_variant_unlocks_as_its_program_does() -> None:
    costs = {("borg", "wall"): 0.5}
    assert unlock_cost(costs, "borg-fixed", "wall") == 0.5
    assert unlock_cost(costs, "restic", "wall") == 0.0


def test_disturbance_marks_times_and_not_bytes() -> None:
    loaded = Run(1, 1, {"dom0": 1}, loaded=True)
    runs = {"restore": {"ours": [Run(1, 1)], "restic": [loaded]}}
    assert disturbed(RATIO, runs)
    assert not disturbed(MEMORY, {"send": {"ours": [loaded]}})


@pytest.mark.parametrize("goal", GOALS, ids=lambda goal: goal.title)
def test_goal_asks_for_what_the_rows_measure(goal: Goal) -> None:
    kinds = {row.key: row for row in ROWS}
    for key in goal.rows:
        row = kinds[key]
        measured = {*row.contestants, *row.variants}
        assert {goal.ours, *goal.against} <= measured
        if goal.quantity == "memory":
            assert row.samples_memory
