# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`delete PLACE --clean`: remove what a killed drill restored to, alone.

It is ours by the note of it and by its name, and nobody's data: no name has
to be typed for it.
"""

from wyng_dom0.commands.context import Context
from wyng_dom0.commands.reports import Said
from wyng_dom0.engine.leftovers import find_drilled, remove_drilled
from wyng_dom0.errors import BadInput, SourceError
from wyng_dom0.names import quote
from wyng_dom0.state import locks


def is_drilled(context: Context, name: str) -> bool:
    """True for the place of a leftover, as `status` tells it."""
    return any(each.name == name for each in find_drilled(context.places))


def run(context: Context, place: str) -> None:
    """Remove it; raises SourceError where it stays."""
    options = context.options
    if options.all:
        raise BadInput("delete --clean takes a name or --all, not both")
    verb = "Would remove" if options.dry_run else "Removed"
    if not options.dry_run:
        with locks.hold_drill(context.places):
            problems = remove_drilled(context.places, place)
        if problems:
            raise SourceError("; ".join(problems))
    context.report(
        Said(
            "clean-drill",
            f"{verb} what a killed drill left at {quote(place)}.",
            {"drilled": [place], "dry_run": options.dry_run},
        )
    )
