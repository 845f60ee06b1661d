# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The main window over qubes: labels, ticks, and backups by a qube's name."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PyQt6.QtCore import QSettings, Qt
from pytestqt.qtbot import QtBot

from product.machine import START
from qubes.dom0 import Dom0

# Before Qt is started, as in tests/applet.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from applet.ending import end_calls  # noqa: E402
from wyng_dom0.applet import rows  # noqa: E402
from wyng_dom0.applet.application import Manager  # noqa: E402
from wyng_dom0.applet.engine import Engine  # noqa: E402
from wyng_dom0.applet.rows import Row  # noqa: E402

WAIT = 60_000


@pytest.fixture
def manager(
    dom0: Dom0,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    qtbot: QtBot,
) -> Iterator[Manager]:
    for name, value in dom0.env.items():
        monkeypatch.setenv(name, value)
    start = [sys.executable, "-c", START, f"--meta-dir={dom0.machine.state}"]
    kept = QSettings(str(tmp_path / "kept.ini"), QSettings.Format.IniFormat)
    made = Manager(Engine(start), kept)
    qtbot.addWidget(made.window)
    with qtbot.waitSignal(made.desk.status_changed, timeout=WAIT):
        made.start(hidden=False)
    yield made
    made.close()
    end_calls(made.desk.engine)


def row_of(manager: Manager, name: str) -> Row:
    (found,) = [each for each in manager.board.rows if each.name == name]
    return found


def do(
    manager: Manager, qtbot: QtBot, deed: str, name: str, state: int
) -> None:
    """Trigger an action for a qube, and wait until it stands so."""
    manager.window.view.select_names({name})
    assert manager.window.deeds[deed].isEnabled()
    manager.window.deeds[deed].trigger()
    qtbot.waitUntil(lambda: row_of(manager, name).state == state, timeout=WAIT)


def test_qubes_have_their_labels_and_one_row_each(manager: Manager) -> None:
    alone = row_of(manager, "alone")
    assert alone.volumes == ("alone:private", "alone:root")
    assert row_of(manager, "work").label == "blue"
    assert row_of(manager, "vault").state == rows.OUT
    header = manager.window.model.headerData(0, Qt.Orientation.Horizontal)
    assert header == "Qube"
    assert manager.window.bars.row_menu.title() == "&Qube"


def test_qube_is_backed_up_with_all_of_its_volumes(
    manager: Manager, dom0: Dom0, qtbot: QtBot
) -> None:
    do(manager, qtbot, "backup", "alone", rows.GOOD)
    names = dom0.machine.volumes()
    assert {"alone:private", "alone:root"} <= set(names)


def test_qube_is_left_out_and_taken_in_as_qubes_has_it(
    manager: Manager, dom0: Dom0, qtbot: QtBot
) -> None:
    do(manager, qtbot, "exclude", "work", rows.OUT)
    do(manager, qtbot, "include", "work", rows.NEVER)
    assert row_of(manager, "work").planned
    do(manager, qtbot, "include", "vault", rows.NEVER)
    qubes = manager.desk.status["qubes"]
    ticked = {each["qube"] for each in qubes if each["included"]}
    assert {"work", "vault"} <= ticked
