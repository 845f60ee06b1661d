# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Medians, and what is taken off for keys that a peer can't keep open."""

import pytest
from side_by_side.figures import (
    TOGETHER,
    Run,
    least_disturbed,
    median,
    run_from_dict,
)


def runs(*walls: float, unlocks: int = 0) -> "list[Run]":
    return [Run(wall, wall / 2, unlocks=unlocks) for wall in walls]


def test_median_of_three_ignores_the_outlier() -> None:
    assert median(runs(1.0, 99.0, 2.0), "wall") == 2.0


def test_median_of_two_lies_between() -> None:
    assert median(runs(1.0, 2.0), "wall") == 1.5


def test_nothing_measured_has_no_median() -> None:
    assert median([], "wall") is None
    assert median(runs(1.0), "growth") is None
    assert median(runs(1.0), "memory") is None


def test_unlocking_is_taken_off_as_often_as_it_happened() -> None:
    assert median(runs(3.0, unlocks=2), "wall", 1.0) == 1.0
    assert median(runs(3.0, unlocks=0), "wall", 1.0) == 3.0
    assert median(runs(0.5, unlocks=1), "wall", 1.0) == 0.0


def test_unlocking_costs_no_memory_or_bytes() -> None:
    run = Run(1, 1, {"store": 7}, {"growth": 9}, unlocks=1)
    assert median([run], "memory", 5.0) == 7
    assert median([run], "growth", 5.0) == 9


def test_memory_is_of_one_process() -> None:
    run = Run(1, 1, {"dom0": 5, "store": 7, TOGETHER: 12})
    assert median([run], "memory") == 7


def test_least_disturbed_is_by_share() -> None:
    short, long = Run(1, 1, foreign=0.5), Run(10, 1, foreign=1.0)
    assert least_disturbed([short, long]) is long


def test_run_survives_the_file() -> None:
    run = Run(1.5, 2.5, {"a": 1}, {"b": 2}, 0.25, True, 3, 1)
    assert run_from_dict(run.to_dict()) == run


def test_unknown_field_is_refused() -> None:
    with pytest.raises(TypeError):
        run_from_dict({"wall": 1, "cpu": 1, "weather": "fine"})
