# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Finds and presses what windows have, and sees whether anything came of it."""

from typing import Any, Callable, List, Type, TypeVar

from PyQt6.QtCore import QObject, Qt
from PyQt6.QtGui import QGuiApplication, QImage
from PyQt6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QLabel,
    QLineEdit,
    QWidget,
)
from pytestqt.qtbot import QtBot

from applet.conftest import WAIT
from wyng_dom0.applet import command_lines
from wyng_dom0.applet.engine import Call, Engine

Found = TypeVar("Found", bound=QObject)
# What turns the direction of writing.
TURNS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200f"

# What every call begins with, and those that no deed of a user asks for.
COMMON = ("--json", "--unattended")
BY_ITSELF = (
    command_lines.overview(),
    command_lines.watch(),
    command_lines.requests(),
)


def child(parent: QObject, kind: Type[Found], name: str) -> Found:
    """The one object of that name."""
    found = parent.findChildren(kind, name)
    assert len(found) == 1, (name, found)
    return found[0]


def until(qtbot: QtBot, true: Callable[[], Any]) -> None:
    """Wait, however slow the machine is."""
    qtbot.waitUntil(lambda: bool(true()), timeout=WAIT)


def press(parent: QObject, name: str) -> None:
    """Press the button of that name, which must be possible."""
    button = child(parent, QAbstractButton, name)
    assert button.isEnabled(), name
    button.click()


def write(parent: QObject, name: str, text: str) -> None:
    """Type a text into the field of that name."""
    child(parent, QLineEdit, name).setText(text)


def label(parent: QObject, name: str) -> str:
    """What the label of that name says."""
    return child(parent, QLabel, name).text()


def clipboard() -> str:
    """What was copied."""
    found = QGuiApplication.clipboard()
    assert found is not None
    return found.text()


def clear_clipboard() -> None:
    found = QGuiApplication.clipboard()
    assert found is not None
    found.setText("")


class Watcher:
    """Sees engine calls, windows opened, pictures changed, texts copied.

    The calls that are made by themselves are no effect of anything.
    """

    def __init__(self, engine: Engine, window: QWidget, qtbot: QtBot) -> None:
        self._window, self._qtbot = window, qtbot
        self._calls: List[Call] = []
        engine.called.connect(self._hear)

    def sees(self, act: Callable[[], None]) -> bool:
        """True when the act had an effect; waits for it."""
        clear_clipboard()
        before = self._picture(), len(self._calls), self._open()

        def changed() -> bool:
            now = self._picture(), len(self._calls), self._open()
            return now != before or clipboard() != ""

        act()
        until(self._qtbot, changed)
        return True

    def _hear(self, call: Call) -> None:
        if call.words[len(COMMON) :] not in BY_ITSELF:
            self._calls.append(call)

    def _picture(self) -> QImage:
        return self._window.grab().toImage()

    def _open(self) -> int:
        shown = QApplication.topLevelWidgets()
        return sum(each.isVisible() for each in shown)


def check_plain(window: QWidget, hostile: str) -> None:
    """No label takes a text from outside for more than text."""
    for each in window.findChildren(QLabel):
        text = each.text()
        assert not set(TURNS) & set(text), text
        if hostile in text:
            assert each.textFormat() == Qt.TextFormat.PlainText, text
    assert not set(TURNS) & set(window.windowTitle())


def check_reachable(window: QWidget) -> None:
    """Everything that takes the keyboard has a name and says what it is."""
    kinds = (QAbstractButton, QLineEdit)
    for each in window.findChildren(QWidget):
        if each.focusPolicy() == Qt.FocusPolicy.NoFocus:
            continue
        if not isinstance(each, kinds) or each.objectName().startswith("qt_"):
            continue
        says = each.accessibleName()
        if isinstance(each, QAbstractButton):
            says = says or each.text() or each.toolTip()
        assert says, each.objectName() or each
        assert each.objectName(), says
