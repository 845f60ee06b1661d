# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What charts show, made of reports; each chart is a table too.

Pure. Sizes are bytes, times seconds of UTC. What is not known is left out, and
never taken for 0.
"""

import csv
import io
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from wyng_dom0.applet.plain_table import Table
from wyng_dom0.applet.points import BETWEEN, Part
from wyng_dom0.applet.reading import (
    maybe_number,
    number_of,
    rows_of,
    text_of,
)
from wyng_dom0.applet.wording import shown, size, tr

BYTES, PERCENT = "bytes", "percent"
# More lines than these can't be told apart.
SERIES_MOST = 4


@dataclass(frozen=True)
class Series:
    """A line: `at` (seconds) rises, `sizes` are what was reached there."""

    name: str
    at: Tuple[float, ...]
    sizes: Tuple[int, ...]


@dataclass(frozen=True)
class Lines:
    """A chart over time; the first series is the sum of all."""

    series: Tuple[Series, ...]

    def table(self) -> Table:
        """A row for each point of each line."""
        rows = [
            (each.name, _iso(at), reached)
            for each in self.series
            for at, reached in zip(each.at, each.sizes, strict=True)
        ]
        return (tr("Of"), tr("Time"), tr("Bytes")), tuple(rows)


@dataclass(frozen=True)
class Bar:
    """One bar: its name, and its parts in the order of the chart's kinds.

    A part of None is not known.
    """

    name: str
    parts: Tuple[Optional[float], ...]
    more: str = ""

    @property
    def whole(self) -> float:
        """All parts together, as far as they are known."""
        return sum(each or 0 for each in self.parts)

    @property
    def last(self) -> float:
        """The last part; 0 where it is not known."""
        return self.parts[-1] or 0

    def cells(self) -> Tuple[Any, ...]:
        """Its name and parts for a table; "" where nobody knows."""
        known = ("" if each is None else each for each in self.parts)
        return (self.name, *known)


@dataclass(frozen=True)
class Bars:
    """A chart of bars; `kinds` name their parts, `unit` is that of both."""

    kinds: Tuple[str, ...]
    bars: Tuple[Bar, ...]
    unit: str = BYTES
    note: str = ""
    # What the last kind is: not there, as free room is, or spared.
    last_is_empty: bool = False

    def table(self) -> Table:
        """A row for each bar."""
        rows = [
            ((*each.cells(), each.more) if self._has_more else each.cells())
            for each in self.bars
        ]
        heads = (tr("Name"), *(f"{k} ({self._unit})" for k in self.kinds))
        if self._has_more:
            heads = (*heads, tr("Besides"))
        return heads, tuple(rows)

    @property
    def _has_more(self) -> bool:
        return any(each.more for each in self.bars)

    @property
    def _unit(self) -> str:
        return tr("bytes") if self.unit == BYTES else "%"

    def text(self, value: float) -> str:
        """A value as it stands beside a bar."""
        if self.unit == BYTES:
            return size(int(value))
        return f"{value:.0f} %"


def owner_of(volume: str, *, qubes: bool) -> str:
    """The qube of a volume, or the volume itself where there are none."""
    return volume.partition(BETWEEN)[0] if qubes else volume


def over_time(volumes: Mapping[str, Sequence[Part]], *, qubes: bool) -> Lines:
    """What sessions that are there brought in, by when; before compression.

    All of it, and the largest few by themselves.
    """
    owners: Dict[str, List[Tuple[float, int]]] = {}
    for volume, parts in volumes.items():
        steps = owners.setdefault(owner_of(volume, qubes=qubes), [])
        steps += [(each.time.timestamp(), each.changed) for each in parts]
    everything = [step for steps in owners.values() for step in steps]
    if not everything:
        return Lines(())
    found = [_series(tr("all"), everything)]
    if len(owners) > 1:
        largest = sorted(
            owners.items(), key=lambda each: -sum(n for _, n in each[1])
        )
        found += [
            _series(shown(name), steps)
            for name, steps in largest[:SERIES_MOST]
            if steps
        ]
    return Lines(tuple(found))


def _series(name: str, steps: List[Tuple[float, int]]) -> Series:
    at: List[float] = []
    sizes: List[int] = []
    total = 0
    for when, changed in sorted(steps):
        total += changed
        if at and at[-1] == when:
            sizes[-1] = total
        else:
            at.append(when)
            sizes.append(total)
    return Series(name, tuple(at), tuple(sizes))


def by_owner(
    rows: Sequence[Mapping[str, Any]],
    volumes: Mapping[str, Sequence[Part]],
    *,
    qubes: bool,
) -> Bars:
    """What each qube brought in: its first session, and changes since."""
    found: Dict[str, List[int]] = {}
    for row in rows:
        name = text_of(row, "name")
        parts = volumes.get(name, ())
        sums = found.setdefault(owner_of(name, qubes=qubes), [0, 0, 0])
        sums[0] += parts[0].changed if parts else 0
        sums[1] += sum(each.changed for each in parts[1:])
        sums[2] += number_of(row, "sessions")
    bars = [
        Bar(shown(name), (first, later), tr("{0} sessions").format(count))
        for name, (first, later, count) in found.items()
    ]
    bars.sort(key=lambda each: -each.whole)
    return Bars(
        (tr("oldest session"), tr("changed since")),
        tuple(bars),
        note=tr("Before deduplication and compression."),
    )


def saved(totals: Mapping[str, Any]) -> Optional[Bars]:
    """What deduplication and compression spare, from `totals` of `list`."""
    logical = maybe_number(totals, "logical")
    plain = maybe_number(totals, "plain")
    live = maybe_number(totals, "live")
    if logical is None or plain is None or live is None:
        return None
    # Estimates: each blob counts as a whole chunk.
    plain = min(plain, logical) if logical else plain
    live = min(live, plain) if plain else live
    bars = (
        Bar(tr("all sessions"), (logical, 0)),
        Bar(tr("deduplicated"), (plain, logical - plain)),
        Bar(tr("and compressed"), (live, logical - live)),
    )
    note = tr("Deduplication saves {0}, compression {1}; about.").format(
        size(logical - plain), size(plain - live)
    )
    kinds = (tr("kept"), tr("saved"))
    return Bars(kinds, bars, note=note, last_is_empty=True)


def spaces(status: Mapping[str, Any], archive: str) -> Bars:
    """How full pools and the archive's destination are, in percent."""
    bars: List[Bar] = []
    for pool in rows_of(status, "pools"):
        bars += _pool_bars(pool)
    for row in rows_of(status, "archives"):
        if text_of(row, "name") == archive:
            bars += _place_bars(row)
    return Bars(
        (tr("ours"), tr("other"), tr("in use, not told whose"), tr("free")),
        tuple(bars),
        unit=PERCENT,
        last_is_empty=True,
    )


def _pool_bars(pool: Mapping[str, Any]) -> List[Bar]:
    # None where nobody knows.
    ours = maybe_number(pool, "snapshots")
    name = shown(text_of(pool, "pool"))
    whole = number_of(pool, "size")
    data = min(100, number_of(pool, "data_percent"))
    parts: Tuple[Optional[float], ...] = (None, None, data, 100 - data)
    told = tr("our snapshots: not known")
    if ours is not None and whole:
        share = min(float(data), 100 * ours / whole)
        parts = (share, data - share, None, 100 - data)
        told = tr("our snapshots hold {0}").format(size(ours))
    more = tr("{0}, {1} free").format(told, size(whole * (100 - data) // 100))
    metadata = min(100, number_of(pool, "metadata_percent"))
    return [
        Bar(tr("{0}, data").format(name), parts, more),
        Bar(
            tr("{0}, metadata").format(name),
            (None, None, metadata, 100 - metadata),
            tr("the pool does not tell whose its metadata is"),
        ),
    ]


def _place_bars(row: Mapping[str, Any]) -> List[Bar]:
    given = row.get("space")
    space: Mapping[str, Any] = given if isinstance(given, dict) else {}
    whole, free = number_of(space, "total"), number_of(space, "free")
    used = number_of(space, "used")
    if whole <= 0:
        return []
    ours = 100 * min(used, whole) / whole
    left = 100 * min(free, whole) / whole
    name = tr("destination of {0}").format(shown(text_of(row, "name")))
    more = tr("the archive takes {0}, {1} free").format(size(used), size(free))
    other = max(0.0, 100 - ours - left)
    return [Bar(name, (ours, other, None, left), more)]


def csv_of(table: Table) -> str:
    """A table as CSV, for a spreadsheet to open.

    A name that begins as a formula does is made a text.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    heads, rows = table
    writer.writerow(heads)
    for row in rows:
        writer.writerow([_cell(each) for each in row])
    return out.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in tuple("=+-@\t"):
        return f"'{value}"
    return round(value, 2) if isinstance(value, float) else value


def _iso(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, timezone.utc)
    return moment.astimezone().isoformat(" ", "seconds")
