# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The house's sizes and headers, kept over all three packages."""

import ast
import statistics
from pathlib import Path
from typing import List, Tuple

import pytest

import wyng_common

ROOT = Path(__file__).resolve().parent.parent
PLACES = ("common", "dom0", "backupvm")
FILES = [f for place in PLACES for f in sorted((ROOT / place).rglob("*.py"))]
TEST_FILES = sorted((ROOT / "tests").rglob("*.py"))

FUNCTION_MAX = 60
FUNCTION_P90 = 35
FUNCTION_MEDIAN = 10
FILE_MAX = 500
HEADER = (
    "# SPDX-FileCopyrightText: The qvm-wyng developers",
    "# SPDX-License-Identifier: GPL-2.0-or-later",
)
NO_NOUNS = {"util", "utils", "helper", "helpers", "manager", "handler", "misc"}


def function_lengths(source: str) -> List[Tuple[str, int]]:
    """Each function's name and its lines, from `def` to its last."""
    return [
        (node.name, (node.end_lineno or node.lineno) - node.lineno + 1)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]


def faults(name: str, source: str) -> List[str]:
    """What the style forbids in one file, each as a few words."""
    lines = source.splitlines()
    found = []
    start = 1 if lines and lines[0].startswith("#!") else 0
    if tuple(lines[start : start + 2]) != HEADER:
        found.append("no SPDX header")
    if not ast.get_docstring(ast.parse(source)):
        found.append("no module docstring")
    if len(lines) > FILE_MAX:
        found.append(f"{len(lines)} lines")
    if NO_NOUNS & set(Path(name).stem.split("_")):
        found.append("its name is no noun of this project")
    for function, length in function_lengths(source):
        if length > FUNCTION_MAX:
            found.append(f"{function} has {length} lines")
    return found


@pytest.mark.parametrize(
    "path", FILES + TEST_FILES, ids=lambda p: str(p.relative_to(ROOT))
)
def test_file_keeps_the_style(path: Path) -> None:
    assert faults(path.name, path.read_text("utf-8")) == []


def test_functions_are_short() -> None:
    lengths = sorted(
        length
        for path in FILES
        for _, length in function_lengths(path.read_text("utf-8"))
    )
    assert statistics.median(lengths) < FUNCTION_MEDIAN
    assert lengths[len(lengths) * 9 // 10] <= FUNCTION_P90


def test_version_file_agrees() -> None:
    written = (ROOT / "version").read_text("utf-8").strip()
    assert written == wyng_common.__version__


GOOD = "\n".join(HEADER) + '\n"""What it owns."""\n'
LONG = "def f():\n" + "    x = 1\n" * FUNCTION_MAX


@pytest.mark.parametrize(
    "name, source",
    [
        ("a.py", '"""What it owns."""\n'),
        ("a.py", "\n".join(HEADER) + "\nx = 1\n"),
        ("a.py", GOOD + "x = 1\n" * FILE_MAX),
        ("a.py", GOOD + LONG),
        ("pack_utils.py", GOOD),
    ],
)
def test_fault_is_seen(name: str, source: str) -> None:
    assert faults(name, source)


def test_good_file_has_no_fault() -> None:
    assert faults("packs.py", GOOD + "def f():\n    return 1\n") == []
