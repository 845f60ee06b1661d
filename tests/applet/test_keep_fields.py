# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The picture of what is kept is what a prune keeps."""

from datetime import datetime, timezone

import pytest
from PyQt6.QtWidgets import QAbstractButton, QSpinBox
from pytestqt.qtbot import QtBot

from memory_archive import a_session
from wyng_dom0.applet import keeping_rules
from wyng_dom0.applet.keep_fields import KeepFields
from wyng_dom0.applet.keep_picture import length, summary
from wyng_dom0.applet.keeping_rules import (
    ALL,
    DAY,
    HOUR,
    OWN,
    PRESETS,
    YEAR,
    Made,
    kept_ages,
    preset_of,
    values_of,
    words_of,
)
from wyng_dom0.engine.retention import judge
from wyng_dom0.rules import Rules, parse_rules

NOW = 1_795_694_400


def pruned_ages(counts: "dict[str, int]", step: int, days: int) -> "list[int]":
    """What the engine keeps of sessions made every `step` seconds."""
    count = days * DAY // step
    made = [
        a_session(
            n + 1, offset=0, time_ns=(NOW - (count - 1 - n) * step) * 10**9
        )
        for n in range(count)
    ]
    rules = parse_rules(values_of(counts)) or Rules()
    found = judge(
        {"v": made},
        ["v"],
        lambda _: rules,
        [],
        datetime.fromtimestamp(NOW, timezone.utc),
    )
    kept = [each.session for each in found.volumes[0].verdicts if each.keep]
    return [NOW - each.time_ns // 10**9 for each in reversed(kept)]


@pytest.mark.parametrize("every, step", [("hourly", HOUR), ("daily", DAY)])
@pytest.mark.parametrize("name", [n for n in PRESETS if n != ALL])
def test_picture_agrees_with_a_prune(name: str, every: str, step: int) -> None:
    counts = PRESETS[name]
    drawn = kept_ages(counts, every, NOW)
    assert [a for a in drawn if a < 55 * DAY] == [
        a for a in pruned_ages(counts, step, 200) if a < 55 * DAY
    ]


def test_everything_is_a_rule_that_removes_nothing() -> None:
    assert len(pruned_ages({}, DAY, 400)) == 400
    assert words_of({}) == ("--apdays=0:0:1:1",)


def test_presets_keep_what_they_are_called_for() -> None:
    usual = kept_ages(PRESETS["usual"], "hourly", NOW)
    assert sum(age < 2 * DAY for age in usual) == 48
    assert 22 * YEAR / 12 < usual[-1] < 2 * YEAR
    assert kept_ages(PRESETS["long"], "daily", NOW)[-1] > 18 * YEAR
    assert len(kept_ages({}, "daily", NOW)) > 7000
    assert kept_ages({"hourly": 1}, "weekly", NOW) == [0]


def test_presets_are_known_again() -> None:
    for name, counts in PRESETS.items():
        assert preset_of({**counts, "yearly": counts.get("yearly", 0)}) == name
    assert preset_of({"daily": 3}) == OWN
    assert words_of({"daily": 3, "weekly": 0}) == ("--keep-daily=3",)


def test_hours_are_drawn_only_as_far_back_as_rules_look_at_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Those of all years are ten times as many, at each stroke of a key."""
    looked_at: "list[int]" = []

    def counted(time_ns: int, number: int) -> Made:
        looked_at.append(time_ns)
        return Made(time_ns, number)

    monkeypatch.setattr(keeping_rules, "Made", counted)
    for counts in (*PRESETS.values(), {"hourly": 10_000, "yearly": 10_000}):
        looked_at.clear()
        kept_ages(counts, "hourly", NOW)
        hours, days = max(counts.get("hourly", 0), 60 * 24), 22 * 366
        assert len(looked_at) < hours + days


@pytest.mark.parametrize(
    "seconds, said",
    [
        (0, "0 hours"),
        (5 * HOUR, "5 hours"),
        (30 * DAY, "30 days"),
        (2 * YEAR, "24 months"),
        (20 * YEAR, "20 years"),
    ],
)
def test_lengths_are_said_in_a_unit_that_suits(seconds: int, said: str) -> None:
    assert length(seconds) == said


def test_fields_follow_the_preset_and_own_numbers(qtbot: QtBot) -> None:
    fields = KeepFields()
    qtbot.addWidget(fields)

    def find(name: str) -> QAbstractButton:
        found = fields.findChild(QAbstractButton, name)
        assert isinstance(found, QAbstractButton)
        return found

    box = fields.findChild(QSpinBox, "count-weekly")
    assert isinstance(box, QSpinBox) and not box.isEnabled()
    find("keep-short").click()
    assert fields.counts == PRESETS["short"]
    find("keep-all").click()
    assert fields.counts == {}
    assert "Nothing is ever removed" in fields.picture.accessibleName()
    find("keep-own").click()
    box.setValue(7)
    assert fields.counts == {"weekly": 7} and len(fields.ages) == 7
    assert summary(fields.ages, False) == fields.picture.accessibleName()
    fields.show_counts(PRESETS["long"])
    assert find("keep-long").isChecked()
    fields.grab()
