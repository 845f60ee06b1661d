# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The passphrase of a new archive: a generated one, or an own one.

It is shown, and typed back in part, on two pages: what was not written down
is found out while nothing is lost. It goes nowhere but into the plan.
"""

import secrets
from typing import List, Tuple

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QFontDatabase
from PyQt6.QtWidgets import (
    QCheckBox,
    QFormLayout,
    QFrame,
    QGridLayout,
    QLineEdit,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from wyng_dom0.applet.inputs import button, hidden_edit, secret_of
from wyng_dom0.applet.plain_text import plain_label
from wyng_dom0.applet.strength import StrengthBar, is_enough
from wyng_dom0.applet.wizard.assistant import Go, Page, Stay
from wyng_dom0.applet.wizard.plan import Plan
from wyng_dom0.applet.wording import tr
from wyng_dom0.passphrases import generate_passphrase

ASKED_WORDS = 3
_COLUMNS = 4


class PassphrasePage(Page):
    """Generated (seven words) or own (with its strength)."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(
            "page-passphrase",
            tr("Passphrase"),
            tr(
                "It opens the backups. Without it, or the recovery code that"
                " comes later, nobody can restore anything, you included."
            ),
        )
        self._plan = plan
        self.generated = generate_passphrase()
        self.take = QRadioButton(tr("&Take this one, and write it down now"))
        self.take.setObjectName("take-generated")
        self.own = QRadioButton(tr("&My own:"))
        self.own.setObjectName("own-passphrase")
        self._words = _WordGrid()
        self._another = button("another", tr("&Another one"))
        self._another.clicked.connect(self._generate)
        layout = QVBoxLayout(self)
        layout.addWidget(self.take)
        layout.addWidget(self._words)
        layout.addWidget(self._another, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addSpacing(self.fontMetrics().height())
        layout.addWidget(self.own)
        layout.addWidget(self._own_form())
        layout.addStretch()
        self.take.setChecked(True)
        self.own.toggled.connect(self._switch)
        self._words.show_words(self.generated)
        self._switch(False)

    @property
    def is_own(self) -> bool:
        """True when the user typed one."""
        return self.own.isChecked()

    def is_complete(self) -> bool:
        """A generated one, or an own one twice and with open eyes."""
        if not self.is_own:
            return True
        typed = self._first.text()
        if not typed or typed != self._second.text():
            return False
        return is_enough(typed) or self._all_the_same.isChecked()

    def leave(self, go: Go, stay: Stay) -> None:
        """Keep it in the plan."""
        generated = self.generated.encode("ascii")
        self._plan.secret = secret_of(self._first) if self.is_own else generated
        go()

    def forget(self) -> None:
        """Take it out of the fields."""
        self.generated = ""
        self._words.show_words("")
        for each in (self._first, self._second):
            each.clear()

    def _own_form(self) -> QWidget:
        self._body = QWidget()
        self._first = hidden_edit("own-first", tr("Passphrase"))
        self._second = hidden_edit("own-second", tr("Once more"))
        self._strength = StrengthBar()
        self._same = plain_label(name="own-differ")
        self._all_the_same = QCheckBox(
            tr("Take it &all the same: the place of the archive is safe")
        )
        self._all_the_same.setObjectName("take-weak")
        form = QFormLayout(self._body)
        form.addRow(tr("&Passphrase:"), self._first)
        form.addRow(self._strength)
        form.addRow(tr("&Once more:"), self._second)
        form.addRow(self._same)
        form.addRow(self._all_the_same)
        self._first.textChanged.connect(self._typed)
        self._second.textChanged.connect(self._typed)
        self._all_the_same.toggled.connect(self.changed)
        self._typed("")
        return self._body

    def _generate(self) -> None:
        self.generated = generate_passphrase()
        self._words.show_words(self.generated)
        self.changed.emit()

    def _switch(self, own: bool) -> None:
        self._body.setEnabled(own)
        self._another.setEnabled(not own)
        self._words.setEnabled(not own)
        if own:
            self._first.setFocus()
        self.changed.emit()

    def _typed(self, _: str) -> None:
        typed, again = self._first.text(), self._second.text()
        self._strength.show_of(typed)
        differs = bool(again) and typed != again
        self._same.setText(tr("⚠  They differ.") if differs else "")
        self._all_the_same.setVisible(bool(typed) and not is_enough(typed))
        self.changed.emit()


class ProofPage(Page):
    """Some words of the generated passphrase, from the paper."""

    def __init__(self, plan: Plan, first: PassphrasePage) -> None:
        super().__init__(
            "page-proof",
            tr("Written down"),
            tr(
                "Type these words from your paper, to be sure that it holds"
                " them all. Go back to see them again."
            ),
        )
        self._plan, self._first = plan, first
        self._asked: Tuple[int, ...] = ()
        self._asked_of = ""
        self.edits: List[QLineEdit] = []
        self._form = QFormLayout()
        layout = QVBoxLayout(self)
        layout.addLayout(self._form)
        layout.addStretch()

    @property
    def asked(self) -> Tuple[int, ...]:
        """The numbers of the words, from 0."""
        return self._asked

    def is_wanted(self) -> bool:
        """An own one was typed twice already."""
        return not self._first.is_own

    def enter(self) -> None:
        """Ask for other words when it is another passphrase."""
        if self._asked_of != self._first.generated:
            self._ask()
        for edit in self.edits:
            edit.clear()

    def is_complete(self) -> bool:
        """Something stands everywhere."""
        return bool(self.edits) and all(e.text().strip() for e in self.edits)

    def leave(self, go: Go, stay: Stay) -> None:
        """All of them must be right."""
        words = self._first.generated.split()
        wrong = [
            number
            for number, edit in zip(self._asked, self.edits, strict=True)
            if edit.text().strip().lower() != words[number]
        ]
        if wrong:
            self.edits[self._asked.index(wrong[0])].setFocus()
            stay(tr("Word {0} is another one.").format(wrong[0] + 1))
        else:
            go()

    def forget(self) -> None:
        """Take them out of the fields."""
        self._asked_of = ""
        for edit in self.edits:
            edit.clear()

    def _ask(self) -> None:
        while self._form.rowCount():
            self._form.removeRow(0)
        self._asked_of = self._first.generated
        count = len(self._asked_of.split())
        drawn = secrets.SystemRandom().sample(range(count), ASKED_WORDS)
        self._asked = tuple(sorted(drawn))
        self.edits = []
        for number in self._asked:
            label = tr("Word {0}:").format(number + 1)
            edit = QLineEdit()
            edit.setObjectName(f"word-{number + 1}")
            edit.setAccessibleName(label)
            edit.textChanged.connect(lambda _: self.changed.emit())
            self.edits.append(edit)
            self._form.addRow(label, edit)


class _WordGrid(QFrame):
    """Numbered words, large enough to copy."""

    def __init__(self) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self._grid = QGridLayout(self)
        self._grid.setHorizontalSpacing(self.fontMetrics().height() * 2)

    def show_words(self, passphrase: str) -> None:
        """These, and no others."""
        while (item := self._grid.takeAt(0)) is not None:
            old = item.widget()
            if old is not None:
                old.hide()
                old.deleteLater()
        font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        font.setPointSizeF(font.pointSizeF() * 1.3)
        for number, word in enumerate(passphrase.split()):
            label = plain_label(
                f"{number + 1}  {word}", name=f"shown-{number + 1}"
            )
            label.setWordWrap(False)
            label.setFont(font)
            self._grid.addWidget(label, number // _COLUMNS, number % _COLUMNS)
