# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Pruning by rules: for `prune`, and before a `send` that asks for it.

Owns who is asked when rules look wrong, and how much is removed where only
room is wanted. Which sessions go is said by engine/retention.py.
"""

import time
from collections.abc import Callable, Sequence

from wyng_common.messages import Capability
from wyng_dom0.archive.page import Page
from wyng_dom0.commands.access import Chosen, open_chosen
from wyng_dom0.commands.context import Context
from wyng_dom0.engine.opened import OpenArchive
from wyng_dom0.engine.prune import PrunePlan, carry_out, plan_retention
from wyng_dom0.errors import BadInput, Dom0Error, NotFound, Refused
from wyng_dom0.events import Notice, Warning_
from wyng_dom0.sources.source import Source

# Sessions of the first round where room is wanted; each next takes twice.
_FIRST_ROUND = 3

Plan = Callable[[OpenArchive], PrunePlan]


def plan_by_rules(
    context: Context, chosen: Chosen, archive: OpenArchive, pages: list[Page]
) -> PrunePlan:
    """What the rules that count for each volume come to."""
    options = context.options
    return plan_retention(
        archive,
        pages,
        lambda volume: options.retention.rules_for(chosen.name, volume),
        options.keep,
        context.now,
    )


def ask_alarms(context: Context, plan: PrunePlan) -> None:
    """A typed yes where the plan looks wrong; raises Refused otherwise.

    Nobody is asked with --force; an unattended run without it stops.
    """
    if not plan.alarms or context.options.force:
        return
    context.prompts.type_word(
        f"{'; '.join(plan.alarms)}: remove {plan.count} session(s) all the"
        " same?",
        "yes",
    )


def free_room(
    context: Context, chosen: Chosen, needed: int, plan: Plan
) -> PrunePlan | None:
    """Remove what may go, oldest first, until `needed` bytes are free.

    `plan` is called once, when room is wanted. Gives it as far as it was
    carried out, None when there was room. That there is not enough to
    remove is no error.
    """
    first: PrunePlan | None = None
    count, size = 0, _FIRST_ROUND
    while True:
        with open_chosen(context, chosen, Capability.PRUNE) as archive:
            if archive.store.stat().free_bytes >= needed:
                break
            if first is None:
                first = plan(archive)
            batch = first.left_in(archive).oldest(size)
            if not batch.count:
                break
            carry_out(archive, batch, time.time_ns())
        count, size = count + batch.count, size * 2
    return None if first is None else first.oldest(count)


def prune_before_send(
    context: Context, chosen: Chosen, names: Sequence[str]
) -> Dom0Error | None:
    """Autoprune as the options say; the archive is held and not open.

    A backup is not kept from being made: what forbids to prune is given
    back, to be raised when it is done.
    """
    options = context.options
    if options.autoprune not in ("on", "full") or options.dry_run:
        return None
    try:
        count = _prune(context, chosen, names)
    except Refused as error:
        context.listener(Warning_(f"nothing was pruned: {error}"))
        return error if options.unattended else None
    if count:
        context.listener(Notice(f"Pruned {count} session(s) by the rules."))
    return None


def _prune(context: Context, chosen: Chosen, names: Sequence[str]) -> int:
    def plan(archive: OpenArchive) -> PrunePlan:
        pages = archive.pages_named(())
        found = plan_by_rules(context, chosen, archive, pages)
        ask_alarms(context, found)
        return found

    if context.options.autoprune == "on":
        needed = context.options.min_free_space or 0
        needed = max(needed, _estimate(context, chosen, names))
        done = free_room(context, chosen, needed, plan)
        return done.count if done is not None else 0
    with open_chosen(context, chosen, Capability.PRUNE) as archive:
        found = plan(archive)
        if found.count:
            carry_out(archive, found, time.time_ns())
    return found.count


def _estimate(context: Context, chosen: Chosen, names: Sequence[str]) -> int:
    """Bytes that a send may need: all of a new volume, of a known one what
    changed the last time."""
    with open_chosen(context, chosen, Capability.GET) as archive:
        newest = {each.name: each.newest for each in archive.pages.values()}
    total = 0
    for name in _expanded(context, chosen, names) or newest:
        session = newest.get(name)
        if session is not None:
            total += session.changed
        else:
            total += _size_of_new(context, chosen, name)
    return total


def _expanded(
    context: Context, chosen: Chosen, names: Sequence[str]
) -> list[str]:
    """A qube's name is all its volumes; what means nothing stays."""
    source = _source(context, chosen)
    found: list[str] = []
    for name in names:
        try:
            found += source.expand([name]) if source else [name]
        except NotFound:
            found.append(name)
    return found


def _size_of_new(context: Context, chosen: Chosen, name: str) -> int:
    """The size of a volume that is new; 0 where it lies anywhere else."""
    source = _source(context, chosen)
    if source is None or not source.exists(name):
        return 0
    return source.describe(name).size


def _source(context: Context, chosen: Chosen) -> Source | None:
    try:
        return chosen.source(context.options.local)
    except (BadInput, NotFound):
        return None
