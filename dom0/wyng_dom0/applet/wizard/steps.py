# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What is done one after the other, each by a call of the engine.

Shows how each step stands. One that fails stops the rest until the user
tries it again or goes on without it.
"""

from dataclasses import dataclass
from typing import Callable, Dict, List, Optional, Sequence

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QFontMetrics
from PyQt6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QVBoxLayout,
    QWidget,
)

from wyng_dom0.applet.asking import Asking
from wyng_dom0.applet.copy_details import CopyDetails
from wyng_dom0.applet.engine import Call, Engine, Object, Outcome
from wyng_dom0.applet.inputs import button
from wyng_dom0.applet.plain_text import plain_label
from wyng_dom0.applet.problem import advice
from wyng_dom0.applet.reading import number_of
from wyng_dom0.applet.wording import shown, tr

Words = "tuple[str, ...]"
WAITING, DOING, DONE, FAILED, LEFT_OUT = range(5)


@dataclass(frozen=True)
class Step:
    """One call. `words` and `secret` are asked for when it is its turn; no
    words at all mean that nothing is left to do.

    `then` gets the outcome of a call that went well, and gives a sentence
    about it, or "". One that is `needed` can't be left out. `hear` gets all
    that the call says.
    """

    name: str
    title: str
    words: Callable[[], "tuple[str, ...]"]
    secret: Callable[[], bytes]
    then: Callable[[Outcome], str] = lambda _: ""
    needed: bool = False
    hear: Callable[[Object], None] = lambda _: None


def signs() -> "Dict[int, str]":
    """A sign and a word for each state: never told by a colour alone."""
    return {
        WAITING: tr("○ to do"),
        DOING: tr("▸ doing"),
        DONE: tr("✓ done"),
        FAILED: tr("✗ failed"),
        LEFT_OUT: tr("– left out"),
    }


class StepList(QWidget):
    """Runs steps; `ended` when none is left, `failed` with each failure."""

    ended = pyqtSignal()
    failed = pyqtSignal(object, object)
    changed = pyqtSignal()

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self._engine = engine
        self._steps: List[Step] = []
        self.states: Dict[str, int] = {}
        # What the run of the last call said at its end.
        self.run_done: Object = {}
        self._signs: Dict[str, QLabel] = {}
        self._said: Dict[str, QLabel] = {}
        self._call: Optional[Call] = None
        self._at = 0
        self._rows = QVBoxLayout()
        self._bar = QProgressBar()
        self._bar.setObjectName("step-progress")
        self._bar.setAccessibleName(tr("Progress of this step"))
        self._problem = plain_label(name="step-problem")
        self._copy = CopyDetails()
        self.retry = button("retry", tr("&Try again"))
        self.skip = button("skip", tr("Go on &without it"))
        self.retry.clicked.connect(self._try_again)
        self.skip.clicked.connect(self._leave_out)
        buttons = QHBoxLayout()
        buttons.addWidget(self.retry)
        buttons.addWidget(self.skip)
        buttons.addStretch()
        buttons.addWidget(self._copy)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(self._rows)
        layout.addWidget(self._bar)
        layout.addWidget(self._problem)
        layout.addLayout(buttons)
        layout.addStretch()
        self._show_no_failure()

    @property
    def runs(self) -> bool:
        """True while a call of a step is out."""
        return self._call is not None

    @property
    def is_over(self) -> bool:
        """True when every step is done or left out."""
        return bool(self._steps) and self._at >= len(self._steps)

    def start(self, steps: Sequence[Step]) -> None:
        """Begin with the first of these."""
        self._steps, self._at = list(steps), 0
        for step in steps:
            self._add_row(step)
        self._next()

    def is_done(self, name: str) -> bool:
        """True when that step went well."""
        return self.states.get(name) == DONE

    def _add_row(self, step: Step) -> None:
        sign = QLabel()
        metrics = QFontMetrics(sign.font())
        widest = max(metrics.horizontalAdvance(s) for s in signs().values())
        sign.setMinimumWidth(widest)
        title = plain_label(step.title, name=f"step-{step.name}")
        said = plain_label(name=f"said-{step.name}")
        said.setVisible(False)
        row = QHBoxLayout()
        row.addWidget(sign, 0, Qt.AlignmentFlag.AlignTop)
        texts = QVBoxLayout()
        texts.addWidget(title)
        texts.addWidget(said)
        row.addLayout(texts, 1)
        self._rows.addLayout(row)
        self._signs[step.name], self._said[step.name] = sign, said
        self._set_state(step, WAITING)

    def _set_state(self, step: Step, state: int) -> None:
        self.states[step.name] = state
        self._signs[step.name].setText(signs()[state])
        self.changed.emit()

    def _next(self) -> None:
        self._show_no_failure()
        if self.is_over:
            self._bar.setVisible(False)
            self.ended.emit()
            return
        step = self._steps[self._at]
        words = step.words()
        if not words:
            self._set_state(step, DONE)
            self._at += 1
            self._next()
            return
        self._set_state(step, DOING)
        self._bar.setRange(0, 0)
        self._bar.setVisible(True)
        self.run_done = {}
        asking = Asking(
            self._engine,
            words,
            self,
            lambda outcome: self._end(step, outcome),
            step.secret() or None,
        )
        self._call = asking.call
        asking.call.said.connect(self._hear)
        self.changed.emit()

    def _hear(self, said: Object) -> None:
        self._steps[self._at].hear(said)
        if said.get("event") == "run-done":
            self.run_done = said
        total = number_of(said, "total_bytes")
        if said.get("event") == "overall" and total:
            self._bar.setRange(0, 1000)
            done = min(number_of(said, "done_bytes"), total)
            self._bar.setValue(done * 1000 // total)

    def _end(self, step: Step, outcome: Outcome) -> None:
        self._call = None
        self._bar.setVisible(False)
        if not outcome.good:
            self._set_state(step, FAILED)
            self._show_failure(step, outcome)
            self.failed.emit(step, outcome)
            return
        text = step.then(outcome)
        self._said[step.name].setText(text)
        self._said[step.name].setVisible(bool(text))
        self._set_state(step, DONE)
        self._at += 1
        self._next()

    def _show_failure(self, step: Step, outcome: Outcome) -> None:
        lines = [f"⚠  {shown(outcome.error)}", advice(outcome)]
        self._problem.setText("\n".join(filter(None, lines)))
        self._problem.setVisible(True)
        self._copy.show_of(outcome)
        self.retry.setVisible(True)
        self.skip.setVisible(not step.needed)
        self.changed.emit()

    def _show_no_failure(self) -> None:
        self._problem.setText("")
        self._copy.show_of(None)
        for each in (self._problem, self.retry, self.skip):
            each.setVisible(False)
        self.changed.emit()

    def _try_again(self) -> None:
        if self._call is None and not self.is_over:
            self._next()

    def _leave_out(self) -> None:
        if self._call is None and not self.is_over:
            self._set_state(self._steps[self._at], LEFT_OUT)
            self._at += 1
            self._next()
