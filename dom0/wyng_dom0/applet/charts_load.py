# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Fetches what charts show of an archive, one report after another."""

from typing import Any, Dict, List

from PyQt6.QtCore import QObject, pyqtSignal
from PyQt6.QtWidgets import QWidget

from wyng_dom0.applet import command_lines
from wyng_dom0.applet.desk import Desk
from wyng_dom0.applet.engine import Object, Outcome
from wyng_dom0.applet.points import Part, parts_of
from wyng_dom0.applet.reading import number_of, rows_of, text_of
from wyng_dom0.applet.unlocking import keyed_call


class ChartsLoad(QObject):
    """`placed` says that `status` is there, `remembered` that `history` is,
    which need no archive in reach; `listed`
    that `rows` and `totals` are, `came` that another volume's sessions are,
    `finished` that all are; `failed` ends it."""

    placed = pyqtSignal()
    remembered = pyqtSignal()
    listed = pyqtSignal()
    came = pyqtSignal()
    finished = pyqtSignal()
    failed = pyqtSignal(object)

    def __init__(self, desk: Desk, archive: str, parent: QWidget) -> None:
        super().__init__(parent)
        self._desk, self._archive, self._widget = desk, archive, parent
        self._waiting: List[str] = []
        self.is_busy = False
        self.status: Object = {}
        self.history: Object = {}
        self.rows: List[Object] = []
        self.totals: Dict[str, Any] = {}
        self.parts: Dict[str, List[Part]] = {}

    @property
    def left(self) -> int:
        """How many volumes were not asked for yet."""
        return len(self._waiting)

    def begin(self) -> None:
        """Ask for everything anew, unless that is being done."""
        if self.is_busy:
            return
        self.is_busy = True
        call = self._desk.engine.call(command_lines.status())
        call.ended.connect(self._take_status)

    def _take_status(self, outcome: Outcome) -> None:
        # Where it fails the main window says so; charts can do without.
        if outcome.good:
            self.status = outcome.report("status")
            self.placed.emit()
        call = self._desk.engine.call(command_lines.history(self._archive))
        call.ended.connect(self._take_history)

    def _take_history(self, outcome: Outcome) -> None:
        if outcome.good:
            self.history = outcome.report("history")
            self.remembered.emit()
        words = command_lines.list_volumes(self._archive, totals=True)
        self._call(words, "volumes")

    def _call(self, words: command_lines.Words, kind: str) -> None:
        then = self._take_list if kind == "volumes" else self._take_sessions
        keyed_call(self._desk.engine, self._archive, words, self._widget, then)

    def _take_list(self, outcome: Outcome) -> None:
        if not outcome.good:
            self._fail(outcome)
            return
        report = outcome.report("volumes")
        self.rows = rows_of(report, "volumes")
        given = report.get("totals")
        self.totals = given if isinstance(given, dict) else {}
        # The largest histories say most: they come first.
        ordered = sorted(self.rows, key=lambda r: -number_of(r, "sessions"))
        self._waiting = [text_of(row, "name") for row in ordered]
        self.parts = {}
        self.listed.emit()
        self._ask_next()

    def _ask_next(self) -> None:
        if not self._waiting:
            self.is_busy = False
            self.finished.emit()
            return
        words = command_lines.list_sessions(self._archive, self._waiting[0])
        self._call(words, "sessions")

    def _take_sessions(self, outcome: Outcome) -> None:
        if not outcome.good:
            self._fail(outcome)
            return
        name = self._waiting.pop(0)
        self.parts[name] = parts_of(outcome.report("sessions"))
        self.came.emit()
        self._ask_next()

    def _fail(self, outcome: Outcome) -> None:
        self.is_busy = False
        self._waiting = []
        self.failed.emit(outcome)
