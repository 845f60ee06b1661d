# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The columns of the main table: what a row shows there, and sorts by.

Pure but for translation. Sort keys of a column are all of one type.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Callable, Optional, Tuple, Union

from wyng_dom0.applet import wording
from wyng_dom0.applet.rows import KEPT, NEVER, OUT, Row
from wyng_dom0.applet.standing import standing
from wyng_dom0.applet.wording import shown, tr

Key = Union[str, float]
_NUMBER = re.compile(r"[0-9]{1,18}")
# What nobody knows sorts below all that is known.
_UNKNOWN = -1.0


@dataclass(frozen=True)
class Cell:
    """What a table shows of a row in a column; `tip` is plain text."""

    text: str
    key: Key
    tip: str = ""


@dataclass(frozen=True)
class Column:
    """One column; `id` is kept in settings, `more` explains it."""

    id: str
    title: Callable[[bool], str]
    more: str
    cell: Callable[[Row, datetime], Cell]
    is_number: bool = False
    at_first: bool = True


def columns() -> Tuple[Column, ...]:
    """All columns, in their first order."""
    return (
        Column(
            "name",
            lambda qubes: tr("Qube") if qubes else tr("Volume"),
            tr("What is backed up"),
            _name,
        ),
        Column("state", _titled(tr("State")), tr("How it stands"), _state),
        Column(
            "included",
            _titled(tr("Included")),
            tr("Whether backups of everything have it"),
            _included,
        ),
        Column(
            "last",
            _titled(tr("Last session")),
            tr("When its newest session was made"),
            _last,
        ),
        Column(
            "age",
            _titled(tr("Age")),
            tr("How long ago all of it was last backed up or unchanged"),
            _age,
        ),
        Column(
            "proven",
            _titled(tr("Last proven")),
            tr("When a session of it was last read back and found whole"),
            _proven,
        ),
        Column("size", _titled(tr("Size")), tr("Its size here"), _size, True),
        Column(
            "changed",
            _titled(tr("Changed since")),
            tr("What the next backup reads of it at most"),
            _changed,
            True,
        ),
        Column(
            "next",
            _titled(tr("Next run")),
            tr("When the schedule backs it up next"),
            _next,
        ),
        Column(
            "sessions",
            _titled(tr("Sessions")),
            tr("How many sessions of it the archive has"),
            _sessions,
            True,
            at_first=False,
        ),
    )


def _titled(title: str) -> Callable[[bool], str]:
    return lambda qubes: title


def natural(text: str) -> str:
    """A key by which work2 comes before work10."""
    return _NUMBER.sub(lambda m: m.group().zfill(18), text.casefold())


def _name(row: Row, now: datetime) -> Cell:
    parts = [shown(row.name)]
    if row.klass:
        parts.append(shown(row.klass))
    if row.volumes and row.volumes != (row.name,):
        volumes = ", ".join(shown(each) for each in row.volumes)
        parts.append(tr("Volumes: {0}").format(volumes))
    return Cell(parts[0], natural(row.name), "\n".join(parts))


def _state(row: Row, now: datetime) -> Cell:
    found = standing(row)
    # Within a state by how much of it is done.
    key = row.state - (row.part or 0.0) / 2
    why = found.why
    text = found.word
    if row.part is not None:
        text = tr("{0}, {1}").format(found.word, wording.percent(row.part))
    return Cell(text, key, why)


def _included(row: Row, now: datetime) -> Cell:
    if row.state == KEPT:
        return Cell("–", _UNKNOWN)
    if row.planned:
        return Cell(tr("Yes"), 2.0)
    if row.state == OUT:
        return Cell(tr("No"), 0.0)
    why = tr("Include it or back it up once, and all later backups have it.")
    return Cell(tr("Not yet"), 1.0, why)


def _moment(moment: Optional[datetime], none: str) -> Cell:
    if moment is None:
        return Cell(none, _UNKNOWN)
    return Cell(wording.point(moment), moment.timestamp())


def _last(row: Row, now: datetime) -> Cell:
    return _moment(row.last, tr("none") if row.state == NEVER else "–")


def _age(row: Row, now: datetime) -> Cell:
    since = row.since
    if since is None:
        return Cell(tr("never") if row.state == NEVER else "–", _UNKNOWN)
    text = wording.age(since, now)
    return Cell(text, since.timestamp(), wording.point(since))


def _proven(row: Row, now: datetime) -> Cell:
    if row.proven is None:
        return Cell("–" if not row.sessions else tr("never"), _UNKNOWN)
    text = wording.age(row.proven, now)
    return Cell(text, row.proven.timestamp(), wording.point(row.proven))


def _number(count: Optional[int]) -> Cell:
    key = _UNKNOWN if count is None else float(count)
    return Cell(wording.size(count), key)


def _size(row: Row, now: datetime) -> Cell:
    return _number(row.size)


def _changed(row: Row, now: datetime) -> Cell:
    found = _number(row.changed)
    if row.noted is None:
        return found
    said = tr("As noted at {0}").format(wording.point(row.noted))
    return Cell(found.text, found.key, said)


def _next(row: Row, now: datetime) -> Cell:
    if row.next_run is None:
        return Cell("–", _UNKNOWN)
    text = wording.until(row.next_run, now)
    return Cell(text, row.next_run.timestamp(), wording.point(row.next_run))


def _sessions(row: Row, now: datetime) -> Cell:
    return Cell(str(row.sessions), float(row.sessions))
