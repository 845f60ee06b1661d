# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`delete`: take a volume with all its sessions out of the archive."""

import time

from wyng_common.messages import Capability
from wyng_dom0.commands.access import opened
from wyng_dom0.commands.context import Context
from wyng_dom0.commands.reports import Said
from wyng_dom0.engine.volumes import delete_volume
from wyng_dom0.names import quote


def run(context: Context) -> None:
    """Delete after a yes; `--unattended` wants `--force`."""
    options = context.options
    (name,) = options.names
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
