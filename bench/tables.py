# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Renders bench/results.json: into bench/results.md and the README.

    python3 bench/tables.py [RESULTS]

Writes between the README's markers; nothing is written there by hand. Figures
of another than the full size, which say little about real volumes, stay out
of the README.
"""

import sys
from pathlib import Path

from side_by_side.rendering import between_markers, report, section
from side_by_side.results import load_results
from side_by_side.workload import FULL_MIB, MIB

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results.json"


def main() -> int:
    """Render the results that are named, or the project's."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else RESULTS
    if not load_results(path):
        print(f"{path} is not there: make bench makes it")
        return 1
    print(render(path, ROOT / "README.md"))
    return 0


def render(path: Path, readme: Path) -> str:
    """Write the Markdown beside the results, and the README's section.

    Returns what was written beside them. The README is left alone by figures
    of a small image.
    """
    results = load_results(path)
    path.with_suffix(".md").write_text(report(results), "utf-8")
    if results["workload"]["size"] == FULL_MIB * MIB:
        text = readme.read_text("utf-8")
        readme.write_text(between_markers(text, section(results)), "utf-8")
    return report(results)


if __name__ == "__main__":
    sys.exit(main())
