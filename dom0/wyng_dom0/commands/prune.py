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
from wyng_dom0.engine.prune import (
    NOT_MEANT,
    PrunePlan,
    carry_out,
    plan_prune,
)
from wyng_dom0.engine.retention import Verdict
from wyng_dom0.engine.selection import describe, is_excluded
from wyng_dom0.errors import BadInput, NotFound
from wyng_dom0.events import Notice, Warning_
from wyng_dom0.names import SessionName, quote


def run(context: Context) -> None:
    """Remove what `--session` means, or what rules say, after a yes."""
    options = context.options
    _check(options)
    with held(context, Capability.PRUNE) as chosen:
        if _is_for_room(options) and options.min_free_space is not None:
            _until_free(context, chosen, options.min_free_space)
            return
        with open_chosen(context, chosen, Capability.PRUNE) as archive:
            plan = _plan(context, chosen, archive)
            freed = 0
            if plan.count and not options.dry_run:
                _ask(context, chosen.name, plan)
                freed = _carry_out(archive, plan)
            context.report(_report(chosen.name, plan, options, freed))


def _until_free(context: Context, chosen: Chosen, needed: int) -> None:
    """Remove by rules only as long as too little space is free."""
    options = context.options
    with open_chosen(context, chosen, Capability.PRUNE) as archive:
        before = archive.store.stat()
        plan = _plan(context, chosen, archive)
    if before.free_bytes >= needed:
        plan = plan.oldest(0)
    elif plan.count and options.dry_run:
        context.listener(
            Notice("The oldest go first, and no more than make enough room.")
        )
    elif plan.count:
        _ask(context, chosen.name, plan)
        asked = plan
        done = free_room(context, chosen, needed, lambda _: asked)
        plan = plan.oldest(0) if done is None else done
    context.report(_report(chosen.name, plan, options, 0))


def _is_for_room(options: Options) -> bool:
    """Only what is in the way goes; sessions that were named are all meant,
    whatever the configuration says of rules."""
    return options.autoprune == "on" and options.session is None


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
    if not by_rules:
        raise BadInput(
            "prune needs --session, one or a range, or rules as"
            " --keep-daily=14, or --autoprune=full for those of the"
            " configuration"
        )


def _plan(context: Context, chosen: Chosen, archive: OpenArchive) -> PrunePlan:
    options = context.options
    pages: list[Page] = [
        page
        for page in archive.pages_named(options.names)
        if not is_excluded(page.name, options.volex)
    ]
    _check_spared(options, archive)
    if options.session is None:
        return plan_by_rules(context, chosen, archive, pages)
    plan = plan_prune(
        archive, pages, options.session, options.all_before, options.keep
    )
    _warn_of_nothing(context, plan)
    return plan


def _check_spared(options: Options, archive: OpenArchive) -> None:
    """A time that was typed to stay must be one: a slip of the finger would
    remove what it means. What the configuration spares may be elsewhere."""
    standing = options.from_config.get("keep", "").split(",")
    asked = {
        spec.name
        for spec in options.keep
        if isinstance(spec, SessionName) and spec.name not in standing
    }
    if not asked:
        return
    for sessions in archive.sessions_of(list(archive.pages.values())):
        asked -= {each.name for each in sessions}
    for name in sorted(asked):
        raise NotFound(
            f"no volume of the archive has the session {name} that --keep"
            " spares: list a volume to see those there are",
            about=name,
        )


def _warn_of_nothing(context: Context, plan: PrunePlan) -> None:
    """Tell of one session that none has. No error: a prune that was killed
    is run again, and may have been done."""
    wanted = context.options.session
    if wanted is None or wanted.last is not None or context.options.all_before:
        return
    if all(each.why == NOT_MEANT for each in plan.verdicts):
        name = describe(wanted.first)
        context.listener(Warning_(f"none of the volumes has a session {name}"))


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
    archive: str, plan: PrunePlan, options: Options, freed: int
) -> PruneList:
    def is_told(verdict: Verdict) -> bool:
        if options.dry_run or not verdict.keep:
            return True
        # Named to go, and spared all the same.
        return options.session is not None and verdict.why != NOT_MEANT

    rows = [
        (each.keep, PrunedRow(volume.volume, each.session.name, each.why))
        for volume in plan.volumes
        for each in volume.verdicts
        if is_told(each)
    ]
    return PruneList(
        archive,
        tuple(row for keep, row in rows if not keep),
        options.dry_run,
        freed,
        tuple(row for keep, row in rows if keep),
        plan.alarms,
    )
