# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A failure as people are told of it: what, what to do, and the details.

All text is plain text: names in it come from volumes and archives.
"""

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QMessageBox, QWidget

from wyng_dom0.applet.copy_details import CopyDetails
from wyng_dom0.applet.engine import NOT_STARTED, Outcome
from wyng_dom0.applet.wording import shown, tr

# The engine's exit codes, as doc/interfaces.md and the manual page tell them.
AUTHENTICATION, INTEGRITY, DESTINATION, NOT_FOUND = 3, 4, 5, 6


def advice(outcome: Outcome) -> str:
    """What the user can do about it; "" where only the sentence helps."""
    return {
        NOT_STARTED: tr("Is the package qvm-wyng-dom0 installed whole?"),
        AUTHENTICATION: tr("Type the passphrase again."),
        INTEGRITY: tr(
            "Nothing was restored from what is damaged. Check the archive:"
            " it names the sessions that are hurt."
        ),
        DESTINATION: tr(
            "See that the place of the archive is there, connected and not"
            " full; then do the same again. What was sent stays."
        ),
        NOT_FOUND: tr("Refresh: it may have been removed meanwhile."),
    }.get(outcome.code, "")


class ProblemBox(QMessageBox):
    """A failure, with "copy details"; opened and not waited for."""

    def __init__(self, outcome: Outcome, what: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("problem")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setIcon(QMessageBox.Icon.Warning)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWindowTitle(what)
        self.setText(f"{what}:\n{shown(outcome.error)}")
        self.setInformativeText(advice(outcome))
        self.addButton(QMessageBox.StandardButton.Close)
        copy = CopyDetails()
        self.addButton(copy, QMessageBox.ButtonRole.HelpRole)
        copy.show_of(outcome)
        # A button of a message box closes it, unless it is told not to.
        copy.clicked.disconnect()
        copy.clicked.connect(copy.copy)


def show_problem(outcome: Outcome, what: str, parent: QWidget) -> ProblemBox:
    """Show what failed, unless the user ended it; the box."""
    box = ProblemBox(outcome, what, parent)
    if not outcome.cancelled:
        box.open()
    return box
