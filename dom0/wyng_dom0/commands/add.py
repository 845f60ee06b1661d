# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`add`: name volumes that the next send fills."""

import time

from wyng_common.messages import Capability
from wyng_dom0.commands.access import opened
from wyng_dom0.commands.context import Context
from wyng_dom0.commands.reports import Said
from wyng_dom0.engine.volumes import add_volumes
from wyng_dom0.names import check_volume_name, quote


def run(context: Context) -> None:
    """Add the named volumes without any session."""
    names = [check_volume_name(name) for name in context.options.names]
    with opened(context, Capability.PRUNE) as (chosen, archive):
        description = context.options.volume_desc or ""
        add_volumes(
            archive, names, Capability.PRUNE, time.time_ns(), description
        )
    shown = ", ".join(quote(name) for name in names)
    values: dict[str, object] = {"archive": chosen.name, "volumes": names}
    context.report(Said("add", f"Added {shown}.", values))
