# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Presses what a user would press in a wizard, and waits as one would."""

from typing import Callable, Type, TypeVar

from PyQt6 import sip
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import (
    QAbstractButton,
    QLabel,
    QLineEdit,
    QMessageBox,
    QWidget,
)
from pytestqt.qtbot import QtBot

from applet.conftest import WAIT
from wyng_dom0.applet.wizard.archive_wizard import ArchiveWizard
from wyng_dom0.applet.wizard.assistant import Assistant, Page

Kind = TypeVar("Kind", bound=QWidget)


class Hand:
    """Finds by object names, so that what is renamed is noticed."""

    def __init__(self, qtbot: QtBot, window: QWidget) -> None:
        self.qtbot, self.window = qtbot, window
        window.show()

    def find(self, name: str, kind: Type[Kind]) -> Kind:
        found = self.window.findChild(kind, name)
        assert isinstance(found, kind), name
        return found

    def type(self, name: str, text: str) -> None:
        self.find(name, QLineEdit).setText(text)

    def press(self, name: str) -> None:
        button = self.find(name, QAbstractButton)
        assert button.isEnabled(), name
        self.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    def tick(self, name: str) -> None:
        """Radio buttons and boxes: a click far from the mark may miss it."""
        self.find(name, QAbstractButton).click()

    def text(self, name: str) -> str:
        return self.find(name, QLabel).text()

    def is_gone(self) -> bool:
        """True when the window was closed: it is deleted then."""
        return bool(sip.isdeleted(self.window))

    def until(self, condition: Callable[[], bool]) -> None:
        self.qtbot.waitUntil(condition, timeout=WAIT)


class WizardHand(Hand):
    """The same for a wizard and its pages."""

    def __init__(self, qtbot: QtBot, wizard: Assistant) -> None:
        super().__init__(qtbot, wizard)
        self.wizard = wizard

    @property
    def page(self) -> Page:
        return self.wizard.page

    def fault(self) -> str:
        """The sentence above the buttons, "" when there is none."""
        label = self.find("problem-text", QLabel)
        return label.text() if not label.isHidden() else ""

    def on(self, name: str) -> None:
        """Press Next; the next page must be this one."""
        before = self.page
        assert self.wizard.next_button.isEnabled(), before.objectName()
        self.press("next")
        self.until(lambda: self.page is not before or bool(self.fault()))
        assert self.page.objectName() == name, self.fault()

    def refused(self) -> str:
        """Press Next; the page must stay. Why it does."""
        before = self.page
        self.press("next")
        self.until(lambda: bool(self.fault()))
        assert self.page is before
        return self.fault()

    def box(self) -> QMessageBox:
        """The question that is open."""
        found = self.window.findChild(QMessageBox, "already-true")
        assert isinstance(found, QMessageBox)
        return found


def go_to_passphrase(
    hand: WizardHand, wizard: ArchiveWizard, dest: str, images: str
) -> None:
    """Fill in the first two pages."""
    hand.tick("kind-internal")
    hand.type("directory", dest)
    hand.on("page-what")
    hand.type("source", images)
    hand.press("look")
    hand.until(lambda: bool(wizard.what.choice.volumes))
    hand.on("page-passphrase")


def prove_paper(hand: WizardHand, wizard: ArchiveWizard) -> str:
    """Take the generated passphrase and type it back; the passphrase."""
    passphrase = wizard.passphrase.generated
    hand.on("page-proof")
    words = passphrase.split()
    for number in wizard.proof.asked:
        hand.type(f"word-{number + 1}", words[number])
    hand.on("page-schedule")
    return passphrase


def without_a_timer(hand: WizardHand) -> None:
    """Timers are root's and systemd's: no test sets any."""
    assert hand.find("every-off", QAbstractButton).isChecked()
    hand.on("page-keep")
