# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`arch-delete`: end an archive for ever and forget it here.

First at its destination, then here: a crash between leaves a definition of
an archive that is gone, which the same command with --force forgets. With
--clean it is only forgotten, and need not be in reach.
"""

import os
from collections.abc import Sequence

from wyng_common.messages import Capability
from wyng_dom0.commands.access import known_definition, opened
from wyng_dom0.commands.context import Context
from wyng_dom0.commands.reports import Said
from wyng_dom0.engine.forget import forget_archive, namesakes
from wyng_dom0.errors import NotFound, Refused
from wyng_dom0.events import Warning_
from wyng_dom0.names import quote
from wyng_dom0.runs import systemd
from wyng_dom0.runs.schedule import end_schedule
from wyng_dom0.runs.timers import can_be_timed
from wyng_dom0.state import locks, places
from wyng_dom0.state.definitions import ArchiveDefinition


def run(context: Context) -> None:
    """Delete when the archive's name was typed; -u wants --force."""
    definition = known_definition(context)
    name = definition.name
    # Before anything is done: they must be readable.
    others = namesakes(context.places, definition)
    if context.options.clean:
        _forget_here(context, definition, others)
        return
    try:
        with opened(context, Capability.PRUNE) as (chosen, archive):
            count = len(archive.catalog.pages)
            if not context.options.force:
                context.prompts.type_name(
                    f"Delete the archive {quote(name)} at"
                    f" {definition.destination} with its {count} volume(s)"
                    " for ever?",
                    name,
                )
            archive.store.delete(chosen.access.keys.terms.archive)
    except NotFound:
        if not context.options.force:
            raise
        _forget(context, definition, "was gone already; it is forgotten here.")
    else:
        _forget(context, definition, "is deleted and forgotten here.")


def _forget_here(
    context: Context,
    definition: ArchiveDefinition,
    others: Sequence[ArchiveDefinition],
) -> None:
    """Leave the archive as it is; its passphrase opens it again."""
    name = definition.name
    what = "the key, the schedule and the head that are kept of it"
    if others:
        known = ", ".join(quote(each.name) for each in others)
        what = f"its schedule; what it needs as {known} stays"
    if not context.options.force:
        context.prompts.type_name(
            f"What is at {definition.destination} stays. Forget the archive"
            f" {quote(name)} here, with {what}?",
            name,
        )
    with locks.hold_archive(
        context.places, definition.archive, name, context.options.command
    ):
        _forget(
            context, definition, "is forgotten here, and stays where it is."
        )


def _end_schedule(context: Context, name: str) -> None:
    """Its timers would fail from now on, every hour."""
    ours = context.places.root == places.SYSTEM_STATE and os.geteuid() == 0
    if not (ours and systemd.is_there() and can_be_timed(name)):
        return
    try:
        end_schedule(name)
    except (Refused, OSError) as error:
        context.listener(Warning_(f"its timers are left as they are: {error}"))


def _forget(context: Context, definition: ArchiveDefinition, what: str) -> None:
    _end_schedule(context, definition.name)
    forget_archive(context.places, definition)
    context.report(
        Said(
            "arch-delete",
            f"The archive {quote(definition.name)} {what}",
            {
                "archive": definition.name,
                "destination": definition.destination,
            },
        )
    )
