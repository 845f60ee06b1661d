# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Calls that may need a passphrase: asked for when the engine has no key.

The passphrase goes from the dialog to the call's standard input and is kept
nowhere; the engine's own agent keeps the key, for as long as the user says.
"""

from typing import Callable, Sequence

from PyQt6.QtCore import QObject, Qt, pyqtSignal
from PyQt6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QWidget,
)

from wyng_dom0.applet.engine import Call, Engine, Object, Outcome
from wyng_dom0.applet.problem import AUTHENTICATION
from wyng_dom0.applet.wording import tr

_LETTERS = 50
MINUTES = (0, 10, 60, 480)


class PassphraseDialog(QDialog):
    """One passphrase, and for how long the key is kept at hand."""

    def __init__(
        self,
        archive: str,
        again: bool,
        parent: QWidget,
        *,
        holds: bool = True,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("passphrase")
        self.setWindowTitle(tr("Passphrase"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        said = tr("Passphrase of the archive {0}").format(archive)
        if again:
            said = tr("That did not open it.") + "\n" + said
        label = QLabel(said)
        label.setTextFormat(Qt.TextFormat.PlainText)
        self._field = QLineEdit()
        self._field.setObjectName("passphrase-field")
        self._field.setEchoMode(QLineEdit.EchoMode.Password)
        self._field.setAccessibleName(said)
        letter = self._field.fontMetrics().averageCharWidth()
        self._field.setMinimumWidth(letter * _LETTERS)
        self._minutes = QComboBox()
        self._minutes.setObjectName("keep-minutes")
        for minutes, text in zip(
            MINUTES,
            (
                tr("Ask each time"),
                tr("10 minutes"),
                tr("1 hour"),
                tr("8 hours"),
            ),
            strict=True,
        ):
            self._minutes.addItem(text, minutes)
        self._minutes.setCurrentIndex(1)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok
            | QDialogButtonBox.StandardButton.Cancel
        )
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        form = QFormLayout(self)
        form.addRow(label)
        form.addRow(tr("&Passphrase"), self._field)
        if holds:
            form.addRow(tr("&Keep the key for"), self._minutes)
        form.addRow(buttons)

    def taken(self) -> "tuple[bytes, int]":
        """What was typed, and the minutes; the field is emptied."""
        text = self._field.text()
        self._field.clear()
        return text.encode("utf-8"), int(self._minutes.currentData())


class KeyedCall(QObject):
    """A call that is made again with a passphrase when it lacks the key.

    `said` and `ended` as a Call has them; `ended` comes once, after the
    last try. When the user gives no passphrase it ends as cancelled.
    """

    said = pyqtSignal(dict)
    ended = pyqtSignal(object)

    def __init__(
        self,
        engine: Engine,
        archive: str,
        words: Sequence[str],
        parent: QWidget,
        *,
        holds: bool = True,
    ) -> None:
        """`holds` False is for commands that can't keep the key at hand."""
        super().__init__(parent)
        self._engine, self._archive = engine, archive
        self._holds = holds
        self._words, self._widget = tuple(words), parent
        self._asked = False
        self._current: "Call | None" = None
        self._call(None)

    def terminate(self) -> None:
        """End it in order, where the process is ours to signal."""
        if self._current is not None:
            self._current.terminate()

    def _call(self, secret: "bytes | None", minutes: int = 0) -> None:
        words = self._words
        if secret is not None and minutes and self._holds:
            words = (f"--authmin={minutes}", *words)
        call = self._engine.call(words, secret)
        self._current = call
        call.said.connect(self._pass_on)
        call.ended.connect(self._finish)

    def _pass_on(self, said: Object) -> None:
        if said.get("event") != "error":
            self.said.emit(said)

    def _finish(self, outcome: Outcome) -> None:
        self._current = None
        if outcome.code != AUTHENTICATION:
            self.ended.emit(outcome)
            self.deleteLater()
            return
        dialog = PassphraseDialog(
            self._archive, self._asked, self._widget, holds=self._holds
        )
        self._asked = True
        dialog.accepted.connect(lambda: self._call(*dialog.taken()))
        dialog.rejected.connect(self._give_up)
        dialog.open()

    def _give_up(self) -> None:
        self.ended.emit(
            Outcome(AUTHENTICATION, tr("no passphrase was given"), True)
        )
        self.deleteLater()


def keyed_call(
    engine: Engine,
    archive: str,
    words: Sequence[str],
    parent: QWidget,
    then: Callable[[Outcome], None],
    *,
    holds: bool = True,
) -> KeyedCall:
    """Make a call that may ask for the passphrase of `archive`."""
    call = KeyedCall(engine, archive, words, parent, holds=holds)
    call.ended.connect(then)
    return call
