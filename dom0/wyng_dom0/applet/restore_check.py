# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Asks the engine what a restore would do, while it is still being chosen.

Owns when that is asked: not at each letter, and one question at a time.
"""

from typing import Any, Mapping, Optional, Tuple

from PyQt6.QtCore import QObject, QTimer, pyqtSignal

from wyng_dom0.applet import command_lines
from wyng_dom0.applet.engine import Engine, Outcome
from wyng_dom0.applet.problem import AUTHENTICATION
from wyng_dom0.applet.reading import (
    maybe_number,
    number_of,
    rows_of,
    text_of,
    texts_of,
)
from wyng_dom0.applet.restore_plan import NEW_FOLDER, TO_FILE, RestoreChoice
from wyng_dom0.applet.wording import shown, size, tr

_SETTLE_MILLISECONDS = 400


class RestoreCheck(QObject):
    """`answered` gives what was found of the newest choice: a sentence about
    room and loss, and what stands against it, "" for nothing."""

    answered = pyqtSignal(str, str)

    def __init__(self, engine: Engine, parent: QObject) -> None:
        super().__init__(parent)
        self._engine = engine
        self._wanted: Optional[RestoreChoice] = None
        self._asked: Optional[RestoreChoice] = None
        self._answer: Optional[Tuple[str, str]] = None
        self._busy = False
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_SETTLE_MILLISECONDS)
        self._soon.timeout.connect(self._ask)

    def look(self, choice: RestoreChoice) -> None:
        """Ask about this choice, when it has settled.

        Only qubes are asked for: of a file all is known without.
        """
        meant = choice.asked()
        if not choice.subject.is_qube or choice.way in (TO_FILE, NEW_FOLDER):
            self.stop()
        elif meant is not None and meant != self._wanted:
            self._wanted, self._answer = meant, None
            self._soon.start()
        elif meant is not None and self._answer is not None:
            self.answered.emit(*self._answer)

    def stop(self) -> None:
        """Ask nothing more, and heed no answer that is on its way."""
        self._soon.stop()
        self._wanted = None

    def _ask(self) -> None:
        if self._busy or self._wanted is None:
            return
        self._busy, self._asked = True, self._wanted
        # With no key at hand nobody is asked for one: what is known stays.
        call = self._engine.call(command_lines.dry_run(self._wanted.words()))
        call.ended.connect(self._take)

    def _take(self, outcome: Outcome) -> None:
        self._busy = False
        if self._asked != self._wanted:
            self._soon.start()
            return
        if outcome.good:
            self._answer = plan_text(outcome.report("receive-plan")), ""
        elif outcome.code != AUTHENTICATION and not outcome.cancelled:
            self._answer = "", shown(outcome.error)
        if self._answer is not None:
            self.answered.emit(*self._answer)


def plan_text(report: Mapping[str, Any]) -> str:
    """What a restore of a qube needs and costs, in a few sentences."""
    said = [_need_text(row) for row in rows_of(report, "needs")]
    lost = [shown(each) for each in texts_of(report, "lost")]
    if lost:
        said.append(
            tr(
                "What it holds now in {0} WILL BE LOST: no revision is kept."
            ).format(", ".join(lost))
        )
    elif report.get("exists") is True and rows_of(report, "needs"):
        said.append(tr("What it holds now stays as a revision."))
    return "\n".join(said)


def _need_text(row: Mapping[str, Any]) -> str:
    needed, pool = size(number_of(row, "bytes")), shown(text_of(row, "pool"))
    free = maybe_number(row, "free")
    if free is None:
        return tr("Needs {0} in the pool {1}.").format(needed, pool)
    return tr("Needs {0} in the pool {1}, of {2} free.").format(
        needed, pool, size(free)
    )
