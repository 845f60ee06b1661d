# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What runs now, whoever started it, and how the last ones ended.

A run that is over stays until it is dismissed, or until the same goes well
again.
"""

from typing import Dict, Optional, Set

from PyQt6.QtCore import QSize, Qt, QTimer, pyqtSignal
from PyQt6.QtWidgets import QFrame, QLabel, QScrollArea, QVBoxLayout, QWidget

from wyng_dom0.applet import command_lines
from wyng_dom0.applet.asking import Asking
from wyng_dom0.applet.desk import Desk
from wyng_dom0.applet.engine import Outcome
from wyng_dom0.applet.problem import NOT_FOUND, show_problem
from wyng_dom0.applet.run_card import RunCard
from wyng_dom0.applet.runs import DONE, Run
from wyng_dom0.applet.wording import tr

_SETTLE_MILLISECONDS = 200
# They come every some minutes and tell nothing when all is well.
_QUIET = ("monitor",)


class RunningPanel(QWidget):
    """A card for each run; `became_busy` says that a new one is there."""

    became_busy = pyqtSignal()

    def __init__(self, desk: Desk, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self.setObjectName("running")
        self._desk = desk
        self._cards: Dict[str, RunCard] = {}
        self._gone: Set[str] = set()
        self._none = QLabel(tr("Nothing is running."))
        self._none.setTextFormat(Qt.TextFormat.PlainText)
        self._none.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._none.setEnabled(False)
        inside = QWidget()
        self._column = QVBoxLayout(inside)
        self._column.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.addWidget(self._none)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidget(inside)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(area)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_SETTLE_MILLISECONDS)
        self._soon.timeout.connect(self.show_runs)
        desk.runs_changed.connect(self._settle)
        self.show_runs()

    def sizeHint(self) -> QSize:
        """See Qt: room for one run with some of its volumes."""
        letters = self.fontMetrics()
        return QSize(letters.averageCharWidth() * 80, letters.height() * 16)

    def cards(self) -> "list[RunCard]":
        """The cards that are shown, in order."""
        return list(self._cards.values())

    def show_runs(self) -> None:
        """Show the runs as the desk knows them."""
        wanted = self._wanted()
        for name in [each for each in self._cards if each not in wanted]:
            card = self._cards.pop(name)
            self._column.removeWidget(card)
            card.deleteLater()
        fresh = False
        for name, run in wanted.items():
            if name in self._cards:
                self._cards[name].show_run(run)
            else:
                self._add(run)
                fresh = fresh or not run.is_over
        self._none.setVisible(not self._cards)
        if fresh:
            self.became_busy.emit()

    def _wanted(self) -> Dict[str, Run]:
        """The runs to show: live ones, and ends that nobody dismissed."""
        runs = self._desk.runs
        self._gone &= set(runs)
        latest = {
            (run.command, run.archive): name for name, run in runs.items()
        }
        return {
            name: run
            for name, run in runs.items()
            if name not in self._gone
            and not (run.state == DONE and run.command in _QUIET)
            and not (run.is_over and latest[run.command, run.archive] != name)
        }

    def _add(self, run: Run) -> None:
        card = RunCard(run, self)
        card.setFrameShape(QFrame.Shape.StyledPanel)
        card.steered.connect(self.steer)
        card.dismissed.connect(self._dismiss)
        self._cards[run.name] = card
        self._column.insertWidget(0, card)

    def steer(self, verb: str, run: str) -> None:
        """Ask a run to pause, resume or cancel."""
        Asking(
            self._desk.engine,
            command_lines.steer(verb, run),
            self,
            lambda outcome: self._steered(outcome, run),
        )

    def _steered(self, outcome: Outcome, run: str) -> None:
        if outcome.good:
            return
        card = self._cards.get(run)
        if card is not None:
            card.refuse()
        # It was over before it could hear.
        if outcome.code != NOT_FOUND:
            show_problem(outcome, tr("The run could not be steered"), self)

    def _dismiss(self, name: str) -> None:
        self._gone.add(name)
        self.show_runs()

    def _settle(self) -> None:
        if not self._soon.isActive():
            self._soon.start()
