# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""How `arch-check` looks in a terminal: a bounded list of what is hurt.

Pure, as render is.
"""

from wyng_dom0.cli.forms import format_count, format_size, format_table, show
from wyng_dom0.commands import reports
from wyng_dom0.names import one_line

_SESSIONS_SHOWN = 50
_RANGES_SHOWN = 5
_PROBLEMS_SHOWN = 20


def render_check(report: reports.CheckReport) -> str:
    """What was looked at; what is hurt, by session; other things."""
    rows = [
        (show(each.volume), each.session, format_size(each.bytes), _where(each))
        for each in report.hurt[:_SESSIONS_SHOWN]
    ]
    headings = ("VOLUME", "SESSION", "HURT", "WHERE")
    parts = [format_table(headings, rows, "llr")]
    parts.append(_more(report.hurt, _SESSIONS_SHOWN, "session"))
    shown = report.problems[:_PROBLEMS_SHOWN]
    parts += [f"Wrong: {one_line(each)}." for each in shown]
    parts.append(_more(report.problems, _PROBLEMS_SHOWN, "other thing"))
    parts.append(_looked_at(report))
    if report.whole:
        parts.append("Nothing is hurt or missing.")
    return "\n".join(part for part in parts if part)


def _where(row: reports.HurtRow) -> str:
    if not row.ranges:
        return one_line(row.why)
    shown = ", ".join(
        f"{length} at {offset}" for offset, length in row.ranges[:_RANGES_SHOWN]
    )
    more = len(row.ranges) - _RANGES_SHOWN
    return shown + (f" and {format_count(more, 'range')} more" * (more > 0))


def _more(things: "tuple[object, ...]", most: int, noun: str) -> str:
    more = len(things) - most
    return f"and {format_count(more, noun)} more; --json has all" * (more > 0)


def _looked_at(report: reports.CheckReport) -> str:
    parts = [
        format_count(report.volumes, "volume"),
        format_count(report.sessions, "session"),
        format_count(report.nodes, "node"),
        format_count(report.chunks, "chunk"),
    ]
    if report.scrubbed_bytes:
        parts.append(f"{format_size(report.scrubbed_bytes)} read by the store")
    if report.bytes_read:
        parts.append(f"{format_size(report.bytes_read)} read here")
    return f"Looked at: {', '.join(parts)}."
