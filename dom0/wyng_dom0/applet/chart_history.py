# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What an archive came to over time, as lines, of a `history` report.

Pure. Sizes are bytes, times seconds of UTC.
"""

from typing import Any, Dict, Mapping, Optional

from wyng_dom0.applet.chart_data import Lines, Series
from wyng_dom0.applet.reading import maybe_number, moment_of, rows_of
from wyng_dom0.applet.wording import tr


def sizes_over_time(report: Mapping[str, Any]) -> Lines:
    """What the archive takes, and what that holds before compression.

    A moment of which a size is not known is left out of that line.
    """
    found = [
        _series(report, "used", tr("taken")),
        _series(report, "plain", tr("uncompressed")),
        _series(report, "newest", tr("newest sessions")),
    ]
    return Lines(tuple(each for each in found if each is not None))


def _series(
    report: Mapping[str, Any], field: str, name: str
) -> Optional[Series]:
    sizes: Dict[float, int] = {}
    for row in rows_of(report, "sizes"):
        at, size = moment_of(row, "at"), maybe_number(row, field)
        if at is not None and size is not None and size >= 0:
            sizes[at.timestamp()] = size
    if not sizes:
        return None
    # A clock that went back must not draw a line to the left.
    ordered = sorted(sizes.items())
    return Series(
        name, tuple(at for at, _ in ordered), tuple(n for _, n in ordered)
    )
