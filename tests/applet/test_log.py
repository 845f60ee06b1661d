# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The log of calls: bounded, plain, copied whole, and without secrets."""

import sys
from datetime import datetime

import pytest
from PyQt6.QtGui import QGuiApplication
from PyQt6.QtWidgets import (
    QCheckBox,
    QListView,
    QPlainTextEdit,
    QPushButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from applet.conftest import WAIT
from applet.reports import HOSTILE
from wyng_dom0.applet.call_log import CALLS_MAX, SAID_MAX, CallLog, Entry
from wyng_dom0.applet.engine import Engine
from wyng_dom0.applet.log_panel import LogPanel

SAYS = (
    "import json, sys\n"
    "for n in range(int(sys.argv[-2])): print(json.dumps({'kind': sys.argv[-1],"
    " 'n': n}))\n"
    "sys.exit(int(sys.argv[-2]) % 2)"
)


@pytest.fixture
def engine(qapp: object) -> Engine:
    """A program that says something so many times, and fails if odd."""
    return Engine([sys.executable, "-c", SAYS])


def say(engine: Engine, qtbot: QtBot, count: int, what: str = "x") -> None:
    call = engine.call([str(count), what], b"secret words")
    with qtbot.waitSignal(call.ended, timeout=WAIT):
        pass


def test_calls_and_what_they_said_are_kept(
    engine: Engine, qtbot: QtBot
) -> None:
    log = CallLog(engine)
    say(engine, qtbot, 2, "first")
    say(engine, qtbot, 3, HOSTILE)
    assert log.rowCount() == 2
    newest, oldest = log.entry(0), log.entry(1)
    assert oldest.code == 0 and newest.code == 1
    assert '{"kind": "first", "n": 1}' in oldest.text()
    assert "secret" not in log.text()
    assert "\u202e" not in newest.title() and "\n" not in newest.title()
    log.show_only_failed(True)
    assert log.rowCount() == 1 and log.entry(0) is newest


def test_log_is_bounded(engine: Engine, qtbot: QtBot) -> None:
    log = CallLog(engine)
    say(engine, qtbot, 2 * SAID_MAX)
    assert len(log.entry(0).said) == SAID_MAX
    quick = Engine(["/nowhere"])
    many = CallLog(quick)
    calls = [quick.call(["x"]) for _ in range(CALLS_MAX + 5)]
    with qtbot.waitSignals([each.ended for each in calls], timeout=WAIT):
        pass
    assert many.rowCount() == CALLS_MAX


def test_questions_of_every_minute_are_kept_only_when_they_fail(
    qapp: object, qtbot: QtBot
) -> None:
    for program, kept in (("true", 0), ("false", 1)):
        engine = Engine([program])
        log = CallLog(engine)
        call = engine.call(["overview"])
        with qtbot.waitSignal(call.ended, timeout=WAIT):
            pass
        assert log.rowCount() == kept


@pytest.mark.parametrize(
    "words, code, cancelled, failed",
    [
        (("send",), 0, False, False),
        (("send", "--", "diff"), 2, False, True),
        (("--session=1,2", "diff", "--", "a"), 2, False, False),
        (("diff", "--", "a"), 5, False, True),
        (("send",), 1, True, False),
        (("send",), 3, False, False),
    ],
)
def test_only_what_somebody_should_look_at_counts_as_failed(
    words: "tuple[str, ...]", code: int, cancelled: bool, failed: bool
) -> None:
    words = ("--json", "--unattended", "--archive=a", *words)
    entry = Entry(words, datetime.now(), code, cancelled=cancelled)
    assert entry.failed is failed


def test_panel_shows_filters_and_copies(engine: Engine, qtbot: QtBot) -> None:
    log = CallLog(engine)
    parent = QWidget()
    qtbot.addWidget(parent)
    panel = LogPanel(log, parent)
    say(engine, qtbot, 2, "well")
    say(engine, qtbot, 3, "badly")
    calls = panel.findChild(QListView, "log-calls")
    said = panel.findChild(QPlainTextEdit, "log-said")
    failed = panel.findChild(QCheckBox, "log-failed")
    copy = panel.findChild(QPushButton, "log-copy")
    clipboard = QGuiApplication.clipboard()
    assert calls and said and failed and copy and clipboard
    calls.setCurrentIndex(log.index(1))
    assert "well" in said.toPlainText()
    copy.click()
    assert "well" in clipboard.text() and "badly" in clipboard.text()
    failed.click()
    copy.click()
    assert "well" not in clipboard.text() and "badly" in clipboard.text()
