# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs in the window, whoever started them; over the real engine."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PyQt6.QtCore import QSettings
from PyQt6.QtWidgets import (
    QLabel,
    QLineEdit,
    QPushButton,
    QTableView,
    QWidget,
)
from pytestqt.qtbot import QtBot

from applet.conftest import WAIT
from applet.reports import HOSTILE
from product.machine import OFF, PASSPHRASE, START, Machine
from wyng_dom0.applet import rows
from wyng_dom0.applet.application import Manager
from wyng_dom0.applet.desk import Desk
from wyng_dom0.applet.engine import Engine
from wyng_dom0.applet.run_card import RunCard
from wyng_dom0.applet.running_panel import RunningPanel
from wyng_dom0.applet.runs import PAUSED, RUNNING, folded
from wyng_dom0.applet.unlocking import PassphraseDialog


@pytest.fixture
def manager(engine: Engine, tmp_path: Path, qtbot: QtBot) -> Iterator[Manager]:
    kept = QSettings(str(tmp_path / "kept.ini"), QSettings.Format.IniFormat)
    made = Manager(engine, kept)
    qtbot.addWidget(made.window)
    yield made
    made.close()


@contextmanager
def begun(machine: Machine, *words: str) -> "Iterator[subprocess.Popen[bytes]]":
    """A command in a process of its own; killed when the block is left."""
    process = subprocess.Popen(
        [sys.executable, "-c", START]
        + [f"--meta-dir={machine.state}", "--quiet", *words],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def button(card: QWidget, name: str) -> QPushButton:
    found = card.findChild(QPushButton, name)
    assert found is not None
    return found


def said(card: QWidget) -> str:
    found = card.findChild(QLabel, "run-said")
    assert found is not None
    return str(found.text())


def only_card(manager: Manager, qtbot: QtBot) -> RunCard:
    qtbot.waitUntil(
        lambda: len(manager.window.running.cards()) == 1, timeout=WAIT
    )
    (card,) = manager.window.running.cards()
    return card


def test_run_of_another_process_is_steered_from_the_window(
    manager: Manager, machine: Machine, qtbot: QtBot
) -> None:
    window = manager.window
    machine.init(*OFF)
    machine.write("a", os.urandom(100_000_000))
    manager.start(hidden=False)
    # Slow, so that all of this goes on meanwhile.
    with begun(machine, "--limit-rate=2M", "send", "a") as process:
        card = only_card(manager, qtbot)
        assert window.running_dock.isVisible()
        pause = button(card, "run-pause")
        pause.click()
        assert "Pausing" in said(card) and not pause.isEnabled()
        qtbot.waitUntil(lambda: card.run.state == PAUSED, timeout=WAIT)
        qtbot.waitUntil(lambda: tray_is(manager, "paused"), timeout=WAIT)
        # Closed and opened again, it is still there.
        window.hides = True
        window.close()
        window.come_forward()
        assert only_card(manager, qtbot) is card
        assert pause.text() == "&Resume"
        pause.click()
        qtbot.waitUntil(lambda: card.run.state == RUNNING, timeout=WAIT)
        qtbot.waitUntil(lambda: tray_is(manager, "running"), timeout=WAIT)
        button(card, "run-cancel").click()
        assert "Cancelling" in said(card)
        qtbot.waitUntil(lambda: card.run.is_over, timeout=WAIT)
        assert process.wait(60) == 1
    assert "was cancelled" in said(card) and "goes on" in said(card)
    assert not pause.isVisibleTo(card)
    button(card, "run-dismiss").click()
    assert window.running.cards() == []
    assert machine.volumes() == {}


def tray_is(manager: Manager, state: str) -> bool:
    return manager.tray.state.state == state


def test_backup_from_the_window_is_shown_and_changes_the_table(
    manager: Manager, machine: Machine, qtbot: QtBot
) -> None:
    machine.init(*OFF)
    machine.write("a", os.urandom(3_000_000))
    with qtbot.waitSignal(manager.desk.status_changed, timeout=WAIT):
        manager.start(hidden=False)
    window = manager.window
    assert not any(row.planned for row in manager.board.rows)
    # Of an archive that is new, everything is all that there is.
    window.deeds["backup-all"].trigger()
    assert window.status.currentMessage() == "Starting a backup of a…"
    qtbot.waitUntil(
        lambda: [r.state for r in manager.board.rows] == [rows.GOOD],
        timeout=WAIT,
    )
    assert window.headline.findChild(QLabel, "headline-text") is not None


def test_try_without_the_key_asks_for_it_and_leaves_no_card(
    manager: Manager, machine: Machine, qtbot: QtBot
) -> None:
    machine.run(
        f"--local={machine.images}",
        f"--dest={machine.dest()}",
        machine.passcmd,
        "--archive=a",
        "arch-init",
    )
    machine.write("a", os.urandom(200_000))
    with qtbot.waitSignal(manager.desk.status_changed, timeout=WAIT):
        manager.start(hidden=False)
    window = manager.window
    window.deeds["backup-all"].trigger()
    qtbot.waitUntil(
        lambda: window.findChild(PassphraseDialog) is not None, timeout=WAIT
    )
    dialog = window.findChild(PassphraseDialog)
    assert dialog is not None
    field = dialog.findChild(QLineEdit, "passphrase-field")
    assert field is not None
    field.setText(PASSPHRASE)
    dialog.accept()
    qtbot.waitUntil(lambda: bool(manager.desk.runs), timeout=WAIT)
    qtbot.waitUntil(lambda: not manager.desk.live_runs(), timeout=WAIT)
    window.running.show_runs()
    ends = [said(card) for card in window.running.cards()]
    assert not any("passphrase" in end for end in ends), ends


STARTED: "dict[str, Any]" = {
    "event": "run-started",
    "command": "send",
    "archive": "laptop",
    "volumes": ["a", "b"],
}


def shown_runs(
    qtbot: QtBot, *said_by: "tuple[str, dict[str, Any]]"
) -> RunningPanel:
    """A panel that has heard these things of runs."""
    desk = Desk(Engine(["false"]))
    for name, each in said_by:
        desk.runs[name] = folded(desk.runs, {"run": name, **each}, 0.0)
    panel = RunningPanel(desk)
    qtbot.addWidget(panel)
    desk.setParent(panel)
    return panel


def test_runs_are_told_anew_when_the_watch_was_lost(
    qtbot: QtBot, tmp_path: Path
) -> None:
    """The first watch tells of two runs and dies, the next of one."""
    told = tmp_path / "told"
    text = (
        "import json, os, sys\n"
        f"first = not os.path.exists({str(told)!r}); open({str(told)!r}, 'w')\n"
        "for run in ('send-1', 'send-2')[: 1 + first]:\n"
        "    print(json.dumps({'run': run, 'event': 'run-started',"
        " 'command': 'send', 'archive': 'a'}), flush=True)\n"
        "first or sys.stdin.read()"
    )
    desk = Desk(Engine([sys.executable, "-c", text]))
    seen: "list[set[str]]" = []
    desk.runs_changed.connect(lambda: seen.append(set(desk.runs)))
    desk.start_watch()
    qtbot.waitUntil(
        lambda: seen[-1:] == [{"send-1"}] and len(seen) > 3, timeout=WAIT
    )
    assert {"send-1", "send-2"} in seen
    desk.close()


DONE = {"event": "run-done", "volumes_failed": 0}


def test_end_stays_until_the_same_goes_well_again(qtbot: QtBot) -> None:
    panel = shown_runs(
        qtbot,
        ("send-1", STARTED),
        ("send-1", {"event": "error", "text": "no room"}),
    )
    assert [said(card) for card in panel.cards()] == ["Backup failed: no room"]
    panel = shown_runs(
        qtbot,
        ("send-1", STARTED),
        ("send-1", {"event": "error", "text": "no room"}),
        ("send-2", STARTED),
        ("send-2", DONE),
    )
    assert [card.run.name for card in panel.cards()] == ["send-2"]


def test_what_failed_and_was_skipped_is_told_with_its_reason(
    qtbot: QtBot,
) -> None:
    failed = {"event": "volume-done", "volume": "a", "error": HOSTILE}
    skipped = {"event": "volume-skipped", "volume": HOSTILE, "why": "it runs"}
    panel = shown_runs(
        qtbot,
        ("send-1", STARTED),
        ("send-1", failed),
        ("send-1", skipped),
        ("send-1", {"event": "run-done", "volumes_failed": 1}),
    )
    (card,) = panel.cards()
    assert said(card) == (
        "Backup ended, and 1 volume failed. 1 volume was skipped."
    )
    button(card, "run-details").click()
    table = card.findChild(QTableView, "run-volumes")
    assert table is not None and table.isVisibleTo(card)
    model = table.model()
    assert model is not None
    texts = [
        str(model.index(row, column).data())
        for row in range(model.rowCount())
        for column in range(model.columnCount())
    ]
    assert "it runs" in texts
    assert not any("\n" in text or "\u202e" in text for text in texts)


def test_notes_of_changes_that_went_well_leave_no_card(qtbot: QtBot) -> None:
    panel = shown_runs(qtbot, ("monitor-1", DONE))
    assert panel.cards() == []
