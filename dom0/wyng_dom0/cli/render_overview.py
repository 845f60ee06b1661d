# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""How `overview` looks in a terminal. Pure, as render is."""

from wyng_dom0.cli.forms import (
    filled_table,
    format_size,
    format_time,
    show,
)
from wyng_dom0.commands import reports


def render_overview(report: reports.OverviewReport) -> str:
    """A line for each volume and archive; a sentence for what is not told."""
    rows = [
        _row(volume, backup)
        for volume in report.volumes
        for backup in volume.backups or (None,)
    ]
    headings = ("VOLUME", "STATE", "ARCHIVE", "SIZE", "NEWEST", "LAST SENT")
    optional = ("ARCHIVE", "NEWEST", "LAST SENT", "CHANGED", "PROVEN", "WHY")
    table = filled_table(
        (*headings, "CHANGED", "PROVEN", "WHY"), rows, "lllrllr", optional
    )
    problems = "\n".join(f"Not told: {each}." for each in report.problems)
    return "\n\n".join(
        each for each in (table or "No volume is known here.", problems) if each
    )


def _row(
    volume: reports.OverviewRow, backup: reports.BackupRow | None
) -> tuple[str, ...]:
    name, size = show(volume.volume), format_size(volume.size)
    if backup is None:
        return (name, volume.state, "", size, *[""] * 5)
    changed = "" if backup.changed is None else format_size(backup.changed)
    return (
        *(name, backup.state, backup.archive, size, backup.newest),
        format_time(backup.sent),
        "everything" if backup.everything else changed,
        backup.proven_session,
        backup.error,
    )
