# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The forms of sizes, times, tables and names in a terminal. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from wyng_dom0.names import quote

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def format_size(size: int) -> str:
    """Three digits that count: `0 bytes`, `1.50 KiB`, `12.3 GiB`."""
    value, unit = float(size), 0
    while value >= 1023.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    if unit == 0:
        return f"{size} bytes"
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{digits}f} {_UNITS[unit]}"


def format_time(moment: datetime | None) -> str:
    """The wall clock where it was, with its offset from UTC."""
    if moment is None:
        return ""
    return moment.strftime("%Y-%m-%d %H:%M:%S %z")


def format_minute(moment: datetime | None) -> str:
    """The clock on this machine's wall, for tables that are wide already."""
    if moment is None:
        return ""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M")


def format_table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], right: str = ""
) -> str:
    """Columns two spaces apart; `right` has r for each right-bound column.

    No space ends a line. "" for no rows.
    """
    if not rows:
        return ""
    lines = [list(headings), *map(list, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(headings))]
    sides = right.ljust(len(widths), "l")
    return "\n".join(
        "  ".join(
            cell.rjust(width) if side == "r" else cell.ljust(width)
            for cell, width, side in zip(line, widths, sides, strict=True)
        ).rstrip()
        for line in lines
    )


def format_count(number: int, noun: str) -> str:
    """`1 session`, `2 sessions`."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def show(name: str) -> str:
    """A name fit for a terminal: plain where it can be, else escaped."""
    quoted = quote(name)[1:-1]
    return name if quoted == name else quote(name)


def format_age(age: timedelta) -> str:
    """A length of time in its largest unit that has two: `3 h`, `90 s`."""
    seconds = max(0, int(age.total_seconds()))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def filled_table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: str,
    optional: Sequence[str],
) -> str:
    """A table without those optional columns that nothing stands in."""
    kept = [
        at
        for at, heading in enumerate(headings)
        if heading not in optional or any(row[at] for row in rows)
    ]
    sides = right.ljust(len(headings), "l")
    return format_table(
        [headings[at] for at in kept],
        [[row[at] for at in kept] for row in rows],
        "".join(sides[at] for at in kept),
    )
