# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Failures: told on plain lines, with their details to copy."""

import json
import sys
from collections.abc import Iterator

import pytest
from PyQt6.QtGui import QGuiApplication
from PyQt6.QtWidgets import QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from applet.conftest import WAIT
from wyng_dom0.applet.desk import Desk
from wyng_dom0.applet.engine import Engine, Outcome
from wyng_dom0.applet.problem import ProblemBox
from wyng_dom0.applet.settings_keep import KeepTab
from wyng_dom0.applet.settings_keys import KeysTab
from wyng_dom0.applet.settings_limits import LimitsTab
from wyng_dom0.applet.settings_schedule import ScheduleTab
from wyng_dom0.applet.settings_tab import SettingsTab
from wyng_dom0.applet.wizard.steps import Step, StepList

ERROR = "no \x1b[31mroom\u202e\nthere"
FAILS = (
    "import json, sys\n"
    f"print(json.dumps({{'event': 'error', 'text': {ERROR!r}}}))\n"
    "sys.exit('what \\x1b[0mstderr said') if sys.argv[-1] else 0"
)
SAID = r"no \x1b[31mroom\u202e\nthere"


@pytest.fixture
def desk(qapp: object) -> Iterator[Desk]:
    """Over an engine that always fails."""
    made = Desk(Engine([sys.executable, "-c", FAILS]))
    yield made
    made.close()


def copied(window: QWidget) -> str:
    """What "copy details" gives."""
    button = window.findChild(QPushButton, "copy-details")
    clipboard = QGuiApplication.clipboard()
    assert button is not None and not button.isHidden() and clipboard
    clipboard.clear()
    button.click()
    return clipboard.text()


def offers(window: QWidget) -> bool:
    button = window.findChild(QPushButton, "copy-details")
    assert button is not None
    return not button.isHidden()


def test_box_shows_and_copies_no_control_character(window: QWidget) -> None:
    outcome = Outcome(5, ERROR, details=f"qvm-wyng x\n{ERROR}")
    box = ProblemBox(outcome, "It failed", window)
    assert box.text() == f"It failed:\n{SAID}"
    assert copied(box) == "qvm-wyng x\nno \\x1b[31mroom\\u202e\nthere"
    assert json.dumps(copied(box)).count("u001b") == 0


def test_failed_step_of_a_wizard_has_its_details(
    qtbot: QtBot, desk: Desk
) -> None:
    steps = StepList(desk.engine)
    qtbot.addWidget(steps)
    assert not offers(steps)
    step = Step("x", "X", lambda: ("x-command",), lambda: b"")
    with qtbot.waitSignal(steps.failed, timeout=WAIT):
        steps.start([step])
    label = steps.findChild(QLabel, "step-problem")
    assert label is not None and SAID in label.text()
    assert "x-command" in copied(steps) and r"\x1b[0mstderr" in copied(steps)
    steps.skip.click()
    assert not offers(steps)


@pytest.mark.parametrize("kind", [KeepTab, KeysTab, LimitsTab, ScheduleTab])
def test_settings_that_cant_be_loaded_have_their_details(
    qtbot: QtBot, desk: Desk, kind: "type[SettingsTab]"
) -> None:
    tab = kind(desk)
    qtbot.addWidget(tab)
    assert not offers(tab)
    tab.show_archive("a")
    qtbot.waitUntil(lambda: SAID in tab.said.text(), timeout=WAIT)
    assert "--archive=a" in copied(tab)
    tab.said.setText("")
    assert not offers(tab)
