# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What runs over twenty volumes take on LVM, and LVM's part of it.

    python3 bench/lvm_monitor.py

Runs in the virtual machine of tests/machine, which is some ten times as slow
as hardware: the parts tell more than the seconds. See bench/README.md.
"""

import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, List

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / each) for each in ("tests", "common", "dom0")]

from machine import boot  # noqa: E402

TEST = "tests/machine/guest/measure_monitor.py::test_runs_over_twenty_volumes"


def main() -> int:
    """Boot, measure, print; 1 where there is no machine."""
    if reason := boot.why_not():
        print(f"NOT RUN: {reason}")
        return 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        outcome = boot.run_inside([TEST], folder)
        if not (folder / "measured.json").exists():
            print(f"NOT MEASURED; the console's end:\n{outcome.console}")
            return 1
        measured = json.loads((folder / "measured.json").read_text())
    for what, rounds in measured.items():
        show(what, rounds)
    return 0


def show(what: str, rounds: List[Dict[str, Any]]) -> None:
    """The medians of one command."""
    wall = statistics.median(each["wall"] for each in rounds)
    print(f"{what}, 20 volumes: {wall:.2f} s (median of {len(rounds)})")
    tools = {name for each in rounds for name in each["tools"]}
    total, processes = 0.0, 0
    for tool in sorted(tools):
        calls = [each["tools"].get(tool, [0, 0.0]) for each in rounds]
        seconds = statistics.median(spent for _, spent in calls)
        count = int(statistics.median(number for number, _ in calls))
        total, processes = total + seconds, processes + count
        print(f"  {tool:12} {count:3} calls {seconds:6.2f} s")
    print(f"  in all       {processes:3} calls: {total / wall:.0%} of it")


if __name__ == "__main__":
    sys.exit(main())
