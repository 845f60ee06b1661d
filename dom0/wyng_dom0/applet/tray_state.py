# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tray says, and what is worth a notification. Pure.

A cause is told once; when it is gone and comes back it is told again.
"""

from dataclasses import dataclass
from typing import Dict, List, Mapping, Optional, Sequence

from wyng_dom0.applet import rows as states
from wyng_dom0.applet.headline import Headline
from wyng_dom0.applet.icons import BAD
from wyng_dom0.applet.requests import Request, sentence
from wyng_dom0.applet.rows import Row
from wyng_dom0.applet.run_words import result, title
from wyng_dom0.applet.runs import FAILED, PAUSED, Run
from wyng_dom0.applet.tray_icons import (
    ASKED,
    DUE,
    OK,
    PROBLEM,
    RUNNING,
)
from wyng_dom0.applet.tray_icons import PAUSED as HELD
from wyng_dom0.applet.wording import counted, percent, shown, tr

_QUIET = ("monitor",)
_MARKS = str.maketrans("<>&", "\uff1c\uff1e\uff06")


@dataclass(frozen=True)
class TrayState:
    """One of the states of tray_icons.py, and what the pointer reads."""

    state: str
    text: str
    percent: Optional[int] = None


def tray_state(
    headlines: Mapping[str, Headline], runs: Sequence[Run], asked: int
) -> TrayState:
    """Of all archives by name, the live runs and the open requests."""
    live = [each for each in runs if each.command not in _QUIET]
    if live:
        return _of_run(live[0])
    if asked:
        said = counted(
            asked, "{0} restore is asked for.", "{0} restores are asked for."
        )
        return TrayState(ASKED, said)
    bad = {name: each for name, each in headlines.items() if each.tone == BAD}
    if not bad:
        texts = [each.text for each in headlines.values()]
        return TrayState(OK, "\n".join(texts))
    late = all(each.sign == "late" for each in bad.values())
    texts = [
        (
            tr("{0}: {1}").format(shown(name), each.text)
            if len(headlines) > 1
            else each.text
        )
        for name, each in bad.items()
    ]
    return TrayState(DUE if late else PROBLEM, "\n".join(texts))


def _of_run(run: Run) -> TrayState:
    said = title(run)
    part = None if run.part is None else int(run.part * 100)
    if run.part is not None:
        said = tr("{0}: {1}").format(said, percent(run.part))
    if run.state == PAUSED:
        return TrayState(HELD, tr("{0} (paused)").format(said), part)
    return TrayState(RUNNING, said, part)


@dataclass(frozen=True)
class Note:
    """A notification: its title and its text, with no marks in them."""

    title: str
    text: str


class Causes:
    """Knows what was told."""

    def __init__(self) -> None:
        self._told: Dict[str, frozenset[str]] = {}

    def fresh(self, kind: str, causes: Sequence[str]) -> List[str]:
        """Those of this kind that were not told yet; now they are."""
        known = self._told.get(kind, frozenset())
        self._told[kind] = frozenset(causes)
        return [each for each in causes if each not in known]


def causes_of(rows: Sequence[Row]) -> List[str]:
    """What is wrong with each row, as a text that stays while it does."""
    return [
        f"{row.name} {row.state} {row.error if _failed(row) else ''}"
        for row in rows
        if row.state in states.URGENT
    ]


def _failed(row: Row) -> bool:
    return row.state == states.FAILED


def note_of(archive: str, said: Headline) -> Note:
    """What is told of an archive when something is wrong with it."""
    return Note(
        without_marks(tr("Backups, archive {0}").format(shown(archive))),
        without_marks(f"{said.text}\n{said.more}".strip()),
    )


def note_of_request(request: Request) -> Note:
    """What is told of a restore that a backup qube asks for."""
    title = without_marks(tr("A restore is asked for"))
    return Note(title, without_marks(sentence(request)))


def note_of_run(run: Run) -> Optional[Note]:
    """What is told of a run that ended; None where nobody need know.

    What failed of a backup is told by its rows, which know when it is well.
    """
    if run.state != FAILED or run.cancelled:
        return None
    failed = any(each.state == "failed" for each in run.volumes.values())
    if failed and run.command == "send":
        return None
    return Note(without_marks(title(run)), without_marks(result(run)))


def without_marks(text: str) -> str:
    """A text that no desktop takes for HTML: some read tags, some don't."""
    return text.translate(_MARKS)
