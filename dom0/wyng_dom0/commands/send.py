# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`send`: back up volumes as one session."""

import fnmatch
import re
from contextlib import ExitStack

from wyng_common.messages import Capability
from wyng_dom0.archive.session import Label
from wyng_dom0.commands.access import Chosen, bounds_of, held, open_chosen
from wyng_dom0.commands.autoprune import prune_before_send
from wyng_dom0.commands.context import Context, Options
from wyng_dom0.engine.head_code import head_code
from wyng_dom0.engine.opened import OpenArchive
from wyng_dom0.engine.selection import is_excluded
from wyng_dom0.engine.send import SendOrder, SendReport, SendRun
from wyng_dom0.errors import BadInput, IntegrityError, NotFound
from wyng_dom0.events import RunDone, RunStarted, VolumeSkipped
from wyng_dom0.names import check_volume_name, quote
from wyng_dom0.seal.compression import parse_compression
from wyng_dom0.sources.source import Source
from wyng_dom0.state import last_send

# What makes a name a pattern.
_WILD = re.compile(r"[*?[]")


def run(context: Context) -> None:
    """Send the named volumes, all the archive knows, or all there are."""
    names = [check_volume_name(name) for name in context.options.names]
    with ExitStack() as stack:
        chosen = stack.enter_context(held(context, Capability.PRUNE))
        unpruned = prune_before_send(context, chosen, names)
        archive = stack.enter_context(
            open_chosen(context, chosen, Capability.PRUNE, Capability.PUT)
        )
        source = chosen.source(context.options.local)
        selected = _selected(context, archive, source, names)
        is_whole = _is_whole(context, archive, selected)
        report = _send(context, chosen, archive, source, selected)
        lost = len(archive.damaged)
    report.raise_failures()
    if lost and not names:
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
    if context.options.all or not context.options.names:
        return True
    known = {page.name for page in archive.pages_named(())}
    volex = context.options.volex
    return {n for n in known if not is_excluded(n, volex)} <= {*selected}


def _selected(
    context: Context,
    archive: OpenArchive,
    source: Source,
    names: list[str],
) -> list[str]:
    options = context.options
    names = _expanded(archive, source, names)
    if options.all:
        names = [*source.list_volumes(), *names]
    elif not names:
        names = [page.name for page in archive.pages_named(())]
        if not names:
            raise BadInput(
                "the archive knows no volume yet: name those to send"
            )
    selected = []
    for name in sorted(set(names)):
        if is_excluded(name, options.volex):
            context.listener(VolumeSkipped(name, "--volex leaves it out"))
        else:
            selected.append(name)
    return selected


def wants_dedup(options: Options) -> bool:
    """Shall the store be asked what it has? `--testing-dedup=1` is no."""
    if options.testing_dedup is not None:
        return options.testing_dedup != "1"
    return options.dedup != "off"


def _expanded(
    archive: OpenArchive, source: Source, names: list[str]
) -> list[str]:
    """Names with patterns put in place of what the source or the archive has.

    What exists under the very name is no pattern.
    """
    found: list[str] = []
    for name in names:
        if not _WILD.search(name) or source.exists(name):
            found.append(name)
            continue
        known = {page.name for page in archive.pages.values()}
        matching = fnmatch.filter(known.union(source.list_volumes()), name)
        if not matching:
            raise NotFound(f"no volume matches {quote(name)}", about=name)
        found.extend(sorted(matching))
    return found


def _send(
    context: Context,
    chosen: Chosen,
    archive: OpenArchive,
    source: Source,
    names: list[str],
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
    )
    send_run = SendRun(archive, source, context.places, order, context.listener)
    context.listener(RunStarted("send", chosen.name, tuple(names)))
    report = send_run.send(names, archive.store.capability)
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
