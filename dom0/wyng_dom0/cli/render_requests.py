# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""How what backup qubes ask for looks in a terminal. Pure, as render is."""

from wyng_dom0.cli.forms import filled_table, format_time
from wyng_dom0.commands import request_reports as reports
from wyng_dom0.names import one_line

_STATES = {
    "pending": "waits for approve or deny",
    "needs-key": "waits for the key: approve asks for it",
    "failed": "failed",
}


def render_requests(report: reports.RequestList) -> str:
    """What waits, who may ask, and what is wrong."""
    parts = [
        _waiting(report),
        _allowed(report),
        "\n".join(f"Note: {each}." for each in report.problems),
    ]
    return "\n\n".join(part for part in parts if part)


def _waiting(report: reports.RequestList) -> str:
    rows = [
        (
            each.qube,
            each.session or "newest",
            each.archive,
            each.vm,
            format_time(each.asked),
            format_time(each.expires),
            _state(each),
        )
        for each in report.requests
    ]
    headings = ("QUBE", "SESSION", "ARCHIVE", "ASKED BY", "AT", "UNTIL", "")
    return filled_table(headings, rows, "", ()) or "No request waits."


def _state(row: reports.RequestRow) -> str:
    said = _STATES[row.state]
    return f"{said}: {one_line(row.why)}" if row.state == "failed" else said


def _allowed(report: reports.RequestList) -> str:
    rows = [
        (
            each.vm,
            each.archive,
            "by themselves" if each.by_itself else "when approved",
            format_time(each.since),
            format_time(each.limited_until),
        )
        for each in report.allowed
    ]
    headings = ("MAY ASK", "ARCHIVE", "RESTORES RUN", "SINCE", "LIMITED UNTIL")
    return filled_table(headings, rows, "", ("LIMITED UNTIL",)) or (
        "No qube may ask: requests allow QUBE lets one."
    )


def render_log(report: reports.RequestLog) -> str:
    """A line each, the oldest first."""
    rows = [
        (
            format_time(each.time),
            each.what,
            each.vm,
            each.archive,
            each.qube,
            each.session,
            one_line(each.why),
        )
        for each in report.entries
    ]
    headings = ("TIME", "WHAT", "BY", "ARCHIVE", "QUBE", "SESSION", "")
    optional = ("BY", "ARCHIVE", "QUBE", "SESSION", "")
    return filled_table(headings, rows, "", optional) or (
        "Nothing was asked for yet."
    )
