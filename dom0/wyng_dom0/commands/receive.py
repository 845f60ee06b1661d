# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`receive`: restore one session of volumes to files or devices."""

from pathlib import Path

from wyng_common.messages import Capability
from wyng_dom0.archive.page import Page
from wyng_dom0.commands.access import Chosen, opened
from wyng_dom0.commands.context import Context, Options
from wyng_dom0.commands.reports import Said
from wyng_dom0.engine.content import SessionContent
from wyng_dom0.engine.opened import OpenArchive
from wyng_dom0.engine.restore import How, Restore
from wyng_dom0.engine.selection import one_session
from wyng_dom0.errors import (
    BadInput,
    Dom0Error,
    Refused,
    SomeVolumesFailed,
    TargetError,
)
from wyng_dom0.events import Warning_
from wyng_dom0.names import quote
from wyng_dom0.sources.target import exists_at


def run(context: Context) -> None:
    """Restore the named volumes, each to its own place or `--save-to`."""
    options = context.options
    if options.save_to is not None and len(options.names) > 1:
        raise BadInput("--save-to takes exactly one volume")
    if options.session is not None and options.session.last is not None:
        raise BadInput("receive takes exactly one session, not a range")
    failed: list[tuple[str, Dom0Error]] = []
    with opened(context, Capability.GET) as (chosen, archive):
        pages = archive.pages_named(options.names)
        places = [_place(context, chosen, page) for page in pages]
        for page, place in zip(pages, places, strict=True):
            try:
                _receive(context, chosen, archive, page, place)
            except (TargetError, Refused) as error:
                failed.append((page.name, error))
    if len(failed) == 1 == len(pages):
        raise failed[0][1]
    if failed:
        raise SomeVolumesFailed(
            tuple((name, str(error)) for name, error in failed)
        )


def _place(context: Context, chosen: Chosen, page: Page) -> Path:
    options = context.options
    if options.save_to is not None:
        return Path(options.save_to)
    return chosen.source(options.local).path_of(page.name)


def _receive(
    context: Context,
    chosen: Chosen,
    archive: OpenArchive,
    page: Page,
    place: Path,
) -> None:
    session = one_session(
        archive.sessions(page), context.options.session, page.name
    )
    if exists_at(place) and not context.options.force:
        context.prompts.confirm(
            f"{quote(str(place))} exists: write session {session.name} of"
            f" {quote(page.name)} over it?"
        )
    if context.options.save_to is None:
        source = chosen.source(context.options.local)
        place = source.place_for(page.name, session.size)
    content = SessionContent(archive, page, session)
    restore = Restore(content, context.listener, context.places)
    if not restore.run(place, _how(context.options)):
        context.listener(
            Warning_(
                f"the owner of {quote(str(place))} could not be set: only"
                " root may give files away"
            )
        )
    context.report(
        Said(
            "receive",
            f"Restored {quote(page.name)} as of {session.name} to"
            f" {quote(str(place))}.",
            {
                "archive": chosen.name,
                "volume": page.name,
                "session": session.name,
                "target": str(place),
                "size": session.size,
                "fetched": restore.fetched_bytes,
                "written": restore.written_bytes,
            },
        )
    )


def _how(options: Options) -> How:
    if options.sparse:
        return How.SPARSE
    return How.SPARSE_WRITE if options.sparse_write else How.WHOLE
