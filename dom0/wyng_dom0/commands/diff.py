# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`diff`: a volume against a session of it, or two of its sessions."""

from wyng_common.messages import Capability
from wyng_dom0.archive.session import Session
from wyng_dom0.commands import diff_files, kept_settings
from wyng_dom0.commands.access import Chosen, opened
from wyng_dom0.commands.context import Context
from wyng_dom0.commands.reports import DiffReport
from wyng_dom0.engine.content import SessionContent, Teller
from wyng_dom0.engine.diff import (
    Differences,
    by_data,
    by_ids,
    held_still,
    of_sessions,
    remap,
)
from wyng_dom0.engine.opened import OpenArchive
from wyng_dom0.engine.selection import one_session
from wyng_dom0.errors import BadInput, Differs
from wyng_dom0.events import Notice, RunStarted
from wyng_dom0.names import SessionRange, quote


def run(context: Context) -> None:
    """Compare, report, and raise Differs when it is not the same."""
    options = context.options
    if options.settings:
        kept_settings.compare(context)
        return
    between = options.session is not None and options.session.last is not None
    if between:
        _check_between(context)
    with opened(context, Capability.GET) as (chosen, archive):
        if between:
            report = _two_sessions(context, chosen, archive)
        elif diff_files.is_meant(archive, options.names[0]):
            diff_files.compare_files(context, chosen, archive)
            return
        else:
            report = _with_volume(context, chosen, archive)
    context.report(report)
    if not report.same:
        raise Differs(
            f"{quote(report.volume)} differs: {report.older} is not"
            f" {report.newer}",
            about=report.volume,
        )


def _check_between(context: Context) -> None:
    options = context.options
    for name, given in (
        ("--quick", options.quick),
        ("--remap", options.remap),
        ("--local", options.local is not None),
    ):
        if given:
            raise BadInput(
                f"{name} is about the volume as it is now, two sessions are"
                " compared without it: name one session, or leave it out"
            )


def _two_sessions(
    context: Context, chosen: Chosen, archive: OpenArchive
) -> DiffReport:
    page = archive.page_named(context.options.names[0])
    wanted = context.options.session
    assert wanted is not None and wanted.last is not None
    sessions = archive.sessions(page)
    older = one_session(sessions, SessionRange(wanted.first), page.name)
    newer = one_session(sessions, SessionRange(wanted.last), page.name)
    content = SessionContent(archive, page, newer)
    found = of_sessions(content, older)
    return _report(chosen, page.name, (older.name, newer.name), found, True)


def _with_volume(
    context: Context, chosen: Chosen, archive: OpenArchive
) -> DiffReport:
    options = context.options
    page = archive.page_named(options.names[0])
    kept_settings.refuse(page, "diff")
    session = one_session(archive.sessions(page), options.session, page.name)
    source = chosen.source(options.local)
    content = SessionContent(archive, page, session)
    context.listener(
        RunStarted(
            *("diff", chosen.name, (page.name,)), total_bytes=session.size
        )
    )
    teller = Teller(context.listener, page.name, session.size)
    with held_still(context.places, source, page.name) as local:
        if not local.point_in_time:
            context.listener(
                Notice(
                    f"{quote(page.name)} can't be held still: what is"
                    " written to it meanwhile may count as a difference"
                )
            )
        compare = by_ids if options.quick else by_data
        found = compare(content, local, teller)
    if options.remap:
        remap(context.places, source, content, found)
    return _report(chosen, page.name, _names(session), found, options.quick)


def _names(session: Session) -> tuple[str, str]:
    return "the volume", session.name


def _report(
    chosen: Chosen,
    volume: str,
    sides: tuple[str, str],
    found: Differences,
    chunks_only: bool,
) -> DiffReport:
    return DiffReport(
        archive=chosen.name,
        volume=volume,
        older=sides[0],
        newer=sides[1],
        older_size=found.sizes[0],
        newer_size=found.sizes[1],
        same=found.same,
        different_bytes=found.bytes,
        different_ranges=found.count,
        whole_chunks=chunks_only,
        ranges=tuple(found.ranges),
    )
