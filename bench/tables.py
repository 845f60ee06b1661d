# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Renders bench/results.json: into bench/results.md and the README.

    python3 bench/tables.py [RESULTS]

Writes between the README's markers; nothing is written there by hand. Refuses
results of another than the full size, which say little about real volumes.
"""

import sys
from pathlib import Path

from side_by_side.rendering import between_markers, report, section
from side_by_side.results import load_results
from side_by_side.workload import FULL_MIB, MIB

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Render the results that are named, or the project's."""
    path = ROOT / "bench" / "results.json"
    if len(sys.argv) > 1:
        path = Path(sys.argv[1])
    results = load_results(path)
    if not results:
        print(f"{path} is not there: make bench makes it")
        return 1
    path.with_suffix(".md").write_text(report(results), "utf-8")
    if results["workload"]["size"] != FULL_MIB * MIB:
        print("the README is left alone: these figures are of a small image")
        return 1
    readme = ROOT / "README.md"
    text = readme.read_text("utf-8")
    readme.write_text(between_markers(text, section(results)), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
