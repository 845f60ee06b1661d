# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What systemctl says of timers, in the words of systemd 252 and 256."""

from datetime import datetime, timezone

import pytest

from wyng_dom0.runs.timers import next_sends, parse_timers

SHOWN = """\
NextElapseUSecRealtime=Thu 2026-11-26 01:03:12 UTC
Id=qvm-wyng-send@laptop.timer
ActiveState=active

NextElapseUSecRealtime=
Id=qvm-wyng-send@away.timer
ActiveState=inactive

Id=qvm-wyng-send@off.timer
ActiveState=inactive
NextElapseUSecRealtime=Thu 2026-11-26 01:03:12 UTC
"""


def test_next_send_is_read_in_whatever_order_it_is_told() -> None:
    names = ["away", "laptop", "off", "never-asked"]
    assert parse_timers(SHOWN, names) == {
        "laptop": datetime(2026, 11, 26, 1, 3, 12, tzinfo=timezone.utc)
    }


def test_timer_that_was_not_asked_for_is_not_believed() -> None:
    assert parse_timers(SHOWN, ["away"]) == {}


@pytest.mark.parametrize(
    "moment",
    [
        "n/a",
        "0",
        "infinity",
        "@1795655000",
        "Thu 2026-11-26 01:03:12 CET",
        "Thu 2026-13-26 01:03:12 UTC",
        "Thu 2026-11-26 99:03:12 UTC",
        "",
    ],
)
def test_what_is_no_moment_is_no_next_send(moment: str) -> None:
    shown = f"Id=qvm-wyng-send@a.timer\nActiveState=active\n{_LINE}{moment}"
    assert parse_timers(shown, ["a"]) == {}


_LINE = "NextElapseUSecRealtime="


@pytest.mark.parametrize("noise", ["", "\n\n\n", "=\n=", "x" * 1000])
def test_noise_is_no_next_send(noise: str) -> None:
    assert parse_timers(noise, ["a"]) == {}


def test_archive_that_no_unit_is_named_after_has_none() -> None:
    assert next_sends(["a+b"]) == {}
    assert next_sends([]) == {}
