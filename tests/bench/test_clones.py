# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The rows about cloned volumes: what they count and when they don't run."""

import json
import os
from pathlib import Path

import pytest
import reflink
from pytest_mock import MockerFixture
from side_by_side.clones import (
    CHUNK,
    PIECE,
    SCATTERED,
    chunks_touched,
    make_image,
    scatter,
)
from side_by_side.figures import Run
from side_by_side.goals import CLONE_GOALS
from side_by_side.rendering import goal_table
from side_by_side.workload import MIB, change_runs


def test_chunks_are_counted_once_each() -> None:
    assert chunks_touched([]) == 0
    assert chunks_touched([(0, 1), (5, 10), (CHUNK - 1, 1)]) == CHUNK
    assert chunks_touched([(CHUNK - 1, 2)]) == 2 * CHUNK
    assert chunks_touched([(3 * CHUNK, CHUNK), (0, 1)]) == 2 * CHUNK


def test_changed_runs_are_those_that_differ(tmp_path: Path) -> None:
    image = tmp_path / "image"
    make_image(image, 16 * MIB, 8 * MIB, seed=1)
    before = image.read_bytes()
    ranges = change_runs(image, MIB, seed=2)
    after = bytearray(image.read_bytes())
    assert sum(length for _, length in ranges) == MIB
    for start, length in ranges:
        assert after[start : start + length] != before[start : start + length]
    for start, length in ranges:
        after[start : start + length] = before[start : start + length]
    assert bytes(after) == before


def test_small_writes_are_scattered(tmp_path: Path) -> None:
    image = tmp_path / "image"
    make_image(image, 1024 * MIB, MIB, seed=1)
    before = os.stat(image).st_blocks * 512
    scatter(image, seed=3)
    written = os.stat(image).st_blocks * 512 - before
    assert 0.9 * SCATTERED * PIECE <= written <= 1.1 * SCATTERED * PIECE


def test_every_goal_has_its_row_and_its_contestants() -> None:
    for goal in CLONE_GOALS:
        assert set(goal.rows) <= set(reflink.ROWS)
        for key in (goal.ours, *goal.against):
            assert key in {"ours", "borg", "restic", *reflink.TITLES}


def test_figures_are_judged_by_their_goals() -> None:
    runs = {
        "unchanged": {
            "ours": [Run(0.3, 0.2)],
            "ours-huge": [Run(0.39, 0.2)],
            "ours-xfs": [Run(0.5, 0.2)],
        }
    }
    table = goal_table(runs, {"ours": "qvm-wyng"})
    assert "| unchanged, btrfs | 0.30 s |  |  | 0.40 s | met |" in table
    assert "| unchanged, XFS | 0.50 s |  |  | 0.40 s | **missed** |" in table
    assert "0.30 s (qvm-wyng) | 1.30 | 1.20 | **missed** |" in table


def test_without_root_it_says_that_it_did_not_run(
    mocker: MockerFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    mocker.patch("os.geteuid", return_value=1000)
    mocker.patch("sys.argv", ["reflink.py"])
    assert reflink.main() == 1
    assert "NOT RUN: mounting btrfs and XFS needs root" in (
        capsys.readouterr().out
    )


def test_figures_of_another_size_are_not_mixed(
    tmp_path: Path, mocker: MockerFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    results = {"format": 1, "workload": {"size": 4096 * MIB}, "rows": {}}
    path = tmp_path / "results.json"
    path.write_text(json.dumps(results))
    mocker.patch.object(reflink, "why_not", return_value="")
    words = ["reflink.py", "--size-mib", "8", "--results", str(path)]
    mocker.patch("sys.argv", words)
    assert reflink.main() == 1
    assert "another size" in capsys.readouterr().out
