# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""How `schedule` looks in a terminal. Pure, as render is."""

from wyng_dom0.cli.forms import format_time
from wyng_dom0.commands import archive_reports


def render_schedule(report: archive_reports.ScheduleReport) -> str:
    """A few sentences; the last ones tell what keeps sends from starting."""
    if not report.available:
        return (
            "systemd does not run here: let something else start"
            f" `qvm-wyng --archive={report.archive} --unattended send`."
        )
    if not report.enabled:
        return f"No timer starts sends to {report.archive}."
    battery = "on battery, too" if report.on_battery else "not on battery"
    missed = "made up for" if report.persistent else "not made up for"
    lines = [
        f"Sends to {report.archive} start by themselves: {report.calendar},"
        f" {battery}.",
        f"What is missed while the machine is off is {missed}.",
        (
            "Changes are noted between them."
            if report.monitor
            else "Changes are not noted between them (monitor=yes)."
        ),
    ]
    if report.next_run is not None:
        lines.append(f"The next one: {format_time(report.next_run)}.")
    if not report.key_kept:
        lines.append(
            "It can't type a passphrase: qvm-wyng"
            f" --archive={report.archive} remember keeps the key here."
        )
    return "\n".join(lines)
