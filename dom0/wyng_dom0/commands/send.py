# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`send`: back up volumes as one session."""

from contextlib import ExitStack

from wyng_common.messages import Capability
from wyng_dom0.archive.session import Label
from wyng_dom0.commands.access import Chosen, bounds_of, held, open_chosen
from wyng_dom0.commands.autoprune import prune_before_send
from wyng_dom0.commands.context import Context, Options
from wyng_dom0.commands.send_selection import (
    ask_of,
    follow_aliases,
    names_in,
    select,
)
from wyng_dom0.engine.head_code import head_code
from wyng_dom0.engine.opened import OpenArchive
from wyng_dom0.engine.selection import is_excluded
from wyng_dom0.engine.send import SendOrder, SendReport, SendRun, Wanted
from wyng_dom0.errors import IntegrityError, NotFound, QubesError
from wyng_dom0.events import RunDone, RunStarted, Warning_
from wyng_dom0.seal.compression import parse_compression
from wyng_dom0.sources.qubes import QubesSource, owner_of
from wyng_dom0.state import last_send


def run(context: Context) -> None:
    """Send the named volumes, all the archive knows, or all there are."""
    asked = ask_of(context.options)
    with ExitStack() as stack:
        chosen = stack.enter_context(held(context, Capability.PRUNE))
        follow_aliases(context, chosen, asked)
        unpruned = prune_before_send(context, chosen, asked.names)
        archive = stack.enter_context(
            open_chosen(context, chosen, Capability.PRUNE, Capability.PUT)
        )
        wanted = select(context, chosen, archive, asked)
        whole = asked.is_everything or context.options.all
        is_whole = whole or _is_whole(context, archive, names_in(wanted))
        report = _send(context, chosen, archive, wanted)
        lost = len(archive.damaged)
    if not context.options.dry_run:
        _tell_qubes(context, chosen, wanted, report)
    report.raise_failures()
    if lost and asked.is_everything:
        # One of them may be what the user believes is being backed up.
        raise IntegrityError(
            f"{lost} volume(s) of the archive were not sent: their pages are"
            " lost; send them by name to go on with them anew"
        )
    if is_whole and not context.options.dry_run:
        terms = chosen.access.keys.terms
        last_send.note_send(context.places, terms.archive, context.now)
    if unpruned is not None:
        raise unpruned


def _is_whole(
    context: Context, archive: OpenArchive, selected: list[str]
) -> bool:
    """Is every volume that the archive knows, and should be sent, in it?"""
    known = {page.name for page in archive.pages_named(())}
    volex = context.options.volex
    return {n for n in known if not is_excluded(n, volex)} <= {*selected}


def wants_dedup(options: Options) -> bool:
    """Shall the store be asked what it has? `--testing-dedup=1` is no."""
    if options.testing_dedup is not None:
        return options.testing_dedup != "1"
    return options.dedup != "off"


def _tell_qubes(
    context: Context, chosen: Chosen, wanted: Wanted, report: SendReport
) -> None:
    """Note at each qube that was sent whole when that was, and as what.

    A backup is not undone by a note that can't be made.
    """
    sessions = {each.volume: each.session for each in report.done}
    for source, names in wanted:
        if not isinstance(source, QubesSource):
            continue
        lost = {owner_of(name) for name in names if name in report.errors}
        notes = {owner_of(name): sessions.get(name) for name in names}
        for qube, session in notes.items():
            if qube in lost or not session:
                continue
            at = int(context.now.timestamp())
            try:
                source.note_sent(qube, chosen.name, session, at)
            except (QubesError, NotFound) as error:
                context.listener(Warning_(f"not noted at {qube}: {error}"))


def _shared(wanted: Wanted) -> frozenset[str]:
    """Which of the volumes hold what is no secret of one qube."""
    return frozenset(
        name
        for source, names in wanted
        if isinstance(source, QubesSource)
        for name in names
        if source.is_template(name)
    )


def _send(
    context: Context,
    chosen: Chosen,
    archive: OpenArchive,
    wanted: Wanted,
) -> SendReport:
    options = context.options
    order = SendOrder(
        moment=context.now,
        compression=parse_compression(
            options.compression or archive.catalog.settings.compression
        ),
        dry_run=options.dry_run,
        remap=options.remap,
        bounds=bounds_of(options),
        tags=tuple(Label(*tag) for tag in options.tag),
        send_unchanged=options.send_unchanged,
        dedup=wants_dedup(options),
        description=options.volume_desc,
        shared=_shared(wanted),
    )
    send_run = SendRun(archive, context.places, order, context.listener)
    names = tuple(sorted(names_in(wanted)))
    context.listener(RunStarted("send", chosen.name, names))
    report = send_run.send(wanted, archive.store.capability)
    head = report.head or archive.end.tip
    context.listener(
        RunDone(
            command="send",
            archive=chosen.name,
            sent_bytes=report.sent_bytes,
            volumes_done=len(report.done) - len(report.errors),
            volumes_failed=len(report.errors),
            head_code=head_code(head),
        )
    )
    return report
