# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Which rows run, how often, and whose figures they hold."""

from pathlib import Path

import pytest
from run import choose, parse_arguments
from side_by_side.measuring import Effort, largest
from side_by_side.rows import ROWS, Changed, HugeSend, ListMany
from side_by_side.stages import Stages
from side_by_side.workload import Workload


def keys(wanted: "list[str]", long: bool = False) -> "list[str]":
    return [row.key for row in choose(wanted, long)]


def test_huge_image_is_only_used_when_asked_for() -> None:
    assert "huge-send" not in keys([])
    assert keys([], long=True) == [row.key for row in ROWS]


def test_named_rows_keep_their_order_and_bring_what_they_need() -> None:
    assert keys(["verify", "first-send"]) == ["first-send", "verify"]
    assert keys(["huge-restore"]) == ["huge-send", "huge-restore"]


def test_unknown_row_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        parse_arguments(["--rows", "first-sent"])
    assert "no such row: first-sent" in capsys.readouterr().err


def test_small_figures_do_not_land_in_the_project(tmp_path: Path) -> None:
    words = ["--workdir", str(tmp_path), "--size-mib", "8"]
    assert parse_arguments(words).results.parent.samefile(tmp_path)


def test_rounds(tmp_path: Path) -> None:
    folder = tmp_path
    stages = Stages(folder, Workload(folder, 8))
    quick, whole = Effort(quick=True), Effort()
    assert quick.rounds(Changed(stages)) == 2
    assert quick.rounds(ListMany(stages)) == 3
    assert whole.rounds(Changed(stages)) == 3
    assert whole.rounds(HugeSend(stages)) == 1


def test_each_program_keeps_its_largest_peak() -> None:
    assert largest([{"a": 1, "b": 5}, {"a": 2}]) == {"a": 2, "b": 5}
