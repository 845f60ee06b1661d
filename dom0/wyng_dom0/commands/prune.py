# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`prune`: remove sessions; the newest of a volume always stays."""

import time

from wyng_common.messages import Capability
from wyng_dom0.archive.page import Page
from wyng_dom0.commands.access import Chosen, held, open_chosen
from wyng_dom0.commands.autoprune import ask_alarms, free_room, plan_by_rules
from wyng_dom0.commands.context import Context, Options
from wyng_dom0.commands.reports import PrunedRow, PruneList
from wyng_dom0.engine.opened import OpenArchive
from wyng_dom0.engine.prune import PrunePlan, carry_out, plan_prune
from wyng_dom0.engine.selection import is_excluded
from wyng_dom0.errors import BadInput
from wyng_dom0.names import quote


def run(context: Context) -> None:
    """Remove what `--session` means, or what rules say, after a yes."""
    options = context.options
    _check(options)
    with held(context, Capability.PRUNE) as chosen:
        if options.autoprune == "on" and options.min_free_space is not None:
            _until_free(context, chosen, options.min_free_space)
            return
        with open_chosen(context, chosen, Capability.PRUNE) as archive:
            plan = _plan(context, chosen, archive)
            freed = 0
            if plan.count and not options.dry_run:
                _ask(context, chosen.name, plan)
                freed = _carry_out(archive, plan)
            context.report(_report(chosen.name, plan, options.dry_run, freed))


def _until_free(context: Context, chosen: Chosen, needed: int) -> None:
    """Remove by rules only as long as too little space is free."""
    options = context.options
    with open_chosen(context, chosen, Capability.PRUNE) as archive:
        before = archive.store.stat()
        plan = _plan(context, chosen, archive)
    if before.free_bytes >= needed:
        plan = plan.oldest(0)
    elif plan.count and not options.dry_run:
        _ask(context, chosen.name, plan)
        done = free_room(
            context, chosen, needed, lambda each: _plan(context, chosen, each)
        )
        plan = plan.oldest(0) if done is None else done
    context.report(_report(chosen.name, plan, options.dry_run, 0))


def _check(options: Options) -> None:
    """Either sessions are named or rules are asked for."""
    by_rules = options.autoprune in ("on", "full")
    by_rules = by_rules or options.retention.typed is not None
    if options.session is not None:
        if options.retention.typed is not None:
            raise BadInput(
                "--session and rules contradict each other: the one names"
                " what goes, the others find it"
            )
        return
    if options.all_before:
        raise BadInput("--all-before needs --session, before which all goes")
    if not by_rules or options.autoprune == "off":
        raise BadInput("prune needs --session, one or a range, or --autoprune")


def _plan(context: Context, chosen: Chosen, archive: OpenArchive) -> PrunePlan:
    options = context.options
    pages: list[Page] = [
        page
        for page in archive.pages_named(options.names)
        if not is_excluded(page.name, options.volex)
    ]
    if options.session is None:
        return plan_by_rules(context, chosen, archive, pages)
    return plan_prune(
        archive, pages, options.session, options.all_before, options.keep
    )


def _ask(context: Context, archive: str, plan: PrunePlan) -> None:
    options = context.options
    if plan.alarms:
        ask_alarms(context, plan)
        return
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


def _report(
    archive: str, plan: PrunePlan, dry_run: bool, freed: int
) -> PruneList:
    rows = [
        (each.keep, PrunedRow(volume.volume, each.session.name, each.why))
        for volume in plan.volumes
        for each in volume.verdicts
        if dry_run or not each.keep
    ]
    return PruneList(
        archive,
        tuple(row for keep, row in rows if not keep),
        dry_run,
        freed,
        tuple(row for keep, row in rows if keep),
        plan.alarms,
    )
