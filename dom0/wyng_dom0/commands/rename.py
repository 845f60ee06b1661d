# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`rename`: call a volume of the archive something else."""

import time

from wyng_common.messages import Capability
from wyng_dom0.commands.access import opened
from wyng_dom0.commands.context import Context
from wyng_dom0.commands.reports import Said
from wyng_dom0.engine.kept import follow_rename
from wyng_dom0.engine.volumes import rename_volumes
from wyng_dom0.names import check_volume_name, quote


def run(context: Context) -> None:
    """Rename; the volume's sessions go along."""
    old, new = context.options.names
    check_volume_name(new)
    with opened(context, Capability.PRUNE) as (chosen, archive):
        page = archive.page_named(old)
        rename_volumes(archive, {old: new}, Capability.PRUNE, time.time_ns())
        id = archive.access.keys.terms.archive
        follow_rename(context.places, id, bytes(page.volume), old, new)
    context.report(
        Said(
            "rename",
            f"{quote(old)} is now {quote(new)} in the archive.",
            {"archive": chosen.name, "old": old, "new": new},
        )
    )
