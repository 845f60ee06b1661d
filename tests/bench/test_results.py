# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Rows taken at another time stay, unless they measured something else."""

from pathlib import Path

import pytest
from side_by_side.figures import Run
from side_by_side.results import (
    FORMAT,
    load_results,
    merge,
    row_of,
    runs_of,
    save,
)


def results(size: int, **rows: float) -> "dict[str, object]":
    return {
        "format": FORMAT,
        "workload": {"size": size},
        "rows": {
            key: row_of({"ours": [Run(wall, 0.0)]}, "r", "t")
            for key, wall in rows.items()
        },
    }


def test_rows_of_the_same_workload_are_kept() -> None:
    merged = merge(results(1, a=1.0, b=1.0), results(1, b=2.0))
    assert runs_of(merged) == runs_of(results(1, a=1.0, b=2.0))


def test_rows_of_another_workload_are_dropped() -> None:
    merged = merge(results(1, a=1.0), results(2, b=2.0))
    assert runs_of(merged) == runs_of(results(2, b=2.0))


def test_first_results_need_no_older_ones() -> None:
    assert merge({}, results(1, a=1.0)) == results(1, a=1.0)


def test_file_is_read_as_written(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    assert load_results(path) == {}
    save(path, results(1, a=1.0))
    assert load_results(path) == results(1, a=1.0)
    assert [each.name for each in tmp_path.iterdir()] == ["results.json"]


def test_file_of_another_form_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text('{"format": 0}')
    with pytest.raises(ValueError, match="no results file"):
        load_results(path)
