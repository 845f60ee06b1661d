# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`delete`: take a volume out of the archive, or our traces off its source."""

import time

from wyng_common.messages import Capability
from wyng_dom0.commands.access import known_definition, opened
from wyng_dom0.commands.context import Context
from wyng_dom0.commands.reports import Said
from wyng_dom0.engine.kept import (
    clean_strays,
    forget_archive,
    states_of,
)
from wyng_dom0.engine.volumes import delete_volume
from wyng_dom0.errors import BadInput, Refused
from wyng_dom0.names import quote
from wyng_dom0.state import ledgers
from wyng_dom0.state.volumes import VolumeState, list_states


def run(context: Context) -> None:
    """Delete after a yes; `--unattended` wants `--force`."""
    options = context.options
    if options.clean:
        _clean(context)
        return
    if options.all:
        raise BadInput("delete takes one volume; --all goes with --clean")
    if len(options.names) != 1:
        raise BadInput("delete takes one VOLUME, or --clean and no name")
    _delete(context, options.names[0])


def _delete(context: Context, name: str) -> None:
    options = context.options
    with opened(context, Capability.PRUNE) as (chosen, archive):
        page = archive.page_named(name)
        what = f"{quote(name)} with its {page.session_count} session(s)"
        if options.dry_run:
            text = f"Would delete {what}."
        else:
            if not options.force:
                context.prompts.confirm(
                    f"Delete {what} from the archive {quote(chosen.name)}?"
                )
            delete_volume(archive, name, time.time_ns())
            id = archive.access.keys.terms.archive
            volume = bytes(page.volume)
            for state in states_of(context.places, id, volume):
                forget_archive(context.places, state, id)
            text = f"Deleted {what}."
        context.report(
            Said(
                "delete",
                text,
                {
                    "archive": chosen.name,
                    "volume": name,
                    "sessions": page.session_count,
                    "dry_run": options.dry_run,
                },
            )
        )


def _clean(context: Context) -> None:
    """Snapshots and ledgers of this archive, or of all, go; no store is
    asked, and no session is touched."""
    options = context.options
    if options.names:
        raise BadInput("delete --clean takes no VOLUME")
    archive = None if options.all else known_definition(context).archive
    states = [
        state
        for state in list_states(context.places)
        if archive is None or archive in ledgers.list_archives(state.folder)
    ]
    of = "every archive" if archive is None else "this archive"
    if not options.dry_run:
        _ask(context, states, of)
        for state in states:
            forget_archive(context.places, state, archive)
        clean_strays(context.places, [state.source for state in states])
    verb = "Would clean" if options.dry_run else "Cleaned"
    context.report(
        Said(
            "clean",
            f"{verb} up behind {len(states)} volume(s) of {of}.",
            {
                "volumes": [state.volume for state in states],
                "dry_run": options.dry_run,
            },
        )
    )


def _ask(context: Context, states: list[VolumeState], of: str) -> None:
    if context.options.force:
        return
    if context.options.unattended:
        raise Refused("delete --clean without anybody to ask wants --force")
    context.prompts.confirm(
        f"Delete the local snapshots and ledgers of {len(states)} volume(s) of"
        f" {of}? The next send of each reads all of it."
    )
