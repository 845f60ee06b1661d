# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Which sessions a command means. Pure functions over lists.

A session that exists is a place in the order of sequences; a time that no
session has is a moment, never a string: names of sessions made at another
distance from UTC, or in the hour that comes twice, don't sort by time.
"""

from datetime import timezone
from fnmatch import fnmatchcase
from typing import Callable, List, Optional, Sequence

from wyng_dom0.archive.session import Session
from wyng_dom0.errors import BadInput, NotFound
from wyng_dom0.names import (
    Newest,
    SessionName,
    SessionRange,
    SessionSpec,
    SessionTag,
    parse_session,
    quote,
)

_NS = 10**9


def one_session(
    sessions: Sequence[Session],
    wanted: Optional[SessionRange],
    volume: str,
    strict: bool = True,
) -> Session:
    """The session meant, the newest when none is named.

    Where a time is named that no session has, `strict` False gives the next
    older one. Raises BadInput for a range and NotFound when there is none
    such.
    """
    if not sessions:
        raise NotFound(f"{quote(volume)} has no session yet", about=volume)
    if wanted is None:
        return sessions[-1]
    if wanted.last is not None:
        raise BadInput("this command takes exactly one session, not a range")
    found = _matching(sessions, wanted.first)
    if not found and not strict and isinstance(wanted.first, SessionName):
        found = _before(sessions, wanted.first)
    if not found:
        older = "" if strict else " nor an older one"
        raise NotFound(
            f"{quote(volume)} has no session {describe(wanted.first)}{older}:"
            " list it to see those there are",
            about=volume,
        )
    return found[-1]


def meant_sessions(
    sessions: Sequence[Session], wanted: SessionRange
) -> List[Session]:
    """Every session that one spec or a range means, the newest included."""
    if not sessions:
        return []
    if wanted.last is None:
        return _matching(sessions, wanted.first)
    return _between(sessions, wanted.first, wanted.last)


def named_sessions(
    sessions: Sequence[Session], wanted: SessionRange, all_before: bool
) -> List[Session]:
    """What a prune was told to remove; engine/prune.py spares some of it.

    A range's ends need not exist: it reaches by time from its first to its
    last end, both included. With `all_before`, everything older than the one
    session named, which itself stays.
    """
    if all_before and wanted.last is not None:
        raise BadInput("--all-before goes with one session, not a range")
    if not sessions:
        return []
    if all_before:
        return _before(sessions, wanted.first)
    return meant_sessions(sessions, wanted)


def is_excluded(name: str, patterns: Sequence[str]) -> bool:
    """True when a volume's name is one of --volex or matches one."""
    return any(
        name == pattern or fnmatchcase(name, pattern) for pattern in patterns
    )


def describe(spec: SessionSpec) -> str:
    """A spec as the user wrote it."""
    if isinstance(spec, SessionName):
        return spec.name
    if isinstance(spec, SessionTag):
        return f"^{spec.tag}"
    return "newest"


def _matching(sessions: Sequence[Session], spec: SessionSpec) -> List[Session]:
    if isinstance(spec, Newest):
        return list(sessions[-1:])
    if isinstance(spec, SessionName):
        return [each for each in sessions if each.name == spec.name]
    return [each for each in sessions if _tagged(each, spec.tag)]


def _tagged(session: Session, tag: str) -> bool:
    if tag == "all":
        return bool(session.labels)
    return any(name == tag for name, _ in session.labels)


# Says of a session whether it comes before an end of a range, is at it (0)
# or comes behind it.
_Side = Callable[[Session], int]


def _side(sessions: Sequence[Session], spec: SessionSpec, last: bool) -> _Side:
    found = _matching(sessions, spec)
    if found:
        sequence = found[-1 if last else 0].sequence
        return lambda session: session.sequence - sequence
    if not isinstance(spec, SessionName):
        raise NotFound(f"no session is tagged {describe(spec)}")
    moment = _moment(sessions, spec.name)
    return lambda session: session.time_ns // _NS - moment


def _moment(sessions: Sequence[Session], name: str) -> int:
    """UTC seconds of a name that no session has.

    Its distance from UTC is that of the session next to it by the clock on
    the wall: what `list` shows before and behind it lies before and behind.
    """
    wall = int(parse_session(name).replace(tzinfo=timezone.utc).timestamp())
    nearest = min(sessions, key=lambda each: abs(_wall(each) - wall))
    return wall - nearest.offset


def _wall(session: Session) -> int:
    return session.time_ns // _NS + session.offset


def _between(
    sessions: Sequence[Session], first: SessionSpec, last: SessionSpec
) -> List[Session]:
    _check_order(sessions, first, last)
    begin = _side(sessions, first, last=False)
    end = _side(sessions, last, last=True)
    return [each for each in sessions if begin(each) >= 0 >= end(each)]


def _check_order(
    sessions: Sequence[Session], first: SessionSpec, last: SessionSpec
) -> None:
    """Two times must not be in the wrong order whichever way one looks."""
    if not isinstance(first, SessionName) or not isinstance(last, SessionName):
        return
    begin, end = _matching(sessions, first), _matching(sessions, last)
    if begin and end:
        in_order = begin[0].sequence <= end[-1].sequence
    else:
        moments = [_moment(sessions, each.name) for each in (first, last)]
        in_order = moments[0] <= moments[1]
    if not in_order and first.name > last.name:
        raise BadInput(
            f"the range {describe(first)},{describe(last)} must end later"
            " than it begins"
        )


def _before(sessions: Sequence[Session], spec: SessionSpec) -> List[Session]:
    side = _side(sessions, spec, last=False)
    return [each for each in sessions if side(each) < 0]
