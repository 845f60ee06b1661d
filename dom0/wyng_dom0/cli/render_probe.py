# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""How `probe` looks in a terminal: the destination, then the source.

Pure, as render is.
"""

from wyng_dom0.cli.forms import format_count, format_size, format_table, show
from wyng_dom0.commands import reports

_STATES = {
    "free": "a new archive can be made there",
    "archive": "an archive lies there",
    "in use": "other files lie there",
    "unknown": "not reached",
}


def render_probe(report: reports.ProbeReport) -> str:
    """Sentences and a table; what is wrong is told as the command's error."""
    parts = []
    if report.destination is not None:
        parts.append(_render_place(report.destination))
    if report.source is not None:
        parts.append(_render_source(report.source))
    nothing = "There are no qubes here: name --dest, --local or both."
    return "\n\n".join(parts) or nothing


def _render_place(row: reports.PlaceRow) -> str:
    state = _STATES[row.state]
    if row.problem and row.state == "free":
        state = "no archive can be made there"
    if row.known_as is not None:
        state += f", known here as {show(row.known_as)}"
    if row.free is not None and row.total is not None:
        free, total = format_size(row.free), format_size(row.total)
        state += f"; {free} of {total} are free"
    return f"{show(row.url)}: {state}."


def _render_source(row: reports.SourceRow) -> str:
    heading = f"{show(row.source)}: {format_count(len(row.volumes), 'volume')}"
    rows = [
        (
            show(each.name),
            format_size(each.size),
            "" if each.included else "left out of backups",
        )
        for each in row.volumes
    ]
    table = format_table(("VOLUME", "SIZE", ""), rows)
    return f"{heading}\n\n{table}" if rows else f"{heading}."
