# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The window shows what a backup qube asked for, and carries decisions out."""

import os
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from PyQt6.QtCore import QSettings
from PyQt6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from asking.rig import Rig
from product.machine import START
from wyng_dom0.services.deciding import Call, decide

# Before Qt is started, as in tests/applet.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from applet.ending import end_calls  # noqa: E402
from wyng_dom0.applet.application import Manager  # noqa: E402
from wyng_dom0.applet.engine import Engine  # noqa: E402

WAIT = 60_000


@pytest.fixture
def manager(
    allowed: Rig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    qtbot: QtBot,
) -> Iterator[Manager]:
    """A window after `backup` asked for a restore of `work`."""
    for name, value in allowed.env.items():
        monkeypatch.setenv(name, value)
    now = datetime.now().astimezone()
    decide(Call(allowed.places, "backup", now), "restore", "work")
    assert [each.qube for each in allowed.asked()] == ["work"]
    start = [sys.executable, "-c", START, f"--meta-dir={allowed.places.root}"]
    kept = QSettings(str(tmp_path / "kept.ini"), QSettings.Format.IniFormat)
    made = Manager(Engine(start), kept)
    qtbot.addWidget(made.window)
    made.start(hidden=False)
    qtbot.waitUntil(lambda: bool(texts(made)), timeout=WAIT)
    yield made
    made.close()
    end_calls(made.desk.engine)


def texts(manager: Manager) -> "list[str]":
    found = manager.requests.findChildren(QLabel, "request-text")
    return [str(each.text()) for each in found]


def press(manager: Manager, verb: str) -> None:
    button = manager.requests.findChild(QPushButton, f"request-{verb}")
    assert button is not None
    button.click()


def test_request_is_shown_and_denied(
    manager: Manager, allowed: Rig, qtbot: QtBot
) -> None:
    (text,) = texts(manager)
    assert "backup asks to restore work" in text and "laptop" in text
    assert manager.tray.state.state == "asked"
    press(manager, "deny")
    qtbot.waitUntil(lambda: not texts(manager), timeout=WAIT)
    assert allowed.asked() == [] and allowed.words()[-1] == "denied"


def test_qube_that_asks_is_blocked(
    manager: Manager, allowed: Rig, qtbot: QtBot
) -> None:
    press(manager, "block")
    qtbot.waitUntil(lambda: not texts(manager), timeout=WAIT)
    assert allowed.said("requests", "requests", "list")["allowed"] == []
