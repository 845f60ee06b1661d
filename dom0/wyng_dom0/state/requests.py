# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Restores that a backup qube asked for, until the user or time decides.

One file for each archive and qube, `requests/pending/ARCHIVE-QUBE.json`. What
stands in one is asked once and never replaced by a later call, so that what a
user reads is what the user approves. Everybody who reads and then writes
holds locks.hold_requests.
"""

import re
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from wyng_common.errors import NameFault
from wyng_common.hosts import check_qube
from wyng_common.ids import ArchiveId
from wyng_dom0.state import durable
from wyng_dom0.state.json_files import moment_of, read_object, write_object
from wyng_dom0.state.places import Places

LIVES = timedelta(days=7)
# At once, of one archive.
MOST = 16
PENDING, NEEDS_KEY, FAILED = "pending", "needs-key", "failed"
STATES = (PENDING, NEEDS_KEY, FAILED)
WHY_MAX = 500
_FILE = re.compile(r"([0-9a-f]{32})-([A-Za-z][A-Za-z0-9_.-]{0,30})\.json")
_SESSION = re.compile(r"[0-9]{8}-[0-9]{6}|")


@dataclass(frozen=True)
class Request:
    """One restore that `caller` asked for; `session` is "" for the newest.

    `state` is one of STATES: failed ones were tried and are the user's to
    try again; `why` says what was wrong. `target` is the qube that a
    restore was begun to, "" for none yet.
    """

    archive: ArchiveId
    qube: str
    session: str
    caller: str
    asked: datetime
    state: str = PENDING
    why: str = ""
    target: str = ""

    def is_over(self, now: datetime) -> bool:
        """True when it is too old; also by a clock that was set back."""
        return abs(now - self.asked) >= LIVES

    def as_asked(self) -> "Request":
        """The same without what became of it since."""
        return replace(self, state=PENDING, why="", target="")

    def marked(self, state: str, why: str = "") -> "Request":
        """The same in another state."""
        return replace(self, state=state, why=why[:WHY_MAX])


def read_request(
    places: Places, archive: ArchiveId, qube: str
) -> Request | None:
    """The request for a qube of an archive; None for none."""
    values = read_object(places.request(archive, qube))
    texts = [values.get(key) for key in ("session", "caller", "state", "why")]
    asked = moment_of(values.get("asked"))
    if not all(isinstance(each, str) for each in texts) or asked is None:
        return None
    session, caller, state, why = map(str, texts)
    if not _SESSION.fullmatch(session) or state not in STATES:
        return None
    target = str(values.get("target", ""))
    try:
        check_qube(caller)
        if target:
            check_qube(target)
    except NameFault:
        return None
    return Request(archive, qube, session, caller, asked, state, why, target)


def write_request(places: Places, request: Request) -> None:
    """Durably file it, or what became of it so far."""
    values = asdict(request)
    del values["archive"], values["qube"]
    write_object(places.request(request.archive, request.qube), values)


def remove_request(places: Places, archive: ArchiveId, qube: str) -> bool:
    """Durably forget one; False when there was none."""
    path = places.request(archive, qube)
    return path.parent.exists() and durable.remove_private(path)


def list_requests(places: Places) -> list[Request]:
    """All of them, the oldest first."""
    try:
        names = [each.name for each in places.requests_pending.iterdir()]
    except OSError:
        return []
    found = [
        read_request(places, ArchiveId(bytes.fromhex(match[1])), match[2])
        for match in map(_FILE.fullmatch, names)
        if match is not None
    ]
    known = [each for each in found if each is not None]
    return sorted(known, key=lambda each: (each.asked, each.qube))
