# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The details of a failure for whoever is asked about it: "copy details"."""

from typing import Optional

from PyQt6.QtGui import QGuiApplication
from PyQt6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from wyng_dom0.applet.engine import Outcome
from wyng_dom0.applet.plain_text import plain_label
from wyng_dom0.applet.wording import shown, tr

_LINE_MAX = 4000


def details_of(outcome: Outcome) -> str:
    """All that is known, line by line: it may be pasted into a terminal."""
    lines = outcome.details.split("\n")
    return "\n".join(shown(line, _LINE_MAX) for line in lines)


class CopyDetails(QPushButton):
    """Puts the details on the clipboard; hidden while nothing failed."""

    def __init__(self) -> None:
        super().__init__(tr("Copy &details"))
        self.setObjectName("copy-details")
        self.setAutoDefault(False)
        self._details = ""
        self.clicked.connect(self.copy)
        self.setVisible(False)

    def show_of(self, outcome: Optional[Outcome]) -> None:
        """Offer those of a failure; None is none."""
        self._details = details_of(outcome) if outcome is not None else ""
        self.setVisible(bool(self._details))

    def copy(self) -> None:
        """What a click does."""
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(self._details)


class SaidLine(QWidget):
    """A sentence in plain text; with its details where it is a failure."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._label = plain_label(name=name)
        self._copy = CopyDetails()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._label, 1)
        row.addWidget(self._copy)

    def text(self) -> str:
        """What stands there."""
        return self._label.text()

    def setText(self, text: str) -> None:
        """Say something that is no failure."""
        self._label.setText(text)
        self._copy.show_of(None)

    def show_failure(self, outcome: Outcome) -> None:
        """Say what went wrong."""
        self._label.setText("⚠  " + shown(outcome.error))
        self._copy.show_of(outcome)
