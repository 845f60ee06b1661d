# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The archives in `status`: what this machine knows of each.

Asks systemd for timers, and nobody else anything.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from wyng_dom0.commands.context import Context
from wyng_dom0.commands.overdue import every_of, lateness
from wyng_dom0.commands.reports import ArchiveRow, SpaceRow
from wyng_dom0.engine.head_code import head_code
from wyng_dom0.errors import BadInput, NotFound
from wyng_dom0.runs.timers import next_sends
from wyng_dom0.state import definitions, heads
from wyng_dom0.state.definitions import ArchiveDefinition
from wyng_dom0.state.last_send import read_send
from wyng_dom0.state.proven import Proofs, newest_proof
from wyng_dom0.state.seen_space import read_space
from wyng_dom0.transport.destination import parse_destination


def archive_rows(
    context: Context,
    known: list[ArchiveDefinition],
    problems: list[str],
    proven: Mapping[str, datetime | None] | None = None,
) -> tuple[ArchiveRow, ...]:
    """One row for each; what can't be told is added to `problems`.

    `proven` by name saves reading all proofs, where somebody did.
    """
    default = default_name(context)
    timers = next_sends(each.name for each in known)
    if proven is None:
        proven = {each.name: _proven(context, each) for each in known}
    return tuple(
        replace(
            _row(context, each, timers.get(each.name), problems),
            proven=proven[each.name],
            default=each.name == default,
        )
        for each in known
    )


def default_name(context: Context) -> str:
    """What the archive is called that is meant where none is named; "" where
    that can't be told, as a command that needs it says."""
    configured = context.options.from_config.get("archive")
    if configured is not None:
        return configured
    try:
        return definitions.load_default(context.places).name
    except (BadInput, NotFound):
        return ""


def _proven(context: Context, definition: ArchiveDefinition) -> datetime | None:
    url = url_of(definition)
    proofs = Proofs(context.places, definition.archive, url)
    return newest_proof(proofs.read_all())


def _row(
    context: Context,
    definition: ArchiveDefinition,
    next_run: datetime | None,
    problems: list[str],
) -> ArchiveRow:
    places, now = context.places, context.now
    every = every_of(context, definition)
    url = url_of(definition)
    sent = read_send(places, definition.archive)
    seen = read_space(places, definition.archive, url)
    return ArchiveRow(
        name=definition.name,
        default=False,
        destination=url,
        source=definition.source,
        last_send=sent,
        every=int(every.total_seconds()),
        overdue=bool(lateness(places, definition, every, now)),
        next_run=next_run.astimezone(now.tzinfo) if next_run else None,
        last_head=_last_head(context, definition, url, problems),
        proven=None,
        space=SpaceRow(**vars(seen)) if seen else None,
    )


def url_of(definition: ArchiveDefinition) -> str:
    """Its destination, as notes of this machine are kept by it."""
    try:
        return parse_destination(definition.destination, definition.subdir).url
    except BadInput:
        return definition.destination


def _last_head(
    context: Context,
    definition: ArchiveDefinition,
    url: str,
    problems: list[str],
) -> str | None:
    try:
        pin = heads.read_pin(context.places, definition.archive, url)
    except BadInput as error:
        problems.append(str(error))
        return None
    return head_code(pin.committed) if pin.committed else None
