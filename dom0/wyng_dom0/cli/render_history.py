# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""How `history` looks in a terminal. Pure, as render is."""

from wyng_dom0.cli.forms import format_size, format_table, format_time
from wyng_dom0.commands import archive_reports

# A terminal is no chart: the newest tell most.
_SHOWN = 40


def render_history(report: archive_reports.HistoryReport) -> str:
    """A line for each of the newest rows."""
    rows = [
        (
            format_time(each.at),
            str(each.sessions),
            format_size(each.newest),
            format_size(each.used),
            format_size(each.free),
        )
        for each in report.sizes[-_SHOWN:]
    ]
    headings = ("AT", "SESSIONS", "VOLUMES", "STORED", "FREE THERE")
    table = format_table(headings, rows, "lrrrr")
    return table or f"Nothing is noted of {report.archive} yet."
