# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The benchmark: qvm-wyng beside borg and restic on the same workload.

    make bench
    python3 bench/run.py [--quick] [--size-mib N] [--rows first-send,restore]

Installs nothing; says which packages are missing. See bench/README.md.
"""

import argparse
import shutil
import sys
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from side_by_side import machine
from side_by_side.borg import Borg, BorgFixed
from side_by_side.contestant import Contestant
from side_by_side.measuring import Effort, measure
from side_by_side.ours import Ours, OursLarger
from side_by_side.plain import Zstd
from side_by_side.processes import CommandFailed
from side_by_side.restic import Restic
from side_by_side.results import FORMAT, load_results, merge, row_of, save
from side_by_side.rows import MAIN, ROWS, Row
from side_by_side.stages import MANY, Stages
from side_by_side.workload import FULL_MIB, Workload
from tables import render

ROOT = Path(__file__).resolve().parent.parent
CACHES = (
    "image and archives in the page cache, written data on the disk before"
    " each run; each program's own cache kept."
)


def main() -> int:
    """Measure what the arguments name; 0 when it is all done."""
    options = parse_arguments(sys.argv[1:])
    missing = machine.missing_packages()
    if missing:
        print(f"install first: apt install {' '.join(missing)}")
        return 1
    started = time.monotonic()
    workload = Workload(options.workdir, options.size_mib)
    workload.make()
    stages = Stages(options.workdir, workload)
    contestants = assemble(stages, options.programs)
    if options.prepare:
        stages.ensure([contestants[key] for key in MAIN], MANY)
        return 0
    results = begin(options, stages, contestants)
    effort = Effort(
        options.quick, options.repeats, started + options.patience * 60
    )
    for kind in choose(options.rows, options.long):
        runs = measure(kind(stages), contestants, effort)
        taken = datetime.now(timezone.utc).isoformat(timespec="seconds")
        revision = machine.revision(ROOT)
        results["rows"][kind.key] = row_of(runs, revision, taken)
        save(options.results, merge(load_results(options.results), results))
    print(f"\n{render(options.results, ROOT / 'README.md')}")
    print(f"{time.monotonic() - started:.0f} s; {options.results}")
    return 0


def parse_arguments(words: Sequence[str]) -> argparse.Namespace:
    """The options, with paths absolute."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--workdir", type=Path, default=ROOT / "build" / "bench")
    add("--programs", type=Path, help="the folder that qvm-wyng is in")
    add("--quick", action="store_true", help="2 rounds of the long rows")
    add("--long", action="store_true", help="the huge sparse image too")
    add("--size-mib", type=int, default=FULL_MIB, help="of the image")
    add("--rows", default="", help=", ".join(each.key for each in ROWS))
    add("--repeats", type=int, default=2, help="of a disturbed run, at most")
    add(
        "--patience",
        type=float,
        help="minutes after which nothing is repeated; 60, with --quick 10",
    )
    add(
        "--prepare",
        action="store_true",
        help="make images and archives, measure nothing; other work may run",
    )
    add("--results", type=Path, help="the file; default bench/results.json")
    options = parser.parse_args(words)
    known = {each.key for each in ROWS}
    options.rows = [row for row in options.rows.split(",") if row]
    if unknown := set(options.rows) - known:
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    if options.patience is None:
        options.patience = 10 if options.quick else 60
    options.workdir = options.workdir.resolve()
    options.workdir.mkdir(parents=True, exist_ok=True)
    if options.results is None:
        # Only figures of the full size may become the project's.
        full = options.size_mib == FULL_MIB
        folder = ROOT / "bench" if full else options.workdir
        options.results = folder / "results.json"
    return options


def choose(wanted: Sequence[str], long: bool) -> "list[type[Row]]":
    """The rows in their order, with those that others need before."""
    needed = {need for row in ROWS if row.key in wanted for need in row.needs}
    return [
        row
        for row in ROWS
        if row.key in needed
        or (row.key in wanted if wanted else long or not row.long_only)
    ]


def assemble(
    stages: Stages, programs: "Path | None"
) -> "dict[str, Contestant]":
    """All contestants by key."""
    programs = assemble_programs(programs)
    source = stages.source
    everyone: "list[Contestant]" = [
        Ours(stages.home(Ours.key), source, programs),
        Borg(stages.home(Borg.key), source),
        Restic(stages.home(Restic.key), source),
        Zstd(stages.home(Zstd.key), source),
        OursLarger(stages.home(OursLarger.key), source, programs),
        BorgFixed(stages.home(BorgFixed.key), source),
    ]
    return {each.key: each for each in everyone}


def assemble_programs(programs: "Path | None") -> Path:
    """The folder that qvm-wyng is in: the one named, or where it is found."""
    beside = Path(sys.executable).parent
    found = shutil.which("qvm-wyng")
    if programs is None and (beside / "qvm-wyng").exists():
        programs = beside
    if programs is None and found is not None:
        programs = Path(found).parent
    if programs is None:
        raise SystemExit("qvm-wyng is not installed: say make bench")
    return programs.absolute()


def begin(
    options: argparse.Namespace,
    stages: Stages,
    contestants: "dict[str, Contestant]",
) -> "dict[str, Any]":
    """The results without rows; starts each program once, which warms it."""
    programs = {}
    for key, each in contestants.items():
        said = stages.run(each, each.version())[-1].output
        version = " ".join(said.split()).strip("* ")
        programs[key] = {
            "title": each.title,
            "version": version,
            "options": each.options,
        }
        print(f"{each.title}: {version}; {each.options}")
    effort = (
        "2 rounds of the long rows, 3 of the short" if options.quick else ""
    )
    return {
        "format": FORMAT,
        "rounds": f"{effort or '3 rounds'}.",
        "caches": CACHES,
        "machine": machine.describe(options.workdir),
        "workload": stages.workload.facts().to_dict(),
        "programs": programs,
        "rows": {},
    }


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CommandFailed as failure:
        # What was measured before it is in the results file.
        sys.exit(f"stopped: {failure}")
