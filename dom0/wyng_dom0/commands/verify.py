# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`verify`: read a session back and check every byte of it."""

from wyng_common.messages import Capability
from wyng_dom0.archive.page import Page
from wyng_dom0.commands.access import Chosen, opened
from wyng_dom0.commands.choice import session_of
from wyng_dom0.commands.context import Context
from wyng_dom0.commands.reports import Said
from wyng_dom0.commands.vols_from import read_vols_from
from wyng_dom0.engine.content import SessionContent
from wyng_dom0.engine.opened import OpenArchive
from wyng_dom0.engine.selection import is_excluded
from wyng_dom0.engine.verify import Verdict, verify_session
from wyng_dom0.errors import BadInput, IntegrityError
from wyng_dom0.events import RunStarted, VolumeSkipped
from wyng_dom0.names import quote

_RANGES_SHOWN = 5


def run(context: Context) -> None:
    """Verify the newest or the named session of some or all volumes."""
    options = context.options
    if options.session is not None and options.session.last is not None:
        raise BadInput("verify takes exactly one session, not a range")
    bad: list[str] = []
    with opened(context, Capability.GET) as (chosen, archive):
        for volume, error in archive.damaged.items():
            bad.append(f"the page of volume {volume.hex()}: {error}")
        pages = _selected(context, archive)
        names = tuple(page.name for page in pages)
        context.listener(RunStarted("verify", chosen.name, names))
        for page in pages:
            bad.extend(_verify(context, chosen, archive, page))
    if bad:
        raise IntegrityError(
            f"verify found damage: {'; '.join(bad)}; run wyng-store scrub on"
            " the archive, then send: what the volumes still hold is replaced"
        )


def _selected(context: Context, archive: OpenArchive) -> list[Page]:
    """The pages to verify; those passed over are told."""
    options = context.options
    if options.vols_from is not None:
        listed = read_vols_from(options.vols_from)
        return [archive.page_named(each.name) for each in listed]
    pages = []
    for page in archive.pages_named(options.names):
        why = ""
        if is_excluded(page.name, options.volex):
            why = "--volex leaves it out"
        elif not options.names and not page.session_count:
            why = "it has no session"
        if why:
            context.listener(VolumeSkipped(page.name, why))
        else:
            pages.append(page)
    return pages


def _verify(
    context: Context, chosen: Chosen, archive: OpenArchive, page: Page
) -> list[str]:
    session = session_of(context, archive, page)
    content = SessionContent(archive, page, session)
    verdict = verify_session(content, context.listener)
    if verdict.errors:
        return [_sentence(page.name, session.name, verdict)]
    context.report(
        Said(
            "verify",
            f"{quote(page.name)} as of {session.name} is whole.",
            {
                "archive": chosen.name,
                "volume": page.name,
                "session": session.name,
                "bytes": verdict.bytes_read,
            },
        )
    )
    return []


def _sentence(volume: str, session: str, verdict: Verdict) -> str:
    ranges = ", ".join(
        f"{length} bytes at {offset}"
        for offset, length in verdict.damaged[:_RANGES_SHOWN]
    )
    more = len(verdict.damaged) - _RANGES_SHOWN
    if more > 0:
        ranges += f" and {more} more ranges"
    return (
        f"{quote(volume)} as of {session}"
        f" ({ranges or 'its tree'}: {verdict.errors[0]})"
    )
