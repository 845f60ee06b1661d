# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`probe`: what is at a destination and in a source, before anything is made.

Needs no archive and no key, writes nothing and makes nothing. What can't be
had is told in the report, and is the command's error behind it.
"""

import os
from contextlib import suppress

from wyng_common.ids import StagingToken
from wyng_common.messages import Capability
from wyng_dom0.commands.access import reach_of, reached
from wyng_dom0.commands.context import Context
from wyng_dom0.commands.reports import (
    PlaceRow,
    ProbeReport,
    SourceRow,
    SourceVolumeRow,
)
from wyng_dom0.commands.schedule import can_be_set
from wyng_dom0.errors import DestinationError, Dom0Error, Refused
from wyng_dom0.events import Warning_
from wyng_dom0.names import quote
from wyng_dom0.sources.choose import choose_source, has_qubes
from wyng_dom0.sources.qubes import KEY, QubesSource
from wyng_dom0.sources.source import Source
from wyng_dom0.state import definitions
from wyng_dom0.transport.destination import (
    INTERNAL,
    Destination,
    parse_destination,
)
from wyng_dom0.transport.remote_store import open_store

FREE, ARCHIVE, IN_USE, UNKNOWN = "free", "archive", "in use", "unknown"
VOLUMES_MAX = 20_000


def run(context: Context) -> None:
    """Report on `--dest` and on the source; raises what was wrong first."""
    options = context.options
    failures: list[Dom0Error] = []
    place = source = None
    if options.dest is not None:
        place = _place(context, options.dest, failures)
    local = options.local or (KEY if has_qubes() else None)
    if local is not None:
        source = _source(context, local, failures)
    report = ProbeReport(has_qubes(), can_be_set(context), place, source)
    context.report(report)
    if failures:
        raise failures[0]


def _place(context: Context, url: str, failures: list[Dom0Error]) -> PlaceRow:
    shown = url
    state, known_as = UNKNOWN, None
    try:
        destination = reached(
            parse_destination(url, context.options.subdir or ""),
            reach_of(context.options),
        )
        shown = destination.url
        known_as = _known_as(context, shown)
        state = _state(destination)
    except Dom0Error as error:
        failures.append(error)
        return PlaceRow(shown, state, known_as, problem=str(error))
    free, total = _room(destination)
    fault = _fault(destination, state)
    if fault is not None:
        failures.append(fault)
    return PlaceRow(shown, state, known_as, free, total, str(fault or ""))


def _known_as(context: Context, url: str) -> str | None:
    """What this machine calls an archive at that place."""
    for each in definitions.list_definitions(context.places):
        if each.destination == url:
            return each.name
    return None


def _state(destination: Destination) -> str:
    """Asks the store; what lies there in a directory is looked at, too."""
    folder = os.path.dirname(destination.path)
    if destination.scheme == INTERNAL and not os.path.isdir(folder):
        raise DestinationError(
            f"there is no directory {folder}: is its disk mounted?",
            about=destination.url,
        )
    with open_store(
        destination, Capability.INIT, StagingToken.random()
    ) as store:
        welcome = store.welcome
    if welcome is not None and welcome.sequence > 0:
        return ARCHIVE
    if welcome is None and _holds_something(destination):
        return IN_USE
    return FREE


def _holds_something(destination: Destination) -> bool:
    """True for a path here that an archive can't be made at."""
    if destination.scheme != INTERNAL:
        return False
    try:
        with os.scandir(destination.path) as entries:
            return any(True for _ in entries)
    except FileNotFoundError:
        return False
    except OSError:
        return True


def _fault(destination: Destination, state: str) -> Dom0Error | None:
    if state == IN_USE:
        return Refused(
            f"{destination.url} holds other files already: name a directory"
            " that is empty or not there yet"
        )
    if destination.scheme != INTERNAL or state != FREE:
        return None
    place = destination.path
    if not os.path.isdir(place):
        place = os.path.dirname(place)
    if os.access(place, os.W_OK | os.X_OK):
        return None
    return Refused(f"nothing can be written to the directory {place}")


def _room(destination: Destination) -> tuple[int | None, int | None]:
    """Free and all bytes there, where that is to be seen from here."""
    if destination.scheme != INTERNAL:
        return None, None
    for place in (destination.path, os.path.dirname(destination.path)):
        with suppress(OSError):
            found = os.statvfs(place)
            unit = found.f_frsize
            return found.f_bavail * unit, found.f_blocks * unit
    return None, None


def _source(
    context: Context, local: str, failures: list[Dom0Error]
) -> SourceRow:
    try:
        source = choose_source(local, context.places, context.listener)
        names, included = _names(source)
    except Dom0Error as error:
        failures.append(error)
        return SourceRow(local, problem=str(error))
    rows = [
        row
        for name in names[:VOLUMES_MAX]
        if (row := _volume(context, source, name, name in included))
    ]
    key = source.key
    if not rows:
        fault = Refused(f"there is no volume in {quote(key)}")
        failures.append(fault)
        return SourceRow(key, problem=str(fault))
    return SourceRow(key, tuple(rows))


def _names(source: Source) -> tuple[list[str], set[str]]:
    """All names of volumes, and those that --all means."""
    meant = source.list_volumes()
    if not isinstance(source, QubesSource):
        return meant, set(meant)
    return sorted({*meant, *source.names_of_all()}), set(meant)


def _volume(
    context: Context, source: Source, name: str, included: bool
) -> SourceVolumeRow | None:
    try:
        size = source.describe(name).size
    except Dom0Error as error:
        # Gone since it was listed, or not to be read: the others are told.
        context.listener(Warning_(f"{quote(name)} is left out: {error}"))
        return None
    return SourceVolumeRow(name, size, included)
