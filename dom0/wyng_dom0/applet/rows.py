# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Qubes and volumes as the main window shows them: one row each.

Pure: values out of the engine's reports and of runs; no clock, no Qt. Sizes
are bytes, moments aware; None is what nobody knows.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Iterable, List, Mapping, Optional, Sequence, Tuple

from wyng_dom0.applet.reading import (
    flag_of,
    maybe_number,
    moment_of,
    rows_of,
    text_of,
)
from wyng_dom0.applet.runs import PAUSED, Run

# Worst first: that is how rows sort by their state.
(
    FAILED,
    NEVER,
    LATE,
    RUNNING,
    HELD,
    WAITING,
    UNKNOWN,
    GOOD,
    KEPT,
    OUT,
) = range(10)
URGENT = (FAILED, NEVER, LATE)


@dataclass(frozen=True)
class ArchiveFacts:
    """What is known of one archive; `every` is in seconds."""

    name: str
    destination: str = ""
    source: str = ""
    last_send: Optional[datetime] = None
    every: Optional[int] = None
    overdue: bool = False
    next_run: Optional[datetime] = None
    proven: Optional[datetime] = None
    free: Optional[int] = None
    used: Optional[int] = None
    space_seen: Optional[datetime] = None
    is_default: bool = False

    @property
    def has_qubes(self) -> bool:
        """True when its volumes are those of qubes."""
        return self.source == "qubes"


def archives_of(report: Mapping[str, Any]) -> List[ArchiveFacts]:
    """The archives of a report, in its order."""
    return [_archive(each) for each in rows_of(report, "archives")]


def _archive(row: Mapping[str, Any]) -> ArchiveFacts:
    given = row.get("space")
    space = given if isinstance(given, dict) else {}
    return ArchiveFacts(
        name=text_of(row, "name"),
        destination=text_of(row, "destination"),
        source=text_of(row, "source"),
        last_send=moment_of(row, "last_send"),
        every=maybe_number(row, "every"),
        overdue=flag_of(row, "overdue"),
        next_run=moment_of(row, "next_run"),
        proven=moment_of(row, "proven"),
        free=maybe_number(space, "free"),
        used=maybe_number(space, "used"),
        space_seen=moment_of(space, "seen_at"),
        is_default=flag_of(row, "default"),
    )


@dataclass(frozen=True)
class Row:
    """One qube with its volumes, or one volume.

    `name` is what commands are given. `last` is when its newest session was
    made, `sent` when all of it was last looked at and went through: what did
    not change gets no session. `planned`: backups of everything have it.
    What changed since is `changed` at most, as noted at `noted`. `error` says
    why a send of it failed, if none went through since. `part`, 0 to 1, and
    `command` are of a run that works on it.
    """

    name: str
    volumes: Tuple[str, ...] = ()
    state: int = GOOD
    label: str = ""
    color: str = ""
    klass: str = ""
    planned: bool = True
    sessions: int = 0
    last: Optional[datetime] = None
    sent: Optional[datetime] = None
    proven: Optional[datetime] = None
    size: Optional[int] = None
    changed: Optional[int] = None
    noted: Optional[datetime] = None
    next_run: Optional[datetime] = None
    error: str = ""
    part: Optional[float] = None
    command: str = ""

    @property
    def since(self) -> Optional[datetime]:
        """As of when the archive has all of it as it was."""
        if self.last is None or self.sent is None:
            return self.last
        return max(self.last, self.sent)

    @property
    def is_new(self) -> bool:
        """True when it is here, not left out, and was never backed up."""
        return self.state < KEPT and not self.sessions

    @property
    def main_volume(self) -> str:
        """The volume whose sessions stand for the row's."""
        private = [v for v in self.volumes if v.endswith(":private")]
        return (private or self.volumes or (self.name,))[0]

    @property
    def here(self) -> bool:
        """False for what only the archive has."""
        return self.state != KEPT


def with_runs(
    rows: Iterable[Row], archive: str, runs: Sequence[Run]
) -> List[Row]:
    """The rows as they stand while these runs go on in the archive."""
    live = [each for each in runs if each.archive == archive]
    return [_with_run(row, live) for row in rows]


def _with_run(row: Row, live: Sequence[Run]) -> Row:
    for run in live:
        found = [run.volumes[n] for n in row.volumes if n in run.volumes]
        unready = [v for v in found if v.state in ("waiting", "running")]
        if not unready:
            continue
        if all(v.state == "waiting" for v in found):
            state = WAITING
        else:
            state = HELD if run.state == PAUSED else RUNNING
        total = sum(v.total_bytes for v in found)
        done = sum(v.done_bytes for v in found)
        part = min(1.0, done / total) if total else None
        return replace(row, state=state, part=part, command=run.command)
    return row


def grouped(rows: Iterable[Row]) -> List[Row]:
    """One row for each qube, out of one for each of its volumes.

    A qube is as old as its oldest volume, and as bad as its worst.
    """
    groups: dict[str, List[Row]] = {}
    for row in rows:
        groups.setdefault(row.name, []).append(row)
    return [
        each[0] if len(each) == 1 else _one_of(each) for each in groups.values()
    ]


def _one_of(rows: Sequence[Row]) -> Row:
    """A part that is left out or gone says nothing about the rest."""
    counted = [row for row in rows if row.state < KEPT] or list(rows)
    worst = min(counted, key=lambda row: row.state)
    return replace(
        worst,
        volumes=tuple(name for row in rows for name in row.volumes),
        planned=any(row.planned for row in rows),
        sessions=max(row.sessions for row in rows),
        last=_oldest([row.last for row in counted]),
        sent=_oldest([row.sent for row in counted]),
        proven=_oldest([row.proven for row in counted]),
        size=_sum([row.size for row in rows]),
        changed=_sum([row.changed for row in counted]),
        noted=_oldest([row.noted for row in counted]),
    )


def _oldest(moments: Sequence[Optional[datetime]]) -> Optional[datetime]:
    """The oldest; None when one is None, for a part is not the whole."""
    known = [each for each in moments if each is not None]
    return min(known) if len(known) == len(moments) else None


def _sum(sizes: Sequence[Optional[int]]) -> Optional[int]:
    known = [each for each in sizes if each is not None]
    return sum(known) if known else None
