# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`diff dom0:home`: dom0's own files as they are now against a session."""

from collections.abc import Iterator

from wyng_dom0.commands.access import Chosen, wish_of
from wyng_dom0.commands.choice import session_of
from wyng_dom0.commands.compared_files import (
    About,
    comparing_with,
    report_of,
)
from wyng_dom0.commands.context import Context
from wyng_dom0.engine.content import SessionContent
from wyng_dom0.engine.files_content import is_of_files, read_files
from wyng_dom0.engine.opened import OpenArchive
from wyng_dom0.errors import BadInput, Differs
from wyng_dom0.events import RunStarted
from wyng_dom0.files.entry import Entry
from wyng_dom0.files.reader import Piece
from wyng_dom0.names import quote
from wyng_dom0.sources.choose import dom0_files, has_qubes
from wyng_dom0.sources.dom0 import VOLUMES


def is_meant(archive: OpenArchive, name: str) -> bool:
    """Is the volume one of dom0's files, and not only called so?"""
    if name not in VOLUMES:
        return False
    page = archive.page_named(name)
    newest = page.newest
    if newest is None:
        return False
    return is_of_files(SessionContent(archive, page, newest))


def compare_files(
    context: Context, chosen: Chosen, archive: OpenArchive
) -> None:
    """Compare, report, and raise Differs when it is not the same."""
    options = context.options
    if options.quick or options.remap:
        raise BadInput(
            f"files are compared, not chunks of {quote(options.names[0])}:"
            " leave --quick and --remap out"
        )
    if not has_qubes():
        raise BadInput(
            f"what {quote(options.names[0])} is now is known in dom0 alone:"
            " name two sessions, or receive it"
        )
    page = archive.page_named(options.names[0])
    session = session_of(context, archive, page)
    wish = wish_of(options)
    files = dom0_files(context.places, context.listener, wish)
    comparing = comparing_with(files, page.name)
    context.listener(
        RunStarted(
            *("diff", chosen.name, (page.name,)), total_bytes=session.size
        )
    )

    def take(entry: Entry, content: Iterator[Piece]) -> None:
        for _ in comparing.watch(entry, content):
            pass

    content = SessionContent(archive, page, session)
    read_files(content, context.listener, take)
    comparing.finish(page.name)
    about = About(chosen.name, page.name, session)
    report = report_of(about, comparing)
    context.report(report)
    if not report.same:
        raise Differs(
            f"{quote(page.name)} differs: the files are not {session.name}",
            about=page.name,
        )
