# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`prune`: remove sessions; the newest of a volume always stays."""

import time

from wyng_common.messages import Capability
from wyng_dom0.commands.access import opened
from wyng_dom0.commands.context import Context
from wyng_dom0.commands.reports import PrunedRow, PruneList
from wyng_dom0.engine.opened import OpenArchive
from wyng_dom0.engine.prune import PrunePlan, carry_out, plan_prune
from wyng_dom0.errors import BadInput
from wyng_dom0.names import quote


def run(context: Context) -> None:
    """Remove the sessions that `--session` means, after a yes."""
    options = context.options
    if options.session is None:
        raise BadInput("prune needs --session, one or a range")
    with opened(context, Capability.PRUNE) as (chosen, archive):
        pages = [
            page
            for page in archive.pages_named(options.names)
            if page.name not in options.volex
        ]
        plan = plan_prune(archive, pages, options.session, options.all_before)
        freed = 0
        if plan.count and not options.dry_run:
            _ask(context, chosen.name, plan)
            freed = _carry_out(archive, plan)
        rows = tuple(
            PrunedRow(page.name, session.name)
            for page, sessions in plan.doomed
            for session in sessions
        )
        context.report(PruneList(chosen.name, rows, options.dry_run, freed))


def _ask(context: Context, archive: str, plan: PrunePlan) -> None:
    options = context.options
    if options.unattended or options.force:
        return
    context.prompts.confirm(
        f"Remove {plan.count} session(s) of {len(plan.doomed)} volume(s) from"
        f" the archive {quote(archive)}?"
    )


def _carry_out(archive: OpenArchive, plan: PrunePlan) -> int:
    """Bytes that the store's files are smaller by afterwards."""
    before = archive.store.stat().pack_bytes
    carry_out(archive, plan, time.time_ns())
    return max(0, before - archive.store.stat().pack_bytes)
