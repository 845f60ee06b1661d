# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Windows without a screen, over the real engine."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from product.machine import START, Machine

# Before Qt is started: a machine with a screen shows no windows either.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PyQt6.QtWidgets import QWidget  # noqa: E402
from pytestqt.qtbot import QtBot  # noqa: E402

from applet.ending import end_calls  # noqa: E402
from wyng_dom0.applet.desk import Desk  # noqa: E402
from wyng_dom0.applet.engine import Engine  # noqa: E402

WAIT = 60_000  # milliseconds; as long as a slow machine needs


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Folders for images and archives; the engine finds its state there."""
    return Machine(tmp_path)


@pytest.fixture
def engine(
    machine: Machine, qapp: object, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Engine]:
    """The real engine, as processes, with the machine's own state."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.setenv("HOME", str(machine.root / "home"))
    made = Engine([sys.executable, "-c", START, f"--meta-dir={machine.state}"])
    yield made
    end_calls(made)


@pytest.fixture
def desk(engine: Engine) -> Iterator[Desk]:
    """What windows stand on; not started."""
    made = Desk(engine)
    yield made
    made.close()


@pytest.fixture
def window(qtbot: QtBot) -> QWidget:
    """A parent for dialogs that delete themselves: it outlives the test."""
    made = QWidget()
    qtbot.addWidget(made)
    return made
