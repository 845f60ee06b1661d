# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What `monitor` of twenty unchanged volumes takes on LVM, and LVM's part.

    python3 bench/lvm_monitor.py

Runs in the virtual machine of tests/machine, which is some ten times as slow
as hardware: the parts tell more than the seconds. See bench/README.md.
"""

import json
import statistics
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / each) for each in ("tests", "common", "dom0")]

from machine import boot  # noqa: E402

TEST = "tests/machine/guest/measure_monitor.py::test_monitor_of_twenty_volumes"


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
        rounds = json.loads((folder / "measured.json").read_text())
    wall = statistics.median(each["wall"] for each in rounds)
    print(f"monitor of 20 unchanged volumes: {wall:.2f} s (median of 5)")
    tools = {name for each in rounds for name in each["tools"]}
    total = 0.0
    for tool in sorted(tools):
        calls = [each["tools"].get(tool, [0, 0.0]) for each in rounds]
        seconds = statistics.median(spent for _, spent in calls)
        total += seconds
        count = statistics.median(number for number, _ in calls)
        print(f"  {tool:12} {count:3.0f} calls {seconds:6.2f} s")
    print(f"  all tools together {total / wall:.0%} of it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
