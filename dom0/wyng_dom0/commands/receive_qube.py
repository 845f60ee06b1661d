# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`receive QUBE`: qubes with their settings, made anew or over old ones."""

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

from wyng_dom0.commands import receive_plan
from wyng_dom0.commands.access import Chosen
from wyng_dom0.commands.choice import session_of
from wyng_dom0.commands.context import Context, Options
from wyng_dom0.commands.kept_settings import newest_kept, pages_of
from wyng_dom0.commands.reports import Said
from wyng_dom0.engine.opened import OpenArchive
from wyng_dom0.engine.qube_restore import (
    Part,
    QubeOrder,
    QubeRestore,
    check_all,
    finish_all,
    restore_all,
)
from wyng_dom0.errors import BadInput, Dom0Error, NotFound, Refused
from wyng_dom0.events import Notice, RunDone, RunStarted, Warning_
from wyng_dom0.names import one_line, quote
from wyng_dom0.qubes.facade import Qube, is_qube_name
from wyng_dom0.qubes.settings import QubeSettings
from wyng_dom0.sources.choose import has_qubes
from wyng_dom0.sources.qubes import (
    BETWEEN,
    KEY,
    QubesSource,
    is_settings,
)
from wyng_dom0.state import locks

# Of a pool: what another qube asked for never fills it.
_LEFT_PERCENT = 10


def names_qubes(options: Options, chosen: Chosen) -> bool:
    """True when what is named are qubes to be made, and not volumes."""
    if options.save_to is not None or options.vols_from is not None:
        return False
    if any(BETWEEN in name for name in options.names):
        return False
    known = chosen.definition.source if chosen.definition else ""
    source = options.local or known or (KEY if has_qubes() else "")
    return source == KEY


def check_options(options: Options) -> None:
    """Raise BadInput for options that contradict each other."""
    if options.as_ is not None and len(options.names) != 1:
        raise BadInput("--as is the name of exactly one qube")
    if options.as_ is not None and not is_qube_name(options.as_):
        raise BadInput(f"{quote(options.as_)} can't be a qube's name")
    if options.isolated and options.overwrite:
        raise BadInput(
            "--isolated makes a new qube: what --overwrite restores over keeps"
            " the network that it has"
        )
    if options.settings_only and options.data_only:
        raise BadInput(
            "--settings-only and --data-only leave nothing to restore: leave"
            " one of them out"
        )
    if options.data_only and not options.overwrite:
        raise BadInput(
            "--data-only is for a qube that exists: say --overwrite too"
        )
    meaningless = (options.sparse_write, options.standby, options.use_snapshot)
    if any((*meaningless, options.req_snapshot)):
        raise BadInput(
            "qubesd alone writes to volumes of qubes, and all of them: of the"
            " ways that spare something, qubes have --sparse"
        )
    if options.session is not None and options.session.last is not None:
        raise BadInput("receive takes exactly one session, not a range")


def refuse_options(options: Options) -> None:
    """Raise BadInput for what only qubes have, where volumes are meant."""
    for name, given in (
        ("--as", options.as_ is not None),
        ("--overwrite", options.overwrite),
        ("--pool", options.pool is not None),
        ("--settings-only", options.settings_only),
        ("--data-only", options.data_only),
        ("--volume", options.volume is not None),
        ("--isolated", options.isolated),
    ):
        if given:
            raise BadInput(
                f"{name} is for qubes, and volumes are meant here: --save-to"
                " says where a volume goes"
            )


def restore_qubes(
    context: Context, chosen: Chosen, archive: OpenArchive
) -> None:
    """The whole of it, in an archive that is open."""
    source = chosen.source(context.options.local or KEY)
    assert isinstance(source, QubesSource)
    known = {each.name: each for each in source.admin.qubes()}
    orders = [_order(context, archive, name) for name in context.options.names]
    restores = [
        QubeRestore(
            *(source.admin, archive, context.places, context.listener, order),
            present=partial(_present, context.options, source, order),
        )
        for order in orders
    ]
    # A name is typed for what can be done and nothing else.
    check_all(restores, known)
    if context.options.dry_run:
        for each in restores:
            exists = each.order.name in known
            receive_plan.tell_qube(context, chosen, each, exists)
        return
    for each in restores:
        _confirm(context, each, known)
    names = tuple(p.page.name for o in orders for p in o.parts)
    total = sum(p.session.size for o in orders for p in o.parts)
    context.listener(
        RunStarted("receive", chosen.name, names, total_bytes=total)
    )
    with ExitStack() as held:
        for name in sorted(each.name for each in orders):
            held.enter_context(locks.hold_restore(context.places, name))
        restore_all(restores, known)
        failed = _ask_and_finish(context, restores)
    for each in restores:
        _report(context, chosen, each)
    context.listener(RunDone("receive", chosen.name, volumes_done=len(names)))
    if failed:
        _add_notes(failed[0], failed[1:])
        raise failed[0]


def _ask_and_finish(
    context: Context, restores: list[QubeRestore]
) -> list[Dom0Error | OSError]:
    """All are whole, and let go, whatever becomes of the question.

    Returns why those that could not be let go were not.
    """
    try:
        for each in restores:
            _ask_for_more(context, each)
    except BaseException as error:
        _add_notes(error, finish_all(restores))
        raise
    return finish_all(restores)


def _add_notes(error: BaseException, others: Iterable[BaseException]) -> None:
    for other in others:
        error.add_note("; ".join([str(other), *other.__notes__]))


@contextmanager
def _present(
    options: Options, source: QubesSource, order: QubeOrder, name: str
) -> Iterator[int | None]:
    """The volume as it is now, where --sparse asks for its chunks."""
    if not (options.sparse and order.overwrite):
        yield None
        return
    volume = name.partition(BETWEEN)[2]
    fd = source.open(f"{order.name}{BETWEEN}{volume}")
    try:
        yield fd
    finally:
        os.close(fd)


def _confirm(
    context: Context, restore: QubeRestore, known: dict[str, Qube]
) -> None:
    order = restore.order
    if order.name not in known:
        return
    lost = restore.without_revisions()
    kept = "its volumes stay as revisions"
    if not order.parts:
        kept = "its volumes stay"
    if lost:
        kept = f"what its {' and '.join(lost)} volume holds now IS LOST"
    if context.options.force:
        if lost:
            context.listener(Warning_(f"{order.name}: {kept}"))
        return
    context.prompts.type_name(
        f"{order.name} is restored over what it is now, and {kept}."
        + (" Settings that it got since go." if order.with_settings else "")
        + " Type its name to go on",
        order.name,
    )


def _order(context: Context, archive: OpenArchive, qube: str) -> QubeOrder:
    options = context.options
    parts = [] if options.settings_only else _parts(context, archive, qube)
    return QubeOrder(
        name=options.as_ or qube,
        settings=_settings(context, archive, qube),
        parts=tuple(parts),
        with_settings=not options.data_only,
        pool=options.pool,
        overwrite=options.overwrite,
        isolated=options.isolated,
        leave_percent=_LEFT_PERCENT if options.command == "requests" else 0,
    )


def _parts(context: Context, archive: OpenArchive, qube: str) -> list[Part]:
    """The volumes of a qube in the archive, each with its session."""
    known = pages_of(archive, qube)
    pages = [page for page in known if not is_settings(page.name)]
    wanted = context.options.volume
    if wanted is not None:
        pages = [p for p in pages if p.name == f"{qube}{BETWEEN}{wanted}"]
    elif known and not pages:
        raise Refused(
            f"the archive has only the settings of {quote(qube)}, no data:"
            " --settings-only restores those",
            about=qube,
        )
    if not pages:
        what = f"{qube}{BETWEEN}{wanted}" if wanted else qube
        raise NotFound(
            f"the archive has no qube {quote(what)}: list shows what it has",
            about=qube,
        )
    return [
        Part(
            page.name.partition(BETWEEN)[2],
            page,
            session_of(context, archive, page),
        )
        for page in pages
    ]


def _settings(
    context: Context, archive: OpenArchive, qube: str
) -> QubeSettings:
    kept = newest_kept(context, archive, qube, context.options.session)
    if kept is not None:
        return kept.settings
    if not context.options.overwrite:
        raise Refused(
            f"the session has no settings of {quote(qube)}: make the qube"
            " yourself, then restore with --overwrite --data-only",
            about=qube,
        )
    context.listener(Notice(f"the session has no settings of {qube}"))
    return QubeSettings(qube, "", "")


def _ask_for_more(context: Context, restore: QubeRestore) -> None:
    """What would give the qube more rights is shown, and asked for."""
    withheld = restore.applied.withheld
    if not withheld or restore.order.isolated:
        return
    listed = one_line("; ".join(what for what, _ in withheld))
    question = f"{restore.order.name} also had {listed}: give it all that?"
    try:
        context.prompts.confirm(question)
    except Refused:
        return
    restore.grant()


def _report(context: Context, chosen: Chosen, restore: QubeRestore) -> None:
    order, applied = restore.order, restore.applied
    withheld = [what for what, _ in applied.withheld]
    for text in (*restore.notes, *applied.failed):
        context.listener(Warning_(one_line(f"{order.name}: {text}")))
    for text in applied.removed:
        text = f"{order.name} no longer has {text}"
        context.listener(Notice(one_line(text)))
    for text in withheld:
        context.listener(Notice(one_line(f"{order.name} was not given {text}")))
    sessions = {part.volume: part.session.name for part in order.parts}
    context.report(
        Said(
            "receive",
            f"Restored the qube {quote(order.name)}"
            + (f" from {quote(order.settings.qube)}" if _renamed(order) else "")
            + f": {len(order.parts)} volume(s), {applied.set} setting(s).",
            {
                "archive": chosen.name,
                "qube": order.name,
                "of": order.settings.qube,
                "sessions": sessions,
                "settings": applied.set,
                "fetched": restore.fetched_bytes,
                "removed": applied.removed,
                "withheld": withheld,
                "failed": [*restore.notes, *applied.failed],
            },
        )
    )


def _renamed(order: QubeOrder) -> bool:
    return order.name != order.settings.qube
