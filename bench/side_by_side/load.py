# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether other work disturbed a measurement.

Owns the judgement and the reading of /proc/stat it is made from. All time
that the processors were busy and that neither the measured commands nor this
program used is foreign: other programs, other machines on the same host
("steal"), and the kernel's own threads, for which there is an allowance.
"""

import os
import resource
import time
from dataclasses import dataclass

# Foreign seconds per second that don't mark a run: the kernel's writing back
# of what the measured command wrote takes up to a tenth of a processor.
ALLOWED_SHARE = 0.15
# And in all, because /proc/stat counts in hundredths for each processor.
ALLOWED_SECONDS = 0.06
# user, nice, system, irq, softirq, steal: the columns that are busy time.
_BUSY_COLUMNS = (0, 1, 2, 5, 6, 7)


@dataclass(frozen=True)
class Moment:
    """What the clocks showed: seconds, of all processors, and of ours."""

    clock: float
    busy: float
    own: float


@dataclass(frozen=True)
class Load:
    """Foreign processor seconds during some seconds of wall time."""

    wall: float
    foreign: float

    @property
    def share(self) -> float:
        """Foreign seconds per second; 1.0 is one processor kept busy."""
        return self.foreign / self.wall if self.wall > 0 else 0.0

    @property
    def disturbs(self) -> bool:
        """True when a figure taken meanwhile must be marked."""
        return self.foreign > ALLOWED_SECONDS + ALLOWED_SHARE * self.wall


def load_between(start: Moment, end: Moment) -> Load:
    """The load between two moments; never negative."""
    foreign = (end.busy - start.busy) - (end.own - start.own)
    return Load(end.clock - start.clock, max(0.0, foreign))


def parse_busy(stat: str, ticks: int) -> float:
    """Busy seconds of all processors since boot, from /proc/stat's text."""
    for line in stat.splitlines():
        words = line.split()
        if words and words[0] == "cpu":
            columns = [int(word) for word in words[1:]]
            return sum(columns[i] for i in _BUSY_COLUMNS) / ticks
    raise ValueError("/proc/stat has no line of all processors")


def now() -> Moment:
    """The clocks of this machine, this process and its ended children."""
    with open("/proc/stat", encoding="ascii") as file:
        busy = parse_busy(file.read(), os.sysconf("SC_CLK_TCK"))
    own = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        used = resource.getrusage(who)
        own += used.ru_utime + used.ru_stime
    return Moment(time.monotonic(), busy, own)
