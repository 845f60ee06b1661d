# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Which dots a timeline shows: sessions close together are one.

Pure. Places are pixels, times seconds of UTC, sizes bytes. What lies
together follows from the time and the scale alone, so that dots don't change
when the view is moved.
"""

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import Iterable, List, Sequence, Tuple

from wyng_dom0.applet.points import MIXED, NONE, Point

# However far in: no two sessions lie closer, and doubles stay exact.
SHORTEST_VIEW = 60.0
_MARGIN = 0.04


@dataclass(frozen=True)
class View:
    """The part of time that is shown, over so many pixels."""

    begin: float
    end: float
    width: float

    @property
    def seconds_each(self) -> float:
        """Seconds of a pixel."""
        return (self.end - self.begin) / max(1.0, self.width)

    def x(self, seconds: float) -> float:
        """Where a moment lies."""
        return (seconds - self.begin) / self.seconds_each

    def seconds(self, x: float) -> float:
        """The moment at a place."""
        return self.begin + x * self.seconds_each

    def zoomed(self, factor: float, at: float) -> "View":
        """Larger by a factor, with the moment `at` where it was."""
        span = max(SHORTEST_VIEW, (self.end - self.begin) / factor)
        part = (at - self.begin) / (self.end - self.begin)
        begin = at - part * span
        return View(begin, begin + span, self.width)

    def moved(self, seconds: float) -> "View":
        """Later by so much."""
        return View(self.begin + seconds, self.end + seconds, self.width)

    def within(self, whole: "View") -> "View":
        """Moved and cut so that it shows no more than the whole."""
        span = min(self.end - self.begin, whole.end - whole.begin)
        begin = max(whole.begin, min(self.begin, whole.end - span))
        return View(begin, begin + span, self.width)


@dataclass(frozen=True)
class Dot:
    """Sessions drawn as one, `first` to `last` of the points by time.

    `weight` is 0 to 1, by the area of its changed bytes.
    """

    x: float
    weight: float
    first: int
    last: int
    state: str
    pinned: bool
    proven: bool

    @property
    def count(self) -> int:
        """How many sessions it is."""
        return self.last - self.first + 1


def whole_view(times: Sequence[float], width: float) -> View:
    """All of it, with a margin; a day around one moment alone."""
    if not times:
        return View(0.0, SHORTEST_VIEW, width)
    span = times[-1] - times[0]
    margin = max(span * _MARGIN, SHORTEST_VIEW / 2)
    if span == 0:
        margin = 43200.0
    return View(times[0] - margin, times[-1] + margin, width)


def dots(
    points: Sequence[Point], times: Sequence[float], view: View, cell: float
) -> List[Dot]:
    """The dots of a view, from left to right, `cell` pixels for each.

    `points` are in the order of `times`, which never fall.
    """
    seconds = max(view.seconds_each * cell, 1e-6)
    first = bisect_left(times, view.begin - seconds)
    last = bisect_right(times, view.end + seconds)
    groups: List[Tuple[int, int]] = []
    before = None
    for at in range(first, last):
        number = math.floor(times[at] / seconds)
        if number == before:
            groups[-1] = groups[-1][0], at
        else:
            groups.append((at, at))
        before = number
    changed = [
        sum(each.changed for each in points[a : b + 1]) for a, b in groups
    ]
    most = max(changed, default=0) or 1
    return [
        _dot(points, times, view, group, math.sqrt(size / most))
        for group, size in zip(groups, changed, strict=True)
    ]


def _dot(
    points: Sequence[Point],
    times: Sequence[float],
    view: View,
    group: Tuple[int, int],
    weight: float,
) -> Dot:
    first, last = group
    some = points[first : last + 1]
    middle = sum(times[first : last + 1]) / len(some)
    return Dot(
        x=view.x(middle),
        weight=weight,
        first=first,
        last=last,
        state=_state(each.state for each in some),
        pinned=any(each.pinned != NONE for each in some),
        proven=any(each.proven is not None for each in some),
    )


def _state(states: Iterable[str]) -> str:
    known = set(states)
    return known.pop() if len(known) == 1 else MIXED


def dot_at(shown: Sequence[Dot], x: float, reach: float) -> int:
    """The nearest dot within `reach` pixels; -1 for none."""
    best, found = reach, -1
    for at, each in enumerate(shown):
        if abs(each.x - x) <= best:
            best, found = abs(each.x - x), at
    return found
