# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Fetches the points in time of a qube or volume, one report after another.

Owns which reports are asked for. Shows nothing.
"""

from typing import Callable, Dict, List

from PyQt6.QtCore import QObject, pyqtSignal
from PyQt6.QtWidgets import QWidget

from wyng_dom0.applet import command_lines
from wyng_dom0.applet.command_lines import Words
from wyng_dom0.applet.desk import Desk
from wyng_dom0.applet.engine import Outcome
from wyng_dom0.applet.points import (
    Part,
    Point,
    Subject,
    parts_of,
    points_of,
    subject_of,
)
from wyng_dom0.applet.problem import NOT_FOUND
from wyng_dom0.applet.reading import rows_of, text_of
from wyng_dom0.applet.unlocking import keyed_call
from wyng_dom0.applet.wording import tr


class SessionsLoad(QObject):
    """All sessions of a subject; `begin` asks, and asks anew.

    `loaded` comes when all is there: `subject`, `parts` by volume,
    `points`, and whether they are `measured`, are new then. `failed` gives
    the Outcome, and all stays as it was. Questions for a passphrase are shown
    over `parent`.
    """

    loaded = pyqtSignal()
    failed = pyqtSignal(object)

    def __init__(
        self, desk: Desk, archive: str, volume: str, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self._desk, self._archive, self._volume = desk, archive, volume
        self._widget = parent
        self._busy = False
        self._again = False
        self._sizes = False
        self.measured = False
        self._waiting: List[str] = []
        self._coming: Dict[str, List[Part]] = {}
        self.subject = Subject(archive, volume)
        self.parts: Dict[str, List[Part]] = {}
        self.points: List[Point] = []

    def measure(self) -> None:
        """The same, with what each session alone holds from now on."""
        self._sizes = True
        self.begin()

    def begin(self) -> None:
        """Ask for everything; once more behind what is being asked."""
        if self._busy:
            self._again = True
            return
        self._busy = True
        self._again = False
        if self._knows_archive():
            self._ask_volumes()
        else:
            call = self._desk.engine.call(command_lines.status())
            call.ended.connect(self._take_status)

    def _knows_archive(self) -> bool:
        self.subject = subject_of(
            self._desk.status, self._archive, self._volume
        )
        return bool(self.subject.source)

    def _take_status(self, outcome: Outcome) -> None:
        if outcome.good:
            self.subject = subject_of(
                outcome.report("status"), self._archive, self._volume
            )
        # A status that fails says it elsewhere; sessions can be had without.
        self._ask_volumes()

    def _ask_volumes(self) -> None:
        if not self.subject.is_qube:
            self._waiting = [self.subject.name]
            self._ask_next()
            return
        self._call(
            command_lines.list_volumes(self._archive), self._take_volumes
        )

    def _take_volumes(self, outcome: Outcome) -> None:
        if not outcome.good:
            self._fail(outcome)
            return
        names = [
            text_of(row, "name")
            for row in rows_of(outcome.report("volumes"), "volumes")
        ]
        self._waiting = [each for each in names if self.subject.has(each)]
        if not self._waiting:
            self._fail(_unknown(self.subject.name))
            return
        self._ask_next()

    def _ask_next(self) -> None:
        if not self._waiting:
            self._finish()
            return
        self._call(
            command_lines.list_sessions(
                self._archive, self._waiting[0], sizes=self._sizes
            ),
            self._take_sessions,
        )

    def _take_sessions(self, outcome: Outcome) -> None:
        if not outcome.good:
            self._fail(outcome)
            return
        volume = self._waiting.pop(0)
        self._coming[volume] = parts_of(outcome.report("sessions"))
        self._ask_next()

    def _finish(self) -> None:
        self.parts, self._coming = self._coming, {}
        self.points = points_of(self.parts.values())
        self.measured = any(each.unique is not None for each in self.points)
        self._end()
        self.loaded.emit()

    def _fail(self, outcome: Outcome) -> None:
        self._waiting, self._coming = [], {}
        self._again = False
        self._end()
        self.failed.emit(outcome)

    def _end(self) -> None:
        self._busy = False
        if self._again:
            self.begin()

    def _call(self, words: Words, then: Callable[[Outcome], None]) -> None:
        keyed_call(
            *(self._desk.engine, self._archive, words, self._widget), then
        )


def _unknown(name: str) -> Outcome:
    text = tr("the archive has no volume of {0}").format(name)
    return Outcome(NOT_FOUND, text, details=text)
