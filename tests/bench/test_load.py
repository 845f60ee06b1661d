# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A run under other load is known as one; a quiet one isn't marked."""

import pytest
from side_by_side.load import Load, Moment, load_between, now, parse_busy

STAT = """cpu  100 10 50 9999 777 1 2 5 400 0
cpu0 100 10 50 9999 777 1 2 5 400 0
intr 12345
"""


def test_busy_time_is_all_but_idle_waiting_and_guests() -> None:
    assert parse_busy(STAT, 100) == pytest.approx(1.68)


def test_text_without_the_sum_is_refused() -> None:
    with pytest.raises(ValueError, match="no line"):
        parse_busy("cpu0 1 2 3 4 5 6 7 8\n", 100)


def test_own_and_measured_time_is_not_foreign() -> None:
    load = load_between(Moment(10, 100, 5), Moment(20, 118, 22))
    assert load == Load(wall=10, foreign=1)
    assert load.share == pytest.approx(0.1)


def test_rounding_makes_no_negative_load() -> None:
    assert load_between(Moment(0, 0, 0), Moment(1, 0.9, 1)).foreign == 0


def test_one_other_busy_processor_disturbs() -> None:
    assert Load(wall=10, foreign=10).disturbs
    assert Load(wall=0.3, foreign=0.3).disturbs


def test_kernel_threads_and_ticks_do_not_disturb() -> None:
    assert not Load(wall=10, foreign=1.2).disturbs
    assert not Load(wall=0.2, foreign=0.05).disturbs


def test_clocks_of_this_machine_run_forward() -> None:
    first = now()
    second = now()
    assert second.clock >= first.clock
    assert second.busy >= first.busy
    assert second.own >= first.own > 0
