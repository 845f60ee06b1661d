# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`list`: the volumes of an archive, or the sessions of one."""

from wyng_common.messages import Capability
from wyng_dom0.archive.page import Page
from wyng_dom0.archive.session import Session, State
from wyng_dom0.commands.access import Chosen, opened
from wyng_dom0.commands.context import Context
from wyng_dom0.commands.reports import (
    SessionList,
    SessionRow,
    VolumeList,
    VolumeRow,
)
from wyng_dom0.engine.head_code import head_code
from wyng_dom0.engine.opened import OpenArchive
from wyng_dom0.engine.selection import describe, one_session
from wyng_dom0.errors import BadInput, NotFound, SourceError
from wyng_dom0.events import Warning_
from wyng_dom0.sources.unfinished import check_finished

STATES = {
    State.CLEAN: "clean",
    State.LIVE: "live",
    State.NOT_POINT_IN_TIME: "not-still",
}


def run(context: Context) -> None:
    """Report volumes, or one volume's sessions."""
    if len(context.options.names) > 1:
        raise BadInput("list shows one volume's sessions at a time")
    with opened(context, Capability.GET) as (chosen, archive):
        _warn_of_unfinished(context, archive, chosen)
        if context.options.names:
            (name,) = context.options.names
            context.report(_sessions(archive, chosen, name))
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
    except (NotFound, BadInput):
        # A listing needs no source.
        return
    for page in archive.pages_named(context.options.names):
        try:
            check_finished(source.path_of(page.name), context.places)
        except SourceError as error:
            context.listener(Warning_(str(error)))


def _volumes(
    context: Context, archive: OpenArchive, chosen: Chosen
) -> VolumeList:
    rows = []
    for page in archive.pages_named(()):
        try:
            rows.append(_volume(context, archive, page))
        except NotFound:
            # With --session only the volumes that have it are shown.
            continue
    wanted = context.options.session
    if wanted is not None and not rows:
        raise NotFound(
            f"no volume of the archive has the session {describe(wanted.first)}"
        )
    return VolumeList(chosen.name, tuple(rows), head_code(archive.end.tip))


def _volume(context: Context, archive: OpenArchive, page: Page) -> VolumeRow:
    shown = page.newest
    if context.options.session is not None:
        sessions = archive.sessions(page)
        shown = one_session(sessions, context.options.session, page.name)
    return VolumeRow(
        name=page.name,
        size=shown.size if shown else 0,
        sessions=page.session_count,
        newest=shown.name if shown else "",
        description=page.description,
        newest_time=shown.time if shown else None,
    )


def _sessions(archive: OpenArchive, chosen: Chosen, name: str) -> SessionList:
    page = archive.page_named(name)
    rows = tuple(_session(each) for each in archive.sessions(page))
    return SessionList(chosen.name, name, rows)


def _session(session: Session) -> SessionRow:
    return SessionRow(
        session=session.name,
        sequence=session.sequence,
        time=session.time,
        size=session.size,
        changed=session.changed,
        state=STATES[session.state],
        tags=tuple(name for name, _ in session.labels),
        pinned=session.pinned,
    )
