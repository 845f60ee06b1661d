# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""How values look as text, and which events are worth a line."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wyng_dom0 import events
from wyng_dom0.cli import render
from wyng_dom0.commands import reports

TIME = datetime(2026, 11, 23, 10, 15, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    "size, text",
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1024, "1.00 KiB"),
        (10239, "10.0 KiB"),
        (102399, "100 KiB"),
        (1048575, "1.00 MiB"),
        (5 << 30, "5.00 GiB"),
        (1 << 60, "1.00 EiB"),
    ],
)
def test_size_has_three_digits(size: int, text: str) -> None:
    assert render.format_size(size) == text


@given(st.integers(min_value=0, max_value=1 << 62))
def test_size_is_short_for_any(size: int) -> None:
    assert len(render.format_size(size)) <= 10


def test_table_is_aligned_without_spaces_at_the_end() -> None:
    text = render.format_table(("A", "N"), [("xx", "1"), ("y", "10")], "lr")
    assert text == "A    N\nxx   1\ny   10"
    assert render.format_table(("A",), []) == ""
    loose = render.format_table(("A", "B"), [("x", "")])
    assert not any(line.endswith(" ") for line in loose.splitlines())


def test_list_of_volumes() -> None:
    rows = (
        reports.VolumeRow("a.img", 1 << 30, 3, "20261123-101500"),
        reports.VolumeRow("new.img"),
    )
    text = render.render_report(reports.VolumeList("laptop", rows))
    assert "a.img    1.00 GiB         3  20261123-101500" in text
    assert text.splitlines()[-1] == "new.img                   0"
    empty = render.render_report(reports.VolumeList("laptop", ()))
    assert empty == "The archive laptop has no volumes."


def test_list_of_sessions() -> None:
    row = reports.SessionRow(
        "20261123-101500", 1, TIME, 5, 5, "not-still", ("work",), True
    )
    text = render.render_report(reports.SessionList("l", "a", (row,)))
    assert "not-still  work (protected)" in text
    none = render.render_report(reports.SessionList("l", "a", ()))
    assert none == "The volume a has no sessions."


def test_sessions_fit_a_screen_and_say_their_offsets() -> None:
    summer = TIME.astimezone(timezone(timedelta(hours=2)))
    rows = tuple(
        reports.SessionRow(
            *("20261123-101500", 1, each, 5, 5, "not-still", ("work",)),
            pinned=True,
            unique=5,
            proven=TIME,
        )
        for each in (TIME, summer)
    )
    one, both = (
        render.render_report(reports.SessionList("l", "a", some))
        for some in (rows[:1], rows)
    )
    assert "UTC" not in one and "SESSION          UTC" in both
    assert "20261123-101500  +0200" in both
    plain = replace(rows[0], tags=(), unique=None)
    text = render.render_report(reports.SessionList("l", "a", (plain,)))
    assert max(map(len, text.splitlines())) <= 80


def test_protection_alone_is_no_tag_before_it() -> None:
    row = reports.SessionRow(
        "20261123-101500", 1, TIME, 5, 5, "clean", (), True
    )
    text = render.render_report(reports.SessionList("l", "a", (row,)))
    assert "clean  (protected)" in text


def test_pruned_sessions_are_counted() -> None:
    row = reports.PrunedRow("a", "20261123-101500")
    done = render.render_report(reports.PruneList("l", (row,), False, 1024))
    assert done.endswith("1 session removed, 1.00 KiB freed.")
    plan = render.render_report(reports.PruneList("l", (row, row), True))
    assert plan.endswith("2 sessions would be removed.")


@pytest.mark.parametrize(
    "event, line",
    [
        (events.VolumeDone("a", changed=False), "a: no change"),
        (
            events.VolumeDone("a", 9, 2048, 1024, "S", point_in_time=False),
            "a: S, 2.00 KiB changed, 1.00 KiB sent, not point-in-time",
        ),
        (events.VolumeDone("a", error="gone"), "a: FAILED: gone"),
        (events.Notice("text"), "text"),
        (events.RunDone("send", "l", head_code="ab-cd"), "Head code: ab-cd"),
        (events.RunDone("send", "l"), None),
        (events.Progress("a", 1, 2), None),
        (events.VolumeStarted("a", 2), None),
        (events.Warning_("w"), None),
    ],
)
def test_event_as_a_line(event: events.Event, line: "str | None") -> None:
    assert render.render_event(event) == line


def test_hostile_name_is_shown_escaped() -> None:
    line = render.render_event(events.VolumeDone("\x1b[31m", changed=False))
    assert line is not None and line.isprintable()


def test_time_says_its_offset() -> None:
    assert render.format_time(TIME) == "2026-11-23 10:15:00 +0000"
    assert render.format_time(None) == ""
