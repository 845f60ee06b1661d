# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""One call that takes its time: what it does, how far it is, and a cancel.

Owns the call while it is shown; the run itself goes on when this is closed,
and the main window shows it.
"""

import time
from typing import Dict, List, Optional

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import (
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from wyng_dom0.applet import command_lines
from wyng_dom0.applet.command_lines import Words
from wyng_dom0.applet.engine import Engine, Object, Outcome
from wyng_dom0.applet.plain_text import plain_label
from wyng_dom0.applet.problem import show_problem
from wyng_dom0.applet.reading import text_of
from wyng_dom0.applet.runs import Run, folded
from wyng_dom0.applet.unlocking import KeyedCall
from wyng_dom0.applet.wording import duration, rate, shown, size, tr

_STEPS = 1000


class CallStrip(QWidget):
    """`start` makes a call; `ended` gives its Outcome, once.

    `notices` is what the call told besides.
    """

    ended = pyqtSignal(object)

    def __init__(
        self, engine: Engine, archive: str, parent: Optional[QWidget] = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("call-strip")
        self._engine, self._archive = engine, archive
        self._call: Optional[KeyedCall] = None
        self.run_name = ""
        self._cancelling = False
        self._runs: Dict[str, Run] = {}
        self.notices: List[str] = []
        self._doing = plain_label(name="doing")
        self._far = plain_label(name="how-far")
        self._bar = QProgressBar()
        self._bar.setObjectName("progress")
        self._bar.setAccessibleName(tr("Progress"))
        self._cancel = QPushButton(tr("&Cancel"))
        self._cancel.setObjectName("cancel-run")
        self._cancel.setAutoDefault(False)
        self._cancel.clicked.connect(self.cancel)
        beside = QHBoxLayout()
        beside.addWidget(self._bar, 1)
        beside.addWidget(self._cancel)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._doing)
        column.addLayout(beside)
        column.addWidget(self._far)

    @property
    def is_running(self) -> bool:
        """True until `ended` was said."""
        return self._call is not None

    def start(self, words: Words, doing: str) -> None:
        """Make a call; `doing` says what it does, in plain text."""
        assert self._call is None
        self.run_name, self._cancelling = "", False
        self._runs, self.notices = {}, []
        self._doing.setText(doing)
        self._far.setText("")
        self._bar.setRange(0, 0)
        self._cancel.setEnabled(True)
        self._call = KeyedCall(self._engine, self._archive, words, self)
        self._call.said.connect(self._hear)
        self._call.ended.connect(self._finish)

    def cancel(self) -> None:
        """End it in order; `ended` says how that went."""
        if self._call is None:
            return
        self._cancelling = True
        self._cancel.setEnabled(False)
        self._far.setText(tr("Cancelling…"))
        if self.run_name:
            self._steer()
        else:
            # Before it has a name; it may be root's, so ask later, too.
            self._call.terminate()

    def _steer(self) -> None:
        words = command_lines.steer("cancel", self.run_name)
        call = self._engine.call(words)
        call.ended.connect(self._take_steered)

    def _take_steered(self, outcome: Outcome) -> None:
        if not outcome.good and self.is_running:
            self._cancel.setEnabled(True)
            show_problem(outcome, tr("It can't be cancelled"), self)

    def _hear(self, said: Object) -> None:
        event = text_of(said, "event")
        if event == "run-started":
            self.run_name = text_of(said, "run")
            if self._cancelling and self.run_name:
                self._steer()
        if event in ("notice", "warning"):
            self.notices.append(text_of(said, "text"))
        run = folded(self._runs, {**said, "run": "it"}, time.monotonic())
        self._runs["it"] = run
        if not self._cancelling:
            self._show(run)

    def _show(self, run: Run) -> None:
        part = run.part
        if part is None:
            self._bar.setRange(0, 0)
            return
        self._bar.setRange(0, _STEPS)
        self._bar.setValue(int(part * _STEPS))
        text = tr("{0} of {1}").format(
            size(run.done_bytes), size(run.total_bytes)
        )
        left = run.seconds_left
        if left is not None:
            text = tr("{0}, {1}, {2} left").format(
                text, rate(run.rate), duration(left)
            )
        names = [n for n, v in run.volumes.items() if v.state == "running"]
        if len(run.volumes) > 1 and names:
            text = tr("{0}: {1}").format(shown(names[0], 60), text)
        self._far.setText(text)

    def _finish(self, outcome: Outcome) -> None:
        self._call = None
        self._cancel.setEnabled(False)
        self._bar.setRange(0, _STEPS)
        self._bar.setValue(_STEPS if outcome.good else 0)
        self.ended.emit(outcome)
