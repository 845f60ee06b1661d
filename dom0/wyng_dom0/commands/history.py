# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`history`: what an archive came to over time, as it was noted here."""

from wyng_dom0.commands.access import known_definition
from wyng_dom0.commands.archive_reports import HistoryReport, SizeRow
from wyng_dom0.commands.archive_status import url_of
from wyng_dom0.commands.context import Context
from wyng_dom0.state.size_history import read_sizes


def run(context: Context) -> None:
    """Report all rows, oldest first; reaches no archive."""
    definition = known_definition(context)
    sizes = read_sizes(context.places, definition.archive, url_of(definition))
    rows = tuple(SizeRow(**vars(each)) for each in sizes)
    context.report(HistoryReport(definition.name, rows))
