# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`schedule`: when sends to an archive start by themselves.

The timers are systemd's and root's: they start `qvm-wyng` with the state of
the system.
"""

import os
from collections.abc import Sequence
from dataclasses import replace

from wyng_dom0.commands.access import known_definition
from wyng_dom0.commands.archive_reports import ScheduleReport
from wyng_dom0.commands.context import Context
from wyng_dom0.errors import BadInput, Refused
from wyng_dom0.events import Warning_
from wyng_dom0.names import quote
from wyng_dom0.runs import systemd
from wyng_dom0.runs.schedule import (
    Schedule,
    next_send,
    read_schedule,
    write_schedule,
)
from wyng_dom0.runs.timers import can_be_timed, timer_of
from wyng_dom0.state import places, remembered
from wyng_dom0.state.definitions import ArchiveDefinition

OFF = "off"
DEFAULT = "hourly"
_KEYS = {
    "on-battery": "on_battery",
    "monitor": "monitor",
    "persistent": "persistent",
}
_NOTHING = Schedule(False, "", True, False, False)


def run(context: Context) -> None:
    """Set what is given, then report how it is."""
    definition = known_definition(context)
    words = context.options.names
    if words:
        change = _parse(words)
        _check_can_be_set(context, definition.name)
        _set(context, definition.name, *change)
    context.report(_reported(context, definition))


def _parse(words: Sequence[str]) -> tuple[str, dict[str, bool]]:
    """The calendar, "" for as it is, and the keys; raises BadInput."""
    calendar = ""
    keys: dict[str, bool] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            if calendar:
                raise BadInput(
                    "schedule takes one calendar: put one with spaces into"
                    " quotes"
                )
            calendar = word
        elif name not in _KEYS or value not in ("yes", "no"):
            raise BadInput(
                f"schedule takes {'=, '.join(_KEYS)}= with yes or no; not"
                f" {quote(word)}"
            )
        else:
            keys[_KEYS[name]] = value == "yes"
    return calendar, keys


def can_be_set(context: Context) -> bool:
    """Could schedule set a timer for an archive with a name that fits?"""
    try:
        _check_can_be_set(context, "archive")
    except Refused:
        return False
    return True


def _check_can_be_set(context: Context, name: str) -> None:
    if not systemd.is_there():
        raise Refused(
            "systemd does not run here: let something else start"
            f" `qvm-wyng --archive={name} --unattended send`"
        )
    if context.places.root != places.SYSTEM_STATE:
        raise Refused(
            f"the timers are root's and use {places.SYSTEM_STATE}: run"
            " schedule as root, for an archive that root has made"
        )
    if os.geteuid() != 0:
        raise Refused("the timers are root's: run schedule as root")
    if not can_be_timed(name):
        raise BadInput(
            f"no timer can be called {quote(name)}: letters, digits, '_', '.'"
            " and '-' make names of timers"
        )


def _set(
    context: Context, name: str, calendar: str, keys: dict[str, bool]
) -> None:
    if calendar not in ("", OFF) and not systemd.is_calendar(calendar):
        raise BadInput(
            f"{quote(calendar)} is no calendar of systemd: hourly, daily,"
            " weekly, off, or as 'Mon..Fri 18:00'"
        )
    known = read_schedule(name)
    if not known.enabled:
        # Notes between sends come with them, unless said otherwise.
        known = replace(known, monitor=True)
    wanted = replace(
        known,
        enabled=calendar != OFF and (bool(calendar) or known.enabled),
        calendar=_calendar(calendar, known),
        **keys,
    )
    try:
        write_schedule(name, wanted)
    except OSError as error:
        raise Refused(
            f"the schedule can't be written to {error.filename}:"
            f" {error.strerror}"
        ) from None
    if read_schedule(name) != wanted:
        context.listener(
            Warning_(
                "a file of your own says otherwise and goes before: see"
                f" systemctl cat {timer_of(name)}"
            )
        )


def _calendar(given: str, known: Schedule) -> str:
    """What goes into the file. Several of the user's own stay as they are."""
    if given not in ("", OFF):
        return given
    # One line holds one calendar.
    return known.calendar.split("; ")[0] or DEFAULT


def _reported(
    context: Context, definition: ArchiveDefinition
) -> ScheduleReport:
    name = definition.name
    available = systemd.is_there()
    known = _NOTHING
    if available and can_be_timed(name):
        known = read_schedule(name)
    moment = next_send(name) if known.enabled else None
    return ScheduleReport(
        archive=name,
        available=available,
        enabled=known.enabled,
        calendar=known.calendar,
        next_run=moment.astimezone(context.now.tzinfo) if moment else None,
        persistent=known.persistent,
        on_battery=known.on_battery,
        monitor=known.monitor,
        key_kept=_key_kept(context, definition),
    )


def _key_kept(context: Context, definition: ArchiveDefinition) -> bool:
    if definition.suite == "off" or context.options.passcmd is not None:
        return True
    if context.options.key_file is not None:
        return True
    try:
        kept = remembered.recall(context.places, definition.archive)
    except Refused:
        return False  # the send would say why
    return kept is not None
