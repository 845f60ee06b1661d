# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The time of a new session, such that its name is free."""

from datetime import datetime, timedelta
from typing import Iterable

from wyng_dom0.archive.page import Page
from wyng_dom0.archive.session import NAME_FORMAT

# A clock that went back by less is taken for runs faster than one a second.
_STEP_BACK = timedelta(minutes=30)


def free_time(moment: datetime, pages: Iterable[Page]) -> datetime:
    """`moment`, or a later second whose name no recent session has.

    Two runs in one second, or the hour that comes twice in autumn, would
    otherwise make two sessions of one name. The session also comes after
    each volume's newest, unless the clock was set back by half an hour or
    more. Only the sessions in the pages themselves are looked at, so that a
    send costs the same with any number of sessions.
    """
    pages = list(pages)
    for page in pages:
        if page.newest is None:
            continue
        newest = page.newest.time.astimezone(moment.tzinfo)
        if moment <= newest < moment + _STEP_BACK:
            moment = newest + timedelta(seconds=1)
    taken = {session.name for page in pages for session in page.recent}
    while moment.strftime(NAME_FORMAT) in taken:
        moment += timedelta(seconds=1)
    return moment
