# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`overdue`: which archives have missed their sends.

Reads this machine's state alone: no key, no destination, no lock. So it can
tell when neither the destination nor the timer works.
"""

import re
from datetime import datetime, timedelta

from wyng_dom0.commands.context import Context
from wyng_dom0.commands.reports import Said
from wyng_dom0.engine.standing import MISSED
from wyng_dom0.errors import BadInput, Refused
from wyng_dom0.events import Warning_
from wyng_dom0.names import quote
from wyng_dom0.state import definitions
from wyng_dom0.state.archive_options import read_options
from wyng_dom0.state.definitions import ArchiveDefinition
from wyng_dom0.state.last_send import read_send
from wyng_dom0.state.places import Places

EVERY_DEFAULT = "1d"
_EVERY = re.compile(r"([1-9][0-9]{0,3})([mhdw])", re.ASCII)
_UNITS = {
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}


def run(context: Context) -> None:
    """Report each archive's last whole send; an error if one is overdue."""
    late = []
    for definition in meant_archives(context):
        every = every_of(context, definition)
        began = read_send(context.places, definition.archive)
        sentence = lateness(context.places, definition, every, context.now)
        if sentence:
            late.append(sentence)
        context.report(_said(definition.name, began, bool(sentence)))
    if late:
        raise Refused("; ".join(late))


def parse_every(text: str) -> timedelta:
    """`30m`, `1h`, `2d` or `1w` as a length of time; raises BadInput."""
    match = _EVERY.fullmatch(text)
    if match is None:
        raise BadInput(
            f"--every takes a number and m, h, d or w, as in 12h; not"
            f" {quote(text)}"
        )
    return int(match[1]) * _UNITS[match[2]]


def lateness(
    places: Places,
    definition: ArchiveDefinition,
    every: timedelta,
    now: datetime,
) -> str:
    """One sentence when the archive missed two sends, else "".

    A time that is still to come was noted by a clock that ran wrong: it says
    nothing.
    """
    began = read_send(places, definition.archive)
    known = began is not None and began <= now
    since = began if known and began else definition.created
    if now - since <= MISSED * every:
        return ""
    what = "its last whole send" if known else "never sent whole, it"
    return (
        f"the archive {quote(definition.name)} is overdue: {what} was"
        f"{'' if known else ' made'} {_ago(now - since)} ago"
    )


def every_of(context: Context, definition: ArchiveDefinition) -> timedelta:
    """How often a send to the archive is due: as the options, or the
    archive's own, say."""
    return interval_of(context.places, definition, context.options.every)


def interval_of(
    places: Places, definition: ArchiveDefinition, given: str | None
) -> timedelta:
    """The same of what was given, if anything was; raises BadInput."""
    if given is None:
        own = read_options(places, definition.archive)
        given = own.get("every", EVERY_DEFAULT)
    return parse_every(given)


def is_due(
    places: Places,
    definition: ArchiveDefinition,
    every: timedelta,
    now: datetime,
) -> bool:
    """True when it is time for the archive's next whole send."""
    began = read_send(places, definition.archive)
    return began is None or began > now or now - began >= every


def warn_overdue(context: Context, definition: ArchiveDefinition) -> None:
    """Tell with any other command, where the user's config says how often."""
    options = context.options
    if options.every is None or options.command == "send":
        return
    every = parse_every(options.every)
    sentence = lateness(context.places, definition, every, context.now)
    if sentence:
        context.listener(Warning_(sentence))


def meant_archives(context: Context) -> list[ArchiveDefinition]:
    """The one that is named, or all known here; NotFound."""
    name = context.options.archive
    if name is not None:
        return [definitions.load(context.places, name)]
    return definitions.list_definitions(context.places)


def _said(name: str, began: datetime | None, late: bool) -> Said:
    when = f"{began:%Y-%m-%d %H:%M:%S %z}" if began else "never"
    return Said(
        "overdue",
        f"{name}: last whole send {when}{', OVERDUE' if late else ''}",
        {"archive": name, "sent": began, "overdue": late},
    )


def _ago(age: timedelta) -> str:
    hours = int(age.total_seconds() // 3600)
    return f"{hours // 24} days" if hours >= 48 else f"{hours} hours"
