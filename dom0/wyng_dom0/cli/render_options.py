# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""How `configure` looks in a terminal. Pure, as render is."""

from wyng_dom0.cli.forms import filled_table
from wyng_dom0.commands import archive_reports

_SHOWN = {"default": "", "archive": "set", "config": "config.yaml"}


def render_options(report: archive_reports.OptionsReport) -> str:
    """A line for each option, what counts and who said so."""
    rows = [
        (each.key, each.value or "-", _SHOWN[each.origin], each.default)
        for each in report.options
    ]
    headings = ("OPTION", "VALUE", "BY", "DEFAULT")
    table = filled_table(headings, rows, "", ("BY",))
    said = [table]
    if report.default:
        said.append("It is meant where no archive is named.")
    if report.rules_in_config:
        said.append(
            "What is kept is said by the rules in config.yaml; those that are"
            " set here count not."
        )
    return "\n\n".join(said)
