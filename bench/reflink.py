# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The benchmark of volumes that are cloned, on btrfs and XFS.

    python3 bench/reflink.py [--quick] [--size-mib N] [--rows unchanged]

Mounts file systems of its own, so it needs root. Adds its rows to those that
bench/run.py made. See bench/README.md.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from run import assemble_programs
from side_by_side import clones, machine
from side_by_side.borg import Borg
from side_by_side.clones import Bench, Runs, Sizes
from side_by_side.processes import CommandFailed
from side_by_side.restic import Restic
from side_by_side.results import load_results, row_of, save
from side_by_side.workload import FULL_MIB
from tables import render

ROOT = Path(__file__).resolve().parent.parent
ROWS = ("unchanged", "scattered", "clustered", "reading", "one-pass", "history")
TITLES = {
    "ours-xfs": "qvm-wyng, XFS",
    "ours-huge": "qvm-wyng, 1 TiB",
    "ours-many": "qvm-wyng, 1,000 sessions",
    "changed-chunks": "chunks that changed",
}
_NEEDED = {"mkfs.btrfs": "btrfs-progs", "mkfs.xfs": "xfsprogs"}


def main() -> int:
    """Measure what the arguments name; 0 when it is all done."""
    options = parse_arguments(sys.argv[1:])
    if reason := why_not():
        print(f"NOT RUN: {reason}")
        return 1
    started = time.monotonic()
    results = load_results(options.results)
    if not results:
        print(f"NOT RUN: bench/run.py makes {options.results} first")
        return 1
    if results["workload"]["size"] != options.size_mib << 20:
        print(f"NOT RUN: {options.results} is of another size of image")
        return 1
    for key, runs in measured(options):
        taken = datetime.now(timezone.utc).isoformat(timespec="seconds")
        row = row_of(runs, machine.revision(ROOT), taken)
        results["rows"][key] = row
        add_titles(results)
        save(options.results, results)
    print(f"\n{render(options.results, ROOT / 'README.md')}")
    print(f"{time.monotonic() - started:.0f} s; {options.results}")
    return 0


def parse_arguments(words: Sequence[str]) -> argparse.Namespace:
    """The options, with paths absolute."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--workdir", type=Path, default=ROOT / "build" / "bench")
    add("--programs", type=Path, help="the folder that qvm-wyng is in")
    add("--quick", action="store_true", help="2 rounds, 200 sessions")
    add("--size-mib", type=int, default=FULL_MIB, help="of the usual image")
    add("--extents", type=int, default=300_000)
    add("--rows", default=",".join(ROWS))
    add("--repeats", type=int, default=2, help="of a disturbed run, at most")
    add("--results", type=Path, help="the file; default bench/results.json")
    options = parser.parse_args(words)
    options.rows = [row for row in options.rows.split(",") if row]
    if unknown := set(options.rows) - set(ROWS):
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    options.workdir = options.workdir.resolve()
    if options.results is None:
        full = options.size_mib == FULL_MIB
        folder = ROOT / "bench" if full else options.workdir
        options.results = folder / "results.json"
    return options


def why_not() -> str:
    """What is missing; empty when nothing is."""
    if os.geteuid() != 0:
        return "mounting btrfs and XFS needs root"
    missing = machine.missing_packages()
    missing += [
        each for name, each in _NEEDED.items() if shutil.which(name) is None
    ]
    return f"apt install {' '.join(missing)}" if missing else ""


def sizes_of(options: argparse.Namespace) -> Sizes:
    """How large and how often."""
    return Sizes(
        image_mib=options.size_mib,
        huge_mib=2 * options.size_mib,
        extents=options.extents,
        sessions=200 if options.quick else clones.MANY,
        rounds=2 if options.quick else 3,
        repeats=options.repeats,
    )


def add_titles(results: "dict[str, Any]") -> None:
    """Name the contestants that only these rows have."""
    for key, title in TITLES.items():
        results["programs"].setdefault(
            key,
            {"title": title, "version": "as above", "options": "as above"},
        )


def measured(options: argparse.Namespace) -> "Iterator[tuple[str, Runs]]":
    """Each row's runs, as soon as they are all there."""
    with ExitStack() as stack:
        btrfs, xfs = (
            stack.enter_context(mounted(kind, options))
            for kind in ("btrfs", "xfs")
        )
        sent: "dict[str, clones.Sent]" = {}
        if {"unchanged", "scattered"} & set(options.rows):
            sent["ours-huge"] = clones.huge(btrfs)
            sent["ours-xfs"] = clones.usual(xfs)
        if set(options.rows) - {"one-pass", "history"}:
            sent["ours"] = clones.usual(btrfs)
        for row in options.rows:
            print(f"\n{row}", flush=True)
            runs = row_runs(row, btrfs, xfs, sent)
            tell(runs)
            yield row, runs


def row_runs(
    row: str, btrfs: Bench, xfs: Bench, sent: "dict[str, clones.Sent]"
) -> Runs:
    """One row."""
    by_volume: "dict[str, Callable[[clones.Sent], list[clones.Run]]]" = {
        "unchanged": clones.unchanged,
        "scattered": clones.scattered,
    }
    if row in by_volume:
        return {key: by_volume[row](each) for key, each in sent.items()}
    if row == "one-pass":
        on_xfs = clones.one_pass(xfs)["ours"]
        return {**clones.one_pass(btrfs), "ours-xfs": on_xfs}
    if row == "history":
        return clones.long_history(btrfs)
    if row == "reading":
        return clones.reading(sent["ours"])
    kinds = (Borg, Restic)
    others = [kind(btrfs.folder / kind.key, btrfs.source) for kind in kinds]
    return clones.clustered(sent["ours"], others)


def tell(runs: Runs) -> None:
    """Print a row's runs."""
    for key, each in runs.items():
        for run in each:
            sizes = "".join(f"  {k} {v:,}" for k, v in run.sizes.items())
            peak = max(run.peaks.values(), default=0) >> 20
            mark = f"  DISTURBED by {run.foreign:.1f} s" if run.loaded else ""
            print(
                f"  {key:15} {run.wall:7.2f} s {run.cpu:7.2f} s cpu"
                f" {peak:4} MiB{sizes}{mark}",
                flush=True,
            )


@contextmanager
def mounted(kind: str, options: argparse.Namespace) -> Iterator[Bench]:
    """A fresh file system with a source; archives lie beside it."""
    folder = options.workdir / f"clones-{kind}"
    shutil.rmtree(folder, ignore_errors=True)
    point = folder / "mounted"
    point.mkdir(parents=True)
    image = folder / "image"
    with open(image, "wb") as file:
        # Sparse: room for the images, the clones and all that changes.
        file.truncate((8 * options.size_mib << 20) + (16 << 30))
    call(f"mkfs.{kind}", "-q", str(image))
    call("mount", "-o", "loop", str(image), str(point))
    try:
        source = point / "images"
        source.mkdir()
        programs = assemble_programs(options.programs)
        yield Bench(source, folder, programs, sizes_of(options))
    finally:
        call("umount", str(point))
        shutil.rmtree(folder)


def call(*words: str) -> None:
    """Run a command; ends the benchmark when it fails."""
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)}: {done.stderr.strip()}")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CommandFailed as failure:
        # What was measured before it is in the results file.
        sys.exit(f"stopped: {failure}")
