# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""How a qube's settings, and what they differ in, look in a terminal.

Pure, as render is. Names and values are words of anybody.
"""

from wyng_dom0.cli.forms import format_table, show
from wyng_dom0.commands import setting_reports
from wyng_dom0.names import one_line

_VALUE_SHOWN = 200
_SIDE_SHOWN = 60


def render_settings(report: setting_reports.SettingsReport) -> str:
    """A line for each setting; long values are cut, JSON has all."""
    rows = [
        (each.kind, _cell(each.name), _cell(each.value))
        for each in report.settings
    ]
    table = format_table(("SETTING", "NAME", "VALUE"), rows)
    return f"{show(report.qube)} as of {report.session}\n{table}"


def render_settings_diff(report: setting_reports.SettingsDiffReport) -> str:
    """A line for each that differs, "none" where a side has none."""
    sides = f"{show(report.qube)}: {report.older} and {report.newer}"
    if report.same:
        return f"{sides} have the same settings."
    rows = [
        (each.kind, _cell(each.name), *map(_side, _sides(each)))
        for each in report.changes
    ]
    headings = ("SETTING", "NAME", "BEFORE", "AFTER")
    return f"{sides} differ.\n{format_table(headings, rows)}"


def _sides(
    row: setting_reports.SettingChangeRow,
) -> "tuple[str | None, str | None]":
    """A tag has no value: it is there or not."""
    if row.kind != "tag":
        return row.before, row.after
    return (
        None if row.before is None else "there",
        None if row.after is None else "there",
    )


def _side(value: "str | None") -> str:
    if value is None:
        return "none"
    return _cell(value, _SIDE_SHOWN) or "''"


def _cell(text: str, most: int = _VALUE_SHOWN) -> str:
    line = one_line(text)
    return line if len(line) <= most else line[:most] + "..."
