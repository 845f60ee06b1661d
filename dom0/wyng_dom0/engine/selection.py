# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Which sessions a command means. Pure functions over lists."""

from dataclasses import dataclass
from typing import List, Optional, Sequence

from wyng_dom0.archive.session import Session
from wyng_dom0.errors import BadInput, NotFound
from wyng_dom0.names import (
    Newest,
    SessionName,
    SessionRange,
    SessionSpec,
    SessionTag,
    quote,
)


def one_session(
    sessions: Sequence[Session], wanted: Optional[SessionRange], volume: str
) -> Session:
    """The session meant, the newest when none is named.

    Raises BadInput for a range and NotFound when there is none such.
    """
    if not sessions:
        raise NotFound(f"{quote(volume)} has no session yet", about=volume)
    if wanted is None:
        return sessions[-1]
    if wanted.last is not None:
        raise BadInput("this command takes exactly one session, not a range")
    found = _matching(sessions, wanted.first)
    if not found:
        raise NotFound(
            f"{quote(volume)} has no session {describe(wanted.first)}: list"
            " it to see those there are",
            about=volume,
        )
    return found[-1]


def prunable(
    sessions: Sequence[Session], wanted: SessionRange, all_before: bool
) -> List[Session]:
    """The sessions that a prune means; the newest is never among them.

    A range's ends need not exist: it reaches by time from its first to its
    last end, both included. With `all_before`, everything older than the one
    session named, which itself stays.
    """
    if all_before and wanted.last is not None:
        raise BadInput("--all-before goes with one session, not a range")
    if not sessions:
        return []
    if all_before:
        meant = _before(sessions, wanted.first)
    elif wanted.last is None:
        meant = _matching(sessions, wanted.first)
    else:
        meant = _between(sessions, wanted.first, wanted.last)
    newest = sessions[-1:]
    return [session for session in meant if session not in newest]


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


@dataclass(frozen=True)
class _Edge:
    """Where a range begins or ends: an existing session's sequence, or a
    wall-clock name to compare with."""

    sequence: Optional[int]
    name: str

    def is_after(self, session: Session) -> bool:
        if self.sequence is not None:
            return session.sequence < self.sequence
        return session.name < self.name


def _edge(sessions: Sequence[Session], spec: SessionSpec, last: bool) -> _Edge:
    found = _matching(sessions, spec)
    if found:
        return _Edge(found[-1 if last else 0].sequence, "")
    if isinstance(spec, SessionName):
        return _Edge(None, spec.name)
    raise NotFound(f"no session is tagged {describe(spec)}")


def _between(
    sessions: Sequence[Session], first: SessionSpec, last: SessionSpec
) -> List[Session]:
    begin = _edge(sessions, first, last=False)
    end = _edge(sessions, last, last=True)
    return [
        each
        for each in sessions
        if not begin.is_after(each)
        and (end.is_after(each) or _is_edge(end, each))
    ]


def _is_edge(edge: _Edge, session: Session) -> bool:
    if edge.sequence is not None:
        return session.sequence == edge.sequence
    return session.name == edge.name


def _before(sessions: Sequence[Session], spec: SessionSpec) -> List[Session]:
    edge = _edge(sessions, spec, last=False)
    return [each for each in sessions if edge.is_after(each)]
