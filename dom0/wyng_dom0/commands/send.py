# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`send`: back up volumes as one session."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from wyng_common.messages import Capability
from wyng_dom0.archive.session import Label
from wyng_dom0.commands.access import Chosen, bounds_of, held, open_chosen
from wyng_dom0.commands.autoprune import prune_before_send
from wyng_dom0.commands.context import Context, Options
from wyng_dom0.commands.send_qubes import (
    settings_of,
    shared_of,
    tell_qubes,
)
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
from wyng_dom0.errors import IntegrityError
from wyng_dom0.events import Notice, RunDone, RunStarted, Warning_
from wyng_dom0.seal.compression import parse_compression
from wyng_dom0.state import last_send
from wyng_dom0.state.tried_sends import note_tried


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
            _note_tried(context, archive, report)
    if not context.options.dry_run:
        tell_qubes(context, chosen, wanted, report)
    report.raise_failures()
    if lost and asked.is_everything:
        # One of them may be what the user believes is being backed up.
        raise IntegrityError(
            f"{lost} volume(s) of the archive were not sent: their pages are"
            " lost; send them by name to go on with them anew"
        )
    if is_whole and not context.options.dry_run:
        terms = chosen.access.keys.terms
        with _passed_over(context):
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


def _note_tried(
    context: Context, archive: OpenArchive, report: SendReport
) -> None:
    """Keep what came of each volume, for `overview`."""
    with _passed_over(context):
        note_tried(
            context.places,
            archive.access.keys.terms.archive,
            context.now,
            {name: str(error) for name, error in report.errors.items()},
            [each.volume for each in report.done if each.error is None],
            [page.name for page in archive.pages.values()],
        )


@contextmanager
def _passed_over(context: Context) -> Iterator[None]:
    """A full disk here does not make fail what is done there."""
    try:
        yield
    except OSError as error:
        text = f"what was sent can't be noted here: {error.strerror}"
        context.listener(Warning_(text))


def wants_dedup(options: Options) -> bool:
    """Shall the store be asked what it has? `--testing-dedup=1` is no."""
    if options.testing_dedup is not None:
        return options.testing_dedup != "1"
    return options.dedup != "off"


def _tell_untagged(context: Context, report: SendReport) -> None:
    """A tag is on the sessions that are made, and on no other."""
    if not context.options.tag or context.options.send_unchanged:
        return
    same = [each for each in report.done if not (each.error or each.changed)]
    if same:
        context.listener(
            Notice(
                f"{len(same)} volume(s) did not change and got no session to"
                " tag: --send-unchanged makes one"
            )
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
        shared=shared_of(wanted),
        settings=settings_of(context, wanted),
    )
    send_run = SendRun(archive, context.places, order, context.listener)
    names = tuple(sorted(names_in(wanted)))
    context.listener(RunStarted("send", chosen.name, names))
    report = send_run.send(wanted, archive.store.capability)
    _tell_untagged(context, report)
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
