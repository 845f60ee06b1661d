# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A recovery sheet of an archive that is there: gathered, then shown."""

from datetime import datetime
from typing import Optional, Tuple

from PyQt6.QtCore import QObject, Qt, pyqtSignal
from PyQt6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QVBoxLayout,
    QWidget,
)

from wyng_dom0.applet import setup_lines
from wyng_dom0.applet.desk import Desk
from wyng_dom0.applet.engine import Outcome
from wyng_dom0.applet.plain_text import plain_label
from wyng_dom0.applet.problem import show_problem
from wyng_dom0.applet.reading import texts_of
from wyng_dom0.applet.recovery_sheet import Sheet
from wyng_dom0.applet.sheet_facts import facts_in, slots_in
from wyng_dom0.applet.sheet_view import SheetView
from wyng_dom0.applet.wording import tr

_WIDTH_LETTERS, _HEIGHT_LINES = 100, 38


class SheetMaking(QObject):
    """Asks the engine for its sheet, and shows ours with `code` on it.

    `done` when that was tried.
    """

    done = pyqtSignal()

    def __init__(
        self,
        desk: Desk,
        archive: str,
        code: Tuple[str, ...],
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self._desk, self._archive = desk, archive
        self._code, self._widget = code, parent

    def start(self) -> None:
        """Needs no key."""
        words = setup_lines.recovery_sheet(self._archive)
        self._desk.engine.call(words).ended.connect(self._take)

    def _take(self, outcome: Outcome) -> None:
        lines = texts_of(outcome.report("sheet"), "sheet")
        facts = facts_in(lines)
        sheet = Sheet(
            self._archive,
            facts.get("destination", ""),
            facts.get("archive id", ""),
            facts.get("head code", ""),
            self._code,
            datetime.now().astimezone(),
            slots_in(lines),
        )
        # A code that was made must be seen, whatever else is missing.
        if outcome.good or self._code:
            SheetDialog(sheet, self._widget.window()).open()
        if not outcome.good:
            show_problem(outcome, tr("The sheet is not whole"), self._widget)
        self.done.emit()
        self.deleteLater()


class SheetDialog(QDialog):
    """The sheet, to print and save; with a code on it, it asks once more."""

    def __init__(self, sheet: Sheet, parent: Optional[QWidget]) -> None:
        super().__init__(parent)
        self.setObjectName("sheet-dialog")
        self.setWindowTitle(tr("Recovery sheet"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.view = SheetView()
        self.view.show_sheet(sheet)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        if sheet.code:
            layout.addWidget(
                plain_label(
                    tr(
                        "The recovery code is shown only now: print, save or"
                        " copy it by hand before you close this."
                    ),
                    name="shown-once",
                )
            )
        layout.addWidget(self.view, 1)
        layout.addWidget(buttons)
        metrics = self.fontMetrics()
        self.resize(
            metrics.averageCharWidth() * _WIDTH_LETTERS,
            metrics.height() * _HEIGHT_LINES,
        )
        self.finished.connect(self.view.forget)
