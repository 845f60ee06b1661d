# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a session of a wyng archive becomes here, and which ones are here.

Owns the meaning of names, times and permissions that wyng wrote down.
"""

import grp
import pwd
from collections.abc import Sequence
from datetime import datetime
from typing import Optional

from wyng_common.ids import BlobId
from wyng_dom0.archive.session import Label, Session, State
from wyng_dom0.errors import Refused
from wyng_dom0.migrate.records import ForeignSession, ForeignVolume
from wyng_dom0.names import quote

_MODES = {"r": 0o400, "w": 0o600, "": 0o600}


def count_here(volume: ForeignVolume, ours: Sequence[Session]) -> int:
    """How many of a volume's sessions, from the oldest, are not to come.

    One is known by its name and size. Sessions are only ever added behind
    the newest: Refused when the newest here is none of wyng's, for then the
    volume has gone on by itself.
    """
    if not ours:
        return 0
    places = {(s.name, s.size): at for at, s in enumerate(volume.sessions)}
    found = [places.get((each.name, each.size)) for each in ours]
    if found[-1] is not None:
        return found[-1] + 1
    if volume.sessions and len(volume.sessions) - 1 in found:
        return len(volume.sessions)
    raise Refused(
        f"{quote(volume.name)} has sessions of its own here, the newest"
        f" {ours[-1].name}: rename it here, then migrate what is older under"
        " the old name",
        about=volume.name,
    )


def moment_of(
    session: ForeignSession, before: Optional[int] = None
) -> datetime:
    """When a session was made, with this machine's offset from UTC then.

    wyng notes the clock on the wall and no zone. In the hour that comes
    twice, it is the second one if the session `before` (UTC, ns) says so.
    """
    moment = session.wall_time.astimezone()
    later = session.wall_time.replace(fold=1).astimezone()
    if before is not None and nanoseconds(moment) <= before:
        return later
    return moment


def nanoseconds(moment: datetime) -> int:
    """Since 1970, of a moment of whole seconds."""
    return int(moment.timestamp()) * 10**9


def session_from(
    session: ForeignSession,
    before: Optional[int],
    root: Optional[BlobId],
    changed: int,
) -> Session:
    """The session as one of ours; the page gives it its sequence."""
    moment = moment_of(session, before)
    offset = moment.utcoffset()
    assert offset is not None
    mode, uid, gid = _owner(session.permissions)
    when = nanoseconds(moment)
    return Session(
        sequence=1,
        time_ns=when,
        offset=int(offset.total_seconds()),
        size=session.size,
        mode=mode,
        uid=uid,
        gid=gid,
        mtime_ns=when if session.mtime_ns is None else session.mtime_ns,
        changed=changed,
        root=root,
        state=State.LIVE,
        tags=tuple(Label(*tag) for tag in session.tags),
    )


def _owner(permissions: str) -> tuple[int, int, int]:
    """Mode, user and group; names that this machine lacks are root's."""
    if permissions in _MODES:
        return _MODES[permissions], 0, 0
    mode, user, group = permissions.split(":")
    return int(mode) & 0o7777, _uid(user), _gid(group)


def _uid(name: str) -> int:
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return 0


def _gid(name: str) -> int:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return 0
