# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Marks of axes are round, few, and where the calendar has them."""

from datetime import datetime

import pytest

from wyng_dom0.applet.axis_ticks import (
    DAY,
    HOUR,
    seconds_of,
    size_ticks,
    time_ticks,
)


@pytest.mark.parametrize("most", [0, 1, 999, 1025, 10**6, 3 << 30, 10**18])
def test_sizes_are_round_few_and_reach_the_largest(most: int) -> None:
    ticks = size_ticks(most, 6)
    steps = {b - a for a, b in zip(ticks, ticks[1:], strict=False)}
    assert ticks[0] == 0 and ticks[-1] >= most and len(ticks) <= 8
    assert len(steps) == 1
    step = steps.pop()
    while step % 1024 == 0:
        step //= 1024
    assert str(step).rstrip("0") in ("1", "2", "5", "2048")


@pytest.mark.parametrize(
    "span", [1.0, HOUR, DAY, 40 * DAY, 800 * DAY, 20_000 * DAY]
)
def test_times_are_few_and_within_the_view(span: float) -> None:
    begin = datetime(2025, 3, 4, 5, 6, 7).timestamp()
    ticks = time_ticks(begin, begin + span, 8)
    seconds = [seconds_of(each) for each in ticks.moments]
    assert seconds == sorted(seconds) and len(seconds) <= 10
    assert all(begin <= each <= begin + span for each in seconds)


def test_days_begin_at_midnight_and_weeks_on_mondays() -> None:
    begin = datetime(2025, 3, 4, 5, 6, 7).timestamp()
    days = time_ticks(begin, begin + 6 * DAY, 8)
    assert {(t.hour, t.minute) for t in days.moments} == {(0, 0)}
    weeks = time_ticks(begin, begin + 50 * DAY, 8)
    assert {t.weekday() for t in weeks.moments} == {0}


def test_months_and_years_begin_on_their_first() -> None:
    begin = datetime(2020, 3, 4).timestamp()
    months = time_ticks(begin, begin + 200 * DAY, 8)
    assert months.unit == "month" and {t.day for t in months.moments} == {1}
    years = time_ticks(begin, begin + 3000 * DAY, 8)
    assert years.unit == "year"
    assert {(t.month, t.day) for t in years.moments} == {(1, 1)}


@pytest.mark.parametrize("begin", [-1e15, 1e15, 0.0])
def test_times_beyond_all_calendars_are_no_error(begin: float) -> None:
    assert len(time_ticks(begin, begin + 1e16, 5).moments) <= 200
