# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The settings of a qube that an archive has: shown, and compared.

They hang on sessions of the qube's volumes, or of QUBE:settings. Of several
that are meant at once, the newest are told.
"""

from dataclasses import dataclass

from wyng_common.frames import BlobType
from wyng_common.messages import Capability
from wyng_dom0.archive.page import Page
from wyng_dom0.archive.session import Session
from wyng_dom0.commands.access import Chosen, opened
from wyng_dom0.commands.context import Context
from wyng_dom0.commands.setting_reports import (
    SettingChangeRow,
    SettingRow,
    SettingsDiffReport,
    SettingsReport,
)
from wyng_dom0.engine.opened import OpenArchive
from wyng_dom0.engine.selection import one_session
from wyng_dom0.errors import BadInput, Differs, NotFound
from wyng_dom0.names import SessionRange, quote
from wyng_dom0.qubes.capture import Capturer
from wyng_dom0.qubes.rows import changes_between, rows_of
from wyng_dom0.qubes.settings import QubeSettings, parse_settings
from wyng_dom0.sources.qubes import BETWEEN, KEY, QubesSource, owner_of

NOW = "now"


@dataclass(frozen=True)
class Kept:
    """Settings, and the session that they are of."""

    session: Session
    settings: QubeSettings


def show(context: Context) -> None:
    """`list QUBE --settings`."""
    qube = _qube_named(context)
    with opened(context, Capability.GET) as (chosen, archive):
        kept = _needed(context, archive, qube, context.options.session)
    rows = tuple(SettingRow(*row) for row in rows_of(kept.settings))
    name = kept.session.name
    context.report(SettingsReport(chosen.name, qube, name, rows))


def compare(context: Context) -> None:
    """`diff QUBE --settings`; raises Differs."""
    qube, wanted = _qube_named(context), context.options.session
    options = context.options
    if options.quick or options.remap:
        raise BadInput("--quick and --remap are about data, not settings")
    with opened(context, Capability.GET) as (chosen, archive):
        first = SessionRange(wanted.first) if wanted else None
        old = _needed(context, archive, qube, first)
        if wanted is not None and wanted.last is not None:
            kept = _needed(context, archive, qube, SessionRange(wanted.last))
            newer, new = kept.session.name, kept.settings
        else:
            newer, new = NOW, _now(chosen, qube)
    changes = tuple(
        SettingChangeRow(*change)
        for change in changes_between(old.settings, new)
    )
    name = old.session.name
    context.report(
        SettingsDiffReport(
            *(chosen.name, qube, name, newer), not changes, changes
        )
    )
    if changes:
        raise Differs(
            f"the settings of {quote(qube)} differ: {name} is not {newer}",
            about=qube,
        )


def refuse(page: Page, command: str) -> None:
    """Raise BadInput for what holds settings and no data.

    A file of a directory may be called so, too.
    """
    newest = page.newest
    if newest is None or newest.settings is None or newest.size:
        return
    qube, flag = owner_of(page.name), "--settings"
    flag += "-only" if command == "receive" else ""
    raise BadInput(
        f"{quote(page.name)} has no data, only settings: `{command} {qube}"
        f" {flag}` is for those"
    )


def pages_of(archive: OpenArchive, qube: str) -> list[Page]:
    """The volumes of a qube in the archive, and its settings alone."""
    return [
        page
        for page in archive.pages_named(())
        if page.name.partition(BETWEEN)[0] == qube and BETWEEN in page.name
    ]


def newest_kept(
    context: Context,
    archive: OpenArchive,
    qube: str,
    wanted: SessionRange | None,
) -> Kept | None:
    """The newest settings of those sessions of a qube's that are meant.

    None where they have none. Raises NotFound when no volume of it has such
    a session, or it is in the archive not at all.
    """
    strict = context.options.session_strict != "off"
    pages = pages_of(archive, qube)
    if not pages:
        raise NotFound(
            f"the archive has no qube {quote(qube)}: list shows what it has",
            about=qube,
        )
    meant, missing = [], None
    for page in pages:
        try:
            sessions = archive.sessions(page)
            meant.append(one_session(sessions, wanted, page.name, strict))
        except NotFound as error:
            missing = error
    if not meant and missing is not None:
        raise missing
    found = [each for each in meant if each.settings is not None]
    if not found:
        return None
    newest = max(found, key=lambda each: each.time_ns)
    assert newest.settings is not None
    record = archive.load(BlobType.SETTINGS, newest.settings)
    return Kept(newest, parse_settings(record))


def _needed(
    context: Context,
    archive: OpenArchive,
    qube: str,
    wanted: SessionRange | None,
) -> Kept:
    kept = newest_kept(context, archive, qube, wanted)
    if kept is None:
        raise NotFound(
            f"no settings of {quote(qube)} were kept with that session",
            about=qube,
        )
    return kept


def _qube_named(context: Context) -> str:
    names = context.options.names
    if len(names) != 1 or BETWEEN in names[0]:
        raise BadInput("--settings takes the name of exactly one qube")
    if context.options.tag:
        raise BadInput("--settings and --tag contradict each other")
    return names[0]


def _now(chosen: Chosen, qube: str) -> QubeSettings:
    source = chosen.source(chosen.context.options.local)
    if not isinstance(source, QubesSource):
        raise BadInput(
            "a qube's settings are compared on Qubes OS, where"
            f" --local={KEY} is the source"
        )
    found = source.qube_of(f"{qube}{BETWEEN}")
    volumes = source.volumes_of(qube)
    return Capturer(source.admin).settings(qube, found.klass, volumes)
