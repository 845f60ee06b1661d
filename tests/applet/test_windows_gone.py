# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Calls that end when the window that began them is no more."""

import sys
from collections.abc import Iterator

import pytest
from PyQt6 import sip
from PyQt6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from applet.conftest import WAIT
from wyng_dom0.applet import doing
from wyng_dom0.applet.desk import Desk
from wyng_dom0.applet.doing import Doing
from wyng_dom0.applet.engine import Call, Engine, Outcome
from wyng_dom0.applet.running_panel import RunningPanel
from wyng_dom0.applet.wizard import ArchiveWizard

FAILS = "import time; time.sleep(0.2); raise SystemExit(5)"


@pytest.fixture
def desk(qapp: object) -> Iterator[Desk]:
    made = Desk(Engine([sys.executable, "-c", FAILS]))
    yield made
    made.close()


@pytest.fixture
def calls(desk: Desk) -> "list[Call]":
    made: "list[Call]" = []
    desk.engine.called.connect(made.append)
    return made


def end(qtbot: QtBot, call: Call) -> None:
    """Wait for it; an exception of who is told fails the test."""
    qtbot.waitUntil(lambda: call.is_over, timeout=WAIT)


def test_first_backup_that_fails_finds_its_window_closed(
    qtbot: QtBot, desk: Desk, calls: "list[Call]"
) -> None:
    window = QWidget()
    wizard = ArchiveWizard(desk, window)
    wizard.plan.name = "a"
    wizard.end.send_now.setChecked(True)
    wizard.finish()
    send = calls[-1]
    assert send.words[-1] == "send" and not send.is_over
    sip.delete(window)
    end(qtbot, send)


def test_run_that_was_steered_finds_its_panel_gone(
    qtbot: QtBot, desk: Desk, calls: "list[Call]"
) -> None:
    panel = RunningPanel(desk)
    panel.steer("pause", "send-1")
    sip.delete(panel)
    end(qtbot, calls[-1])


def test_late_word_of_a_failure_finds_its_window_gone(
    qtbot: QtBot, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doing, "_LATE_MILLISECONDS", 0)
    window = QWidget()
    Doing(desk, window).finish(Outcome(6, "no"), "It failed", "", "send-1")
    sip.delete(window)
    qtbot.wait(20)
