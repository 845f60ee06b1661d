# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Figures: what one measured run gave, and the median of several.

Pure values and their form in the results file.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Optional

# The name in `peaks` of what all processes had at one moment.
TOGETHER = "together"


@dataclass(frozen=True)
class Run:
    """One measured run.

    Seconds of wall and of processor (the whole process tree); bytes of
    memory at most, for each program of the tree; other quantities by name,
    all bytes; seconds of foreign load; `tries` is how often it was run
    until it was undisturbed or given up, `unlocks` how often a key was
    unlocked by its passphrase within it.
    """

    wall: float
    cpu: float
    peaks: Mapping[str, int] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    foreign: float = 0.0
    loaded: bool = False
    tries: int = 1
    unlocks: int = 0

    def to_dict(self) -> "dict[str, Any]":
        """Its form in the results file."""
        return {
            key: round(value, 4) if isinstance(value, float) else value
            for key, value in asdict(self).items()
        }


def run_from_dict(values: Mapping[str, Any]) -> Run:
    """The reverse of `to_dict`; raises TypeError for an unknown field."""
    return Run(**values)


def quantity(run: Run, name: str, unlock: float = 0.0) -> Optional[float]:
    """One quantity of a run, with the key already open.

    `unlock` is what one unlocking costs in this quantity; it is taken off
    wall and cpu as often as the run unlocked. `memory` is that of the largest
    process.
    """
    if name in ("wall", "cpu"):
        spent: float = getattr(run, name)
        return max(0.0, spent - unlock * run.unlocks)
    if name == "memory":
        each = [run.peaks[key] for key in run.peaks if key != TOGETHER]
        return max(each, default=None)
    return run.sizes.get(name)


def median(
    runs: Sequence[Run], name: str, unlock: float = 0.0
) -> Optional[float]:
    """The median of a quantity; None when no run has it."""
    values = [quantity(run, name, unlock) for run in runs]
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def least_disturbed(runs: Sequence[Run]) -> Run:
    """The run with the smallest share of foreign load."""
    return min(runs, key=lambda run: run.foreign / max(run.wall, 0.001))
