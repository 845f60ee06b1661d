# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The time of a new session, such that its name is free."""

from datetime import datetime, timedelta
from typing import Iterable

from wyng_dom0.archive.page import Page
from wyng_dom0.archive.session import NAME_FORMAT


def free_time(moment: datetime, pages: Iterable[Page]) -> datetime:
    """`moment`, or the next second whose name no recent session has.

    Two runs in one second, or the hour that comes twice in autumn, would
    otherwise make two sessions of one name. Only the sessions in the pages
    themselves are looked at, so that a send costs the same with any number
    of sessions.
    """
    taken = {session.name for page in pages for session in page.recent}
    while moment.strftime(NAME_FORMAT) in taken:
        moment += timedelta(seconds=1)
    return moment
