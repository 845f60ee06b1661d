# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`list`: the volumes of an archive, or the sessions of one."""

import dataclasses
from collections.abc import Sequence

from wyng_common.messages import Capability
from wyng_dom0.archive.page import Page
from wyng_dom0.archive.session import Session, State
from wyng_dom0.commands import kept_settings
from wyng_dom0.commands.access import Chosen, opened
from wyng_dom0.commands.context import Context
from wyng_dom0.commands.reports import (
    ArchiveTotals,
    SessionList,
    SessionRow,
    VolumeList,
    VolumeRow,
)
from wyng_dom0.engine.head_code import head_code
from wyng_dom0.engine.noting import note_room
from wyng_dom0.engine.opened import OpenArchive
from wyng_dom0.engine.proving import (
    content_of,
    newest_proven,
    proofs_by_session,
)
from wyng_dom0.engine.selection import describe, meant_sessions
from wyng_dom0.engine.sharing import measure, unique_bytes
from wyng_dom0.errors import BadInput, NotFound, SourceError
from wyng_dom0.events import Warning_
from wyng_dom0.sources.qubes import QubesSource
from wyng_dom0.sources.unfinished import check_finished
from wyng_dom0.state.proven import NEVER, Proof

STATES = {
    State.CLEAN: "clean",
    State.LIVE: "live",
    State.NOT_POINT_IN_TIME: "not-still",
}


def run(context: Context) -> None:
    """Report volumes, or one volume's sessions."""
    if context.options.settings:
        kept_settings.show(context)
        return
    if len(context.options.names) > 1:
        raise BadInput("list shows one volume's sessions at a time")
    with opened(context, Capability.GET) as (chosen, archive):
        _warn_of_unfinished(context, archive, chosen)
        if context.options.names:
            page = archive.page_named(context.options.names[0])
            context.report(_sessions(context, archive, chosen, page))
        else:
            context.report(_volumes(context, archive, chosen))


def _warn_of_unfinished(
    context: Context, archive: OpenArchive, chosen: Chosen
) -> None:
    """Say which volumes at home a restore left half written."""
    if chosen.definition is None or not (
        context.options.local or chosen.definition.source
    ):
        return
    try:
        source = chosen.source(context.options.local)
    except (NotFound, BadInput, SourceError):
        # A listing needs no source.
        return
    if isinstance(source, QubesSource):
        # qubesd writes its volumes whole, and would be asked of each.
        return
    for page in archive.pages_named(context.options.names):
        try:
            check_finished(source.path_of(page.name), context.places)
        except SourceError as error:
            context.listener(Warning_(str(error)))


def _volumes(
    context: Context, archive: OpenArchive, chosen: Chosen
) -> VolumeList:
    options = context.options
    filtered = options.session is not None or bool(options.tag)
    pages = archive.pages_named(())
    shown = [page.newest for page in pages]
    if filtered:
        # Only the volumes that have such a session are shown.
        meant = [
            _filtered(context, sessions)
            for sessions in archive.sessions_of(pages)
        ]
        shown = [some[-1] if some else None for some in meant]
    rows = [
        _volume(archive, page, session)
        for page, session in zip(pages, shown, strict=True)
        if session or not filtered
    ]
    if filtered and not rows:
        raise NotFound(f"no volume of the archive has {_wanted(context)}")
    totals = _totals(context, archive) if options.verbose else None
    code = head_code(archive.end.tip)
    return VolumeList(chosen.name, tuple(rows), code, totals)


def _filtered(context: Context, sessions: Sequence[Session]) -> list[Session]:
    """The sessions that --session and --tag leave."""
    options = context.options
    found = list(sessions)
    if options.session is not None:
        found = meant_sessions(found, options.session)
    for name, _ in options.tag:
        found = [
            each
            for each in found
            if each.tags
            and (name == "all" or name in [tag.name for tag in each.tags])
        ]
    return found


def _wanted(context: Context) -> str:
    options = context.options
    words = [f"the tag {name}" for name, _ in options.tag]
    if options.session is not None:
        words.insert(0, f"the session {describe(options.session.first)}")
    return " with ".join(words)


def _totals(context: Context, archive: OpenArchive) -> ArchiveTotals:
    told = archive.store.stat()
    totals = measure(archive, told)
    note_room(archive, told, context.now, totals.logical)
    return ArchiveTotals(
        **dataclasses.asdict(totals),
        dedup_ratio=round(totals.dedup_ratio, 2),
        compression_ratio=round(totals.compression_ratio, 2),
    )


def _volume(
    archive: OpenArchive, page: Page, shown: Session | None
) -> VolumeRow:
    proven = newest_proven(archive, page)
    return VolumeRow(
        name=page.name,
        size=shown.size if shown else 0,
        sessions=page.session_count,
        newest=shown.name if shown else "",
        description=page.description,
        newest_time=shown.time if shown else None,
        vid=page.volume.hex(),
        changed=shown.changed if shown else 0,
        tags=tuple(name for name, _ in shown.labels) if shown else (),
        pinned=shown.pinned if shown else False,
        proven=proven[1].at if proven else None,
        proven_session=proven[0].name if proven else "",
    )


def _sessions(
    context: Context, archive: OpenArchive, chosen: Chosen, page: Page
) -> SessionList:
    everything = archive.sessions(page)
    shown = _filtered(context, everything)
    if everything and not shown:
        raise NotFound(f"{page.name} has not {_wanted(context)}")
    unique: dict[int, int] = {}
    if context.options.verbose:
        unique = unique_bytes(archive, page, everything)
    known = proofs_by_session(archive, page)
    rows = tuple(
        _session(
            each,
            unique.get(each.sequence),
            known.get(content_of(each), NEVER),
        )
        for each in shown
    )
    return SessionList(chosen.name, page.name, rows, page.description)


def _session(session: Session, unique: int | None, proof: Proof) -> SessionRow:
    unique = None if unique is None else min(unique, session.size)
    return SessionRow(
        session=session.name,
        sequence=session.sequence,
        time=session.time,
        size=session.size,
        changed=session.changed,
        state=STATES[session.state],
        tags=tuple(name for name, _ in session.labels),
        pinned=session.pinned,
        descriptions=tuple(text for _, text in session.labels),
        unique=unique,
        shared=None if unique is None else session.size - unique,
        proven=proof.at,
        proven_by=proof.how if proof.at else "",
        sampled=proof.sampled,
    )
