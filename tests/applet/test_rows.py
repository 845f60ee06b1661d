# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Rows and headlines out of reports and runs."""

from typing import Any

import pytest

from applet import reports
from applet.reports import HOSTILE, NEVER_HAD, NOW, ago, backup, volume
from wyng_dom0.applet import headline as lines
from wyng_dom0.applet import rows as states
from wyng_dom0.applet.headline import Headline, headline
from wyng_dom0.applet.icons import BAD, GOOD
from wyng_dom0.applet.overview import rows_in
from wyng_dom0.applet.rows import Row, archives_of, with_runs
from wyng_dom0.applet.runs import Run, folded

Report = "dict[str, Any]"


def rows_of(report: Report, number: int = 0) -> "dict[str, Row]":
    archive = archives_of(report)[number]
    return {row.name: row for row in rows_in(report, archive)}


def said_of(*volumes: Report, **archive: Any) -> Headline:
    report = reports.overview(volumes, [reports.archive(**archive)])
    (facts,) = archives_of(report)
    return headline(facts, rows_in(report, facts), [], NOW)


def run_of(*said: "dict[str, Any]") -> Run:
    runs: "dict[str, Run]" = {}
    for each in said:
        run = folded(runs, {"run": "send-1", **each}, 0.0)
        runs[run.name] = run
    return runs["send-1"]


STARTED = {
    "event": "run-started",
    "command": "send",
    "archive": "laptop",
    "volumes": ["work:private"],
}


def test_each_state_of_the_engine_has_one_of_its_own() -> None:
    rows = rows_of(reports.overview(reports.EACH_STATE))
    assert {name: row.state for name, row in rows.items()} == {
        "work": states.GOOD,
        "dev": states.NEVER,
        "mail": states.FAILED,
        "bank": states.LATE,
        "old": states.KEPT,
        "usb": states.OUT,
        "far": states.UNKNOWN,
    }


def test_state_of_a_newer_engine_is_not_known() -> None:
    rows = rows_of(reports.overview([volume("a:private", [backup("new")])]))
    assert rows["a"].state == states.UNKNOWN


def test_qube_is_as_bad_and_as_old_as_its_worst_volume() -> None:
    root = backup("failed", error="no disk", sent=ago(70), time=ago(99))
    rows = rows_of(
        reports.overview([volume("a:private"), volume("a:root", [root])])
    )
    assert list(rows) == ["a"]
    assert rows["a"].state == states.FAILED and rows["a"].error == "no disk"
    assert rows["a"].volumes == ("a:private", "a:root")
    assert rows["a"].size == 2 << 30
    assert rows["a"].sent and rows["a"].sent.isoformat() == ago(70)


def test_part_that_is_left_out_says_nothing_of_the_qube() -> None:
    out = backup("excluded", sent=None, time=None)
    rows = rows_of(
        reports.overview([volume("a:private"), volume("a:root", [out])])
    )
    assert rows["a"].state == states.GOOD and rows["a"].sent


def test_each_archive_has_its_own_rows() -> None:
    both = [backup("ok", "one"), backup("failed", "two", failed=ago(1))]
    report = reports.overview(
        [volume("a:private", both), volume("b:private", both[:1])],
        [reports.archive("one"), reports.archive("two")],
    )
    assert set(rows_of(report)) == {"a", "b"}
    assert rows_of(report, 1)["a"].state == states.FAILED
    assert set(rows_of(report, 1)) == {"a"}


def test_volume_without_a_qube_is_a_row_by_its_own_name() -> None:
    rows = rows_of(reports.overview([volume("disks/a.img")]))
    assert rows["disks/a.img"].volumes == ("disks/a.img",)


@pytest.mark.parametrize("nonsense", [None, [], "x", 7, {"volumes": [1, None]}])
def test_nonsense_makes_no_rows(nonsense: Any) -> None:
    given = nonsense if isinstance(nonsense, dict) else {"volumes": nonsense}
    facts = archives_of(reports.overview([]))[0]
    assert rows_in(given, facts) == []
    assert archives_of({"archives": nonsense}) == []


def test_row_shows_the_run_that_works_on_it() -> None:
    rows = list(rows_of(reports.overview(reports.EACH_STATE)).values())
    waiting = run_of(STARTED)
    part: Report = {
        "event": "progress",
        "volume": "work:private",
        "done_bytes": 25,
        "total_bytes": 100,
    }
    found = {row.name: row for row in with_runs(rows, "laptop", [waiting])}
    assert found["work"].state == states.WAITING
    assert found["mail"].state == states.FAILED
    running = run_of(STARTED, part)
    found = {row.name: row for row in with_runs(rows, "laptop", [running])}
    assert found["work"].state == states.RUNNING and found["work"].part == 0.25
    held = run_of(STARTED, part, {"event": "paused"})
    assert with_runs(rows, "laptop", [held])[0].state == states.HELD
    assert with_runs(rows, "another", [running]) == rows


def test_all_is_well_says_since_when() -> None:
    said = said_of(volume("a:private"), volume("b:private"))
    assert said.text == "All 2 qubes are backed up; oldest 3 h ago."
    assert said.tone == GOOD and said.offer == lines.NOTHING


def test_worst_is_said_first_with_what_to_do() -> None:
    said = said_of(*reports.EACH_STATE)
    assert said.text == "1 qube could not be backed up."
    assert said.more == "mail: no disk" and said.names == ("mail",)
    assert said.tone == BAD and said.offer == lines.BACK_UP_THESE
    said = said_of(volume("a:private"), *reports.EACH_STATE[1:2])
    assert said.text == "1 qube was never backed up."
    assert said.more == said.names[0] == "dev"
    said = said_of(volume("a:private"), reports.EACH_STATE[3])
    assert said.text == "The backup of 1 qube is late."


def test_archive_that_is_late_as_a_whole_is_told() -> None:
    said = said_of(volume("a:private"), overdue=True, last_send=ago(80))
    assert said.tone == BAD and said.offer == lines.BACK_UP_ALL
    assert "3 d ago" in said.more and "every 1 d" in said.more


def test_left_out_and_gone_ask_for_nothing() -> None:
    said = said_of(volume("a:private"), *reports.EACH_STATE[4:6])
    assert said.text == "1 qube is backed up, 3 h ago."


def test_new_archive_is_no_alarm_and_offers_the_first_backup() -> None:
    new = volume("a:private", [backup("never", **NEVER_HAD)])
    said = said_of(new, last_send=None)
    assert said.tone != BAD and said.offer == lines.BACK_UP_THESE
    assert said.names == ("a",)


def test_run_is_told_before_all_else_and_alarms_stay() -> None:
    report = reports.overview(reports.EACH_STATE)
    (facts,) = archives_of(report)
    said = headline(facts, rows_in(report, facts), [run_of(STARTED)], NOW)
    assert said.text == "Backup is running."
    assert said.more == "1 qube could not be backed up."


def test_names_in_headlines_are_on_one_line_of_visible_characters() -> None:
    bad = backup("failed", failed=ago(1), error=HOSTILE)
    said = said_of(volume(HOSTILE, [bad]), source="/images")
    assert "\n" not in said.more and "\u202e" not in said.more
