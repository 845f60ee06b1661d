# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Measuring a row: interleaved rounds, quiet if the machine lets it.

All contestants of a round run before the next round begins, so that what
drifts in the machine meets all alike. Before each run what was written
reaches the disk, and the image is in the page cache.
"""

import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from side_by_side import load
from side_by_side.contestant import Contestant
from side_by_side.figures import Run, least_disturbed
from side_by_side.rows import Row
from side_by_side.stages import Stages
from side_by_side.workload import read_into_cache

QUICK_LONG, QUICK_SHORT, ROUNDS = 2, 3, 3


@dataclass(frozen=True)
class Effort:
    """How often each row is run, and how often again when disturbed.

    After `patience_ends` on the monotonic clock nothing is repeated.
    """

    quick: bool = False
    repeats: int = 2
    patience_ends: float = math.inf

    def rounds(self, row: Row) -> int:
        """Rounds of a row."""
        if row.rounds is not None:
            return row.rounds
        if not self.quick:
            return ROUNDS
        return QUICK_SHORT if row.short else QUICK_LONG


def measure(
    row: Row, contestants: Mapping[str, Contestant], effort: Effort
) -> "dict[str, list[Run]]":
    """The runs of a row by contestant; prints each as it is done."""
    keys = [*row.contestants, *row.variants]
    present = [contestants[key] for key in keys if key in contestants]
    print(f"\n{row.title}", flush=True)
    row.ready([each for each in present if each.complete])
    runs: "dict[str, list[Run]]" = {each.key: [] for each in present}
    for number in range(effort.rounds(row)):
        for each in present:
            if number and effort.quick and each.key in row.variants:
                continue
            patient = time.monotonic() < effort.patience_ends
            repeats = effort.repeats if patient else 0
            run = _measure_quietly(row, each, repeats)
            runs[each.key].append(run)
            _tell(each, run)
    return runs


def _measure_quietly(row: Row, contestant: Contestant, repeats: int) -> Run:
    tried: "list[Run]" = []
    while len(tried) <= repeats:
        tried.append(_measure_once(row, contestant))
        if not tried[-1].loaded:
            break
    return replace(least_disturbed(tried), tries=len(tried))


def _measure_once(row: Row, contestant: Contestant) -> Run:
    stages: Stages = row.stages
    job = row.prepare(contestant)
    for image in sorted(stages.source.iterdir()):
        if image.stat().st_size == stages.workload.size:
            read_into_cache(image)
    os.sync()
    before = load.now()
    spent = stages.run(contestant, job, row.samples_memory)
    wall = sum(each.wall for each in spent)
    if row.syncs:
        started = time.monotonic()
        os.sync()
        wall += time.monotonic() - started
    seen = load.load_between(before, load.now())
    if row.changes_archive:
        stages.dirty(contestant)
    return Run(
        wall,
        sum(each.cpu for each in spent),
        largest([each.peaks for each in spent]) if row.samples_memory else {},
        row.finish(contestant),
        seen.foreign,
        seen.disturbs,
        unlocks=job.unlocks,
    )


def largest(peaks: "Sequence[Mapping[str, int]]") -> "dict[str, int]":
    """The largest of each name's values."""
    names = sorted({name for each in peaks for name in each})
    return {name: max(each.get(name, 0) for each in peaks) for name in names}


def _tell(contestant: Contestant, run: Run) -> None:
    marks = f"  DISTURBED by {run.foreign:.1f} s" if run.loaded else ""
    sizes = "".join(
        f"  {name} {size / 2**20:.1f} MiB" for name, size in run.sizes.items()
    )
    peaks = "".join(
        f"  {name} {size >> 20} MiB" for name, size in run.peaks.items()
    )
    print(
        f"  {contestant.title:22} {run.wall:8.2f} s {run.cpu:8.2f} s cpu"
        f"{sizes}{peaks}{marks}",
        flush=True,
    )
