# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Sets of chunks as runs (first, end), ascending, none touching another.

As large as they are scattered, not as they are many. Pure.
"""

from heapq import merge
from typing import Iterable, List, Sequence, Tuple

Run = Tuple[int, int]


class Runs:
    """A set that is filled in ascending order."""

    def __init__(self) -> None:
        self.runs: List[Run] = []

    def add(self, first: int, end: int) -> None:
        """Add the chunks from `first` to before `end`."""
        runs = self.runs
        if runs and first <= runs[-1][1]:
            runs[-1] = (runs[-1][0], max(end, runs[-1][1]))
        elif first < end:
            runs.append((first, end))


def united(*several: Sequence[Run]) -> List[Run]:
    """The chunks of any of them."""
    made = Runs()
    for first, end in merge(*several):
        made.add(first, end)
    return made.runs


def without(runs: Iterable[Run], gone: Sequence[Run]) -> List[Run]:
    """The chunks of `runs` that are not in `gone`."""
    left: List[Run] = []
    at = 0
    for first, end in runs:
        while at < len(gone) and gone[at][1] <= first:
            at += 1
        place = at
        while place < len(gone) and gone[place][0] < end:
            if gone[place][0] > first:
                left.append((first, gone[place][0]))
            first = max(first, gone[place][1])
            place += 1
        if first < end:
            left.append((first, end))
    return left
