# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Requests of backup qubes: dom0's words, and three decisions."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PyQt6.QtCore import QSettings
from PyQt6.QtWidgets import QApplication, QLabel, QPushButton
from pytestqt.qtbot import QtBot

from applet import reports
from applet.conftest import WAIT
from applet.reports import HOSTILE
from wyng_dom0.applet import requests
from wyng_dom0.applet.application import Manager
from wyng_dom0.applet.engine import Call, Engine


def request(qube: str = "work", **values: Any) -> "dict[str, Any]":
    return {
        "archive": "laptop",
        "qube": qube,
        "session": "",
        "vm": "backup",
        "asked": reports.ago(1),
        "expires": reports.ago(-47),
        "state": "pending",
        "why": "",
        **values,
    }


def said(*rows: "dict[str, Any]") -> "dict[str, Any]":
    grant = {"vm": "backup", "archive": "laptop", "by_itself": False}
    return {
        "kind": "requests",
        "requests": list(rows),
        "allowed": [grant],
        "problems": [],
    }


@pytest.fixture
def manager(tmp_path: Path, qtbot: QtBot) -> Iterator[Manager]:
    kept = QSettings(str(tmp_path / "kept.ini"), QSettings.Format.IniFormat)
    made = Manager(Engine(["true"]), kept)
    qtbot.addWidget(made.window)
    yield made
    made.close()


def give(manager: Manager, report: "dict[str, Any]") -> None:
    manager.desk.requests = report
    manager.desk.requests_changed.emit()


def texts(manager: Manager, name: str) -> "list[str]":
    return [
        label.text() for label in manager.requests.findChildren(QLabel, name)
    ]


def test_request_is_told_in_our_own_words_and_once(manager: Manager) -> None:
    notes: "list[Any]" = []
    manager.tray.noted.connect(notes.append)
    manager.window.show()
    focus = QApplication.focusWidget()
    give(manager, said(request()))
    give(manager, said(request()))
    assert texts(manager, "request-text") == [
        "The qube backup asks to restore work, as it was last backed up to"
        " the archive laptop."
    ]
    assert manager.requests.isVisible()
    assert len(notes) == 1 and "asks to restore work" in notes[0].text
    assert QApplication.focusWidget() is focus
    assert manager.tray.state.state == "asked"
    give(manager, said())
    assert not manager.requests.findChildren(QPushButton, "request-approve")[1:]
    assert manager.tray.state.state == "ok"


@pytest.mark.parametrize(
    "verb, words",
    [
        ("approve", ("requests", "approve", "--", "work")),
        ("deny", ("requests", "deny", "--", "work")),
        ("block", ("requests", "block", "--", "backup")),
    ],
)
def test_decision_is_the_engines_call(
    manager: Manager, qtbot: QtBot, verb: str, words: "tuple[str, ...]"
) -> None:
    give(manager, said(request()))
    calls: "list[Call]" = []
    manager.desk.engine.called.connect(calls.append)
    button = manager.requests.findChild(QPushButton, f"request-{verb}")
    assert button is not None
    button.click()
    assert calls[0].words[-len(words) :] == words
    assert not button.isEnabled()
    # It did not help: one may decide again.
    qtbot.waitUntil(button.isEnabled, timeout=WAIT)


@pytest.mark.parametrize(
    "values, part",
    [
        ({"state": "failed", "why": "no room"}, "It failed: no room"),
        ({"state": "needs-key"}, "waits for the key"),
        ({"session": "20261101-120000"}, "waits for you"),
        ({"expires": None}, "waits for you"),
    ],
)
def test_each_state_says_what_it_waits_for(
    values: "dict[str, Any]", part: str
) -> None:
    (found,) = requests.requests_in(said(request(**values)))
    assert part in requests.standing(found, reports.NOW)
    assert found.session in requests.sentence(found)


def test_names_are_on_one_line_of_visible_characters(manager: Manager) -> None:
    give(manager, said(request(HOSTILE, vm=HOSTILE, why=HOSTILE)))
    for label in manager.requests.findChildren(QLabel):
        assert "\u202e" not in label.text()
    for text in texts(manager, "request-text"):
        assert "\n" not in text


@pytest.mark.parametrize("nonsense", [{}, {"requests": 3}, {"allowed": [1]}])
def test_nonsense_is_no_request(nonsense: "dict[str, Any]") -> None:
    assert requests.requests_in(nonsense) == []
    assert requests.grants_in(nonsense) == []
