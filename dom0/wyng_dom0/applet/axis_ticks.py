# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Where an axis is marked: at round sizes, and at round moments of a calendar.

Pure. Times are seconds of UTC; calendars are those of the local time zone.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Iterator, List, Tuple

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
_MONTH, _YEAR = 30.4 * DAY, 365.25 * DAY

# (about how many seconds, unit, how many of it)
_STEPS: Tuple[Tuple[float, str, int], ...] = (
    *((n * MINUTE, "minute", n) for n in (1, 5, 15, 30)),
    *((n * HOUR, "hour", n) for n in (1, 3, 6, 12)),
    *((n * DAY, "day", n) for n in (1, 2, 7, 14)),
    *((n * _MONTH, "month", n) for n in (1, 3, 6)),
    *((n * _YEAR, "year", n) for n in (1, 2, 5, 10, 20, 50, 100)),
)
# Years that a datetime can hold, with room for what is added.
_FIRST, _LAST = datetime(2, 1, 1), datetime(9990, 1, 1)
_MANY = 200


@dataclass(frozen=True)
class TimeTicks:
    """Marks of a time axis; `unit` is minute, hour, day, month or year."""

    unit: str
    moments: Tuple[datetime, ...]


def size_step(most: int, count: int) -> int:
    """A round step with which at most `count` steps reach `most` bytes."""
    if most <= 0:
        return 1
    needed = max(1.0, most / max(1, count))
    power = 1 << 10 * int(math.log(needed, 1024))
    for factor in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1024):
        if factor * power >= needed:
            return factor * power
    return 2048 * power


def size_ticks(most: int, count: int) -> List[int]:
    """0 and round sizes, the last of them not below `most`."""
    step = size_step(most, count)
    return [n * step for n in range(-(-max(most, 1) // step) + 1)]


def time_ticks(begin: float, end: float, count: int) -> TimeTicks:
    """Round local moments between two, at most about `count` of them."""
    needed = max(MINUTE, (end - begin) / max(1, count))
    _, unit, many = next((s for s in _STEPS if s[0] >= needed), _STEPS[-1])
    first, last = _local(begin), _local(end)
    found: List[datetime] = []
    for at in _calendar(first, unit, many):
        if at > last or len(found) >= _MANY:
            break
        if at >= first:
            found.append(at)
    return TimeTicks(unit, tuple(found))


def seconds_of(moment: datetime) -> float:
    """A local moment without an offset as seconds of UTC."""
    return moment.timestamp()


def _local(seconds: float) -> datetime:
    low, high = _FIRST.timestamp(), _LAST.timestamp()
    return datetime.fromtimestamp(min(max(seconds, low), high))


def _calendar(first: datetime, unit: str, many: int) -> Iterator[datetime]:
    """Round moments from one not behind `first` on."""
    day = first.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit in ("minute", "hour"):
        step = timedelta(minutes=many * (1 if unit == "minute" else 60))
        begin = day + (first - day) // step * step
    elif unit == "day":
        step = timedelta(days=many)
        # Weeks begin on Mondays, and the first ordinal day was one.
        begin = day - timedelta(days=(day.toordinal() - 1) % many)
    else:
        yield from _months(day, many * (12 if unit == "year" else 1))
        return
    while True:
        yield begin
        begin += step


def _months(day: datetime, step: int) -> Iterator[datetime]:
    month = (day.year * 12 + day.month - 1) // step * step
    while month // 12 <= _LAST.year:
        if month >= 12:
            yield datetime(month // 12, month % 12 + 1, 1)
        month += step
