# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The README's section is made from the results file, full size only."""

from pathlib import Path

from side_by_side.figures import Run
from side_by_side.rendering import BEGIN, END, between_markers
from side_by_side.results import FORMAT, row_of, save
from side_by_side.workload import MIB
from tables import ROOT, render

EMPTY = f"top\n{BEGIN}\n{END}\nbottom\n"


def write_results(folder: Path, size_mib: int) -> Path:
    programs = {"ours": {"title": "qvm-wyng", "version": "1", "options": "-"}}
    machine = {"processor": "p", "processors": 2, "memory": 1 << 33}
    machine.update(file_system="ext4", kernel="Linux", python="3.11")
    workload = {"size": size_mib * MIB, "data": MIB, "files": 1}
    workload.update(sha256="0" * 64, changed=MIB, small=MIB)
    row = row_of({"ours": [Run(0.125, 0.1)]}, "r", "2026-01-02")
    results = {
        "format": FORMAT,
        "rounds": "3 rounds.",
        "caches": "warm.",
        "programs": programs,
        "machine": machine,
        "workload": workload,
        "rows": {"list-200": row},
    }
    save(folder / "results.json", results)
    return folder / "results.json"


def test_full_figures_fill_the_readme(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(EMPTY)
    render(write_results(tmp_path, 4096), readme)
    text = readme.read_text()
    assert text.startswith(f"top\n{BEGIN}\n|")
    assert "list of 200 sessions | 0.12 s |" in text
    assert text.endswith(f"\n{END}\nbottom\n")


def test_small_figures_leave_the_readme_alone(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(EMPTY)
    render(write_results(tmp_path, 200), readme)
    assert readme.read_text() == EMPTY
    assert "0.12 s" in (tmp_path / "results.md").read_text()


def test_readme_of_the_project_can_be_filled() -> None:
    between_markers((ROOT / "README.md").read_text("utf-8"), "filling")
