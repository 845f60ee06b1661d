# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The results file: written after each row, so that nothing is lost.

Rows that were not run again stay when the workload is the same; each row
says when and of which revision it was taken.
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from side_by_side.figures import Run, run_from_dict

FORMAT = 1


def load_results(path: Path) -> "dict[str, Any]":
    """What a results file holds; empty when there is none.

    Raises ValueError for a file of another form.
    """
    if not path.exists():
        return {}
    results: "dict[str, Any]" = json.loads(path.read_text("utf-8"))
    if results.get("format") != FORMAT:
        raise ValueError(f"{path} is no results file of this version")
    return results


def merge(
    old: "Mapping[str, Any]", new: "Mapping[str, Any]"
) -> "dict[str, Any]":
    """`new` with the rows of `old` that it lacks, if they are comparable."""
    same = all(old.get(key) == new.get(key) for key in ("format", "workload"))
    if not same:
        return {**new, "rows": dict(new["rows"])}
    # Other parts of the benchmark have contestants of their own.
    parts = ("programs", "rows")
    both = {key: {**old.get(key, {}), **new.get(key, {})} for key in parts}
    return {**new, **both}


def save(path: Path, results: "Mapping[str, Any]") -> None:
    """Replace the file in one step."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    os.replace(partial, path)


def row_of(
    runs: "Mapping[str, Sequence[Run]]", revision: str, taken: str
) -> "dict[str, Any]":
    """A row's form in the file."""
    return {
        "revision": revision,
        "taken": taken,
        "runs": {
            key: [run.to_dict() for run in each] for key, each in runs.items()
        },
    }


def runs_of(results: "Mapping[str, Any]") -> "dict[str, dict[str, list[Run]]]":
    """The runs in a results file, by row and contestant."""
    return {
        row: {
            key: [run_from_dict(run) for run in runs]
            for key, runs in values["runs"].items()
        }
        for row, values in results.get("rows", {}).items()
    }
