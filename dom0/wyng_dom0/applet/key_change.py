# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A passphrase is changed: the new one is chosen, the old one asked for.

Both go to the engine on standard input and are kept nowhere.
"""

from typing import Optional

from PyQt6.QtCore import QObject, pyqtSignal
from PyQt6.QtWidgets import QWidget

from wyng_dom0.applet import setup_lines
from wyng_dom0.applet.engine import Engine, Outcome
from wyng_dom0.applet.problem import AUTHENTICATION
from wyng_dom0.applet.unlocking import PassphraseDialog
from wyng_dom0.applet.wizard.assistant import Assistant
from wyng_dom0.applet.wizard.passphrase_pages import PassphrasePage, ProofPage
from wyng_dom0.applet.wizard.plan import Plan
from wyng_dom0.applet.wording import tr


class NewPassphrase(Assistant):
    """Chooses one, as the wizard does; `plan.secret` has it when accepted."""

    def __init__(self, parent: Optional[QWidget]) -> None:
        super().__init__("new-passphrase", tr("A new passphrase"), parent)
        self.plan = Plan()
        self.choice = PassphrasePage(self.plan)
        self.proof = ProofPage(self.plan, self.choice)
        self.add_page(self.choice)
        self.add_page(self.proof)
        self.start()


class PassphraseChange(QObject):
    """`begun` when the engine is called, `ended` with its Outcome; neither
    when the user chose none."""

    begun = pyqtSignal()
    ended = pyqtSignal(object)

    def __init__(
        self, engine: Engine, archive: str, slot: int, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self._engine, self._archive, self._widget = engine, archive, parent
        self._words = setup_lines.change_passphrase(archive, slot)
        self._new = b""
        self._asked = False

    def start(self) -> None:
        """Ask for the new one."""
        dialog = NewPassphrase(self._widget.window())
        dialog.accepted.connect(lambda: self._begin(dialog))
        dialog.open()

    def _begin(self, dialog: NewPassphrase) -> None:
        self._new = dialog.plan.secret
        dialog.plan.forget_secret()
        self.begun.emit()
        # The engine reads one line where it has the key, two where it must
        # be opened. With the new one alone nothing can be mistaken: where it
        # is taken for the old one it opens nothing.
        self._call(self._words, self._new)

    def _call(self, words: "tuple[str, ...]", secret: bytes) -> None:
        self._engine.call(words, secret).ended.connect(self._take)

    def _take(self, outcome: Outcome) -> None:
        if outcome.code != AUTHENTICATION:
            self._end(outcome)
            return
        dialog = PassphraseDialog(
            self._archive, self._asked, self._widget, holds=False
        )
        self._asked = True
        dialog.accepted.connect(lambda: self._again(dialog))
        dialog.rejected.connect(
            lambda: self._end(
                Outcome(AUTHENTICATION, tr("no passphrase was given"), True)
            )
        )
        dialog.open()

    def _again(self, dialog: PassphraseDialog) -> None:
        old, _ = dialog.taken()
        # Whatever holds a key by now is let go: two lines are read.
        words = ("--authmin=-1", *self._words)
        self._call(words, old + b"\n" + self._new)

    def _end(self, outcome: Outcome) -> None:
        self._new = b""
        self.ended.emit(outcome)
        self.deleteLater()
