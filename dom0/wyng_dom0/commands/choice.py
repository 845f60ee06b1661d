# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Which session of a volume the options mean, for commands that take one."""

from wyng_dom0.archive.page import Page
from wyng_dom0.archive.session import Session
from wyng_dom0.commands.context import Context
from wyng_dom0.engine.opened import OpenArchive
from wyng_dom0.engine.selection import describe, one_session
from wyng_dom0.events import Notice
from wyng_dom0.names import SessionName, quote


def session_of(context: Context, archive: OpenArchive, page: Page) -> Session:
    """`--session`, else the newest; raises NotFound or BadInput.

    With `--session-strict=off` the next older one may stand in for a time
    that no session has; that is told.
    """
    wanted = context.options.session
    strict = context.options.session_strict != "off"
    session = one_session(archive.sessions(page), wanted, page.name, strict)
    if wanted is not None and isinstance(wanted.first, SessionName):
        if session.name != wanted.first.name:
            context.listener(
                Notice(
                    f"{quote(page.name)} has no session"
                    f" {describe(wanted.first)}: the next older one,"
                    f" {session.name}, is taken."
                )
            )
    return session
