# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Tables come from the results and nothing else."""

import pytest
from side_by_side.figures import Run
from side_by_side.rendering import (
    BEGIN,
    END,
    MARK,
    between_markers,
    figure_table,
    format_value,
    goal_table,
    report,
    section,
    table,
)
from side_by_side.results import row_of

TITLES = {"ours": "qvm-wyng", "borg": "borg"}
MIB = 1 << 20


def results(loaded: bool = False) -> "dict[str, object]":
    runs = {
        "ours": [Run(1, 2, {}, {"growth": MIB}, loaded=loaded)],
        "borg": [Run(4, 3, {}, {"growth": MIB})],
    }
    row = row_of(runs, "abc", "2026-01-02T03:04:05+00:00")
    return {
        "rounds": "3 rounds.",
        "caches": "warm.",
        "machine": {
            "processor": "a processor",
            "processors": 2,
            "memory": 8 << 30,
            "file_system": "ext4",
            "kernel": "Linux 6",
            "python": "3.11",
        },
        "workload": {
            "size": 4096 * MIB,
            "data": 1843 * MIB,
            "files": 1000,
            "sha256": "0" * 64,
            "changed": 41 * MIB,
            "small": 64 * MIB,
        },
        "programs": {
            key: {"title": title, "version": "1", "options": "none"}
            for key, title in TITLES.items()
        },
        "rows": {"changed": row},
    }


@pytest.mark.parametrize(
    "value, name, text",
    [
        (0.123, "wall", "0.12 s"),
        (12.34, "cpu", "12.3 s"),
        (1.5 * MIB, "growth", "1.50 MiB"),
        (1843 * MIB, "archive", "1,843 MiB"),
        (None, "wall", ""),
    ],
)
def test_value_has_its_unit(
    value: "float | None", name: str, text: str
) -> None:
    assert format_value(value, name) == text


def test_table_is_markdown() -> None:
    assert table(["", "a"], [["b", "1"]]) == (
        "|  | a |\n| --- | --: |\n| b | 1 |"
    )


def test_goals_show_ratio_and_outcome() -> None:
    runs = {"changed": {"ours": [Run(2, 1)], "borg": [Run(4, 1)]}}
    (line,) = goal_table(runs, TITLES).splitlines()[2:]
    assert "2.00 s | 4.00 s (borg) | 0.50 | 0.35 | **missed**" in line
    runs["changed"]["ours"] = [Run(1, 1)]
    assert goal_table(runs, TITLES).endswith("| 0.25 | 0.35 | met |")


def test_goal_without_figures_has_no_line() -> None:
    assert len(goal_table({}, TITLES).splitlines()) == 2


def test_contestant_without_figures_has_no_column() -> None:
    runs = {"changed": {"ours": [Run(2, 1)]}}
    assert "borg" not in figure_table(runs, TITLES)


def test_disturbed_figures_are_marked_and_explained() -> None:
    assert MARK not in report(results())
    assert MARK not in section(results())
    assert section(results(loaded=True)).count(MARK) == 2
    assert f"1.00 s {MARK}" in report(results(loaded=True))


def test_conditions_name_versions_and_machine() -> None:
    for text in (report(results()), section(results())):
        for part in ("borg: 1; none", "a processor", "warm.", "4,096 MiB"):
            assert part in text


def test_filling_replaces_what_was_between() -> None:
    text = f"a\n{BEGIN}\nold\n{END}\nb\n"
    once = between_markers(text, "new")
    assert once == f"a\n{BEGIN}\nnew\n{END}\nb\n"
    assert between_markers(once, "new") == once


@pytest.mark.parametrize(
    "text", ["", BEGIN, END + BEGIN, BEGIN + END + END, BEGIN + BEGIN + END]
)
def test_text_without_its_markers_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="once each"):
        between_markers(text, "new")
