# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`protect` and `unprotect`: pins that keep sessions from every prune."""

import time

from wyng_common.messages import Capability
from wyng_dom0.commands.access import opened
from wyng_dom0.commands.context import Context
from wyng_dom0.commands.reports import Said
from wyng_dom0.engine.protect import find_unlike, set_pins
from wyng_dom0.errors import BadInput


def run(context: Context) -> None:
    """Pin, or unpin, what `--session` means of the named volumes."""
    options = context.options
    if options.session is None:
        raise BadInput(f"{options.command} needs --session, one or a range")
    pinned = options.command == "protect"
    with opened(context, Capability.PRUNE) as (chosen, archive):
        pages = archive.pages_named(options.names)
        found = find_unlike(archive, pages, options.session, pinned)
        count = sum(len(sequences) for _, sequences in found)
        if count and not options.dry_run:
            set_pins(archive, found, pinned, time.time_ns())
        word = "would be " if options.dry_run else ""
        context.report(
            Said(
                options.command,
                f"{count} session(s) {word}{options.command}ed.",
                {
                    "archive": chosen.name,
                    "volumes": [page.name for page, _ in found],
                    "sessions": count,
                    "dry_run": options.dry_run,
                },
            )
        )
