# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The benchmark's modules stand beside the tests' and the product's."""

from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"


def names(folder: Path) -> "set[str]":
    """What can be imported where this folder is on the path."""
    found = {each.stem for each in folder.glob("*.py")}
    for each in folder.iterdir():
        if each.is_dir() and any(each.glob("*.py")):
            found.add(each.name)
    return found


def test_no_module_of_the_benchmark_hides_another(
    pytestconfig: pytest.Config,
) -> None:
    """A module hides a folder without `__init__` wherever both stand."""
    roots = [Path(each) for each in pytestconfig.getini("pythonpath")]
    assert "applet" in names(roots[-1]), "the folders are read"
    for root in roots:
        assert not names(BENCH) & names(root), root
