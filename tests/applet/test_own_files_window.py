# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""dom0's own files through the windows: unpacked beside, never over."""

import sys
from collections.abc import Iterator

import pytest
from PyQt6.QtWidgets import QComboBox, QRadioButton
from pytestqt.qtbot import QtBot

from applet.ending import end_calls
from applet.windows_rig import child, label, press, until
from product.machine import START
from qubes.conftest import disk, dom0
from qubes.dom0 import Dom0
from qubes.own_files import _MOUNTS, OwnFiles
from wyng_dom0.applet.compare_dialog import CompareDialog
from wyng_dom0.applet.desk import Desk
from wyng_dom0.applet.engine import Engine
from wyng_dom0.applet.restore_dialog import RestoreDialog
from wyng_dom0.applet.sessions_window import SessionsWindow

__all__ = ["disk", "dom0"]
ARCHIVE = "default"


@pytest.fixture
def own(dom0: Dom0) -> OwnFiles:
    own = OwnFiles(dom0)
    (own.home / "notes.txt").write_text("mine")
    own.sent("dom0")
    return own


@pytest.fixture
def desk(
    own: OwnFiles, qapp: object, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Desk]:
    for name, value in own._environ().items():
        monkeypatch.setenv(name, value)
    program = ["unshare", "--mount", "sh", "-c", f'{_MOUNTS} && exec "$@"']
    program += [str(own.root), sys.executable, "-c", START]
    made = Desk(Engine([*program, f"--meta-dir={own.machine.state}"]))
    yield made
    made.close()
    end_calls(made.engine)


def test_own_files_go_into_a_new_folder(
    desk: Desk, qtbot: QtBot, own: OwnFiles
) -> None:
    (own.home / "notes.txt").write_text("newer")
    dialog = RestoreDialog(desk, ARCHIVE, "dom0:home")
    qtbot.addWidget(dialog)
    dialog.show()
    until(qtbot, lambda: dialog.form is not None)
    assert child(dialog, QRadioButton, "way-folder").isChecked()
    assert not dialog.findChildren(QRadioButton, "way-in-place")
    part = child(dialog, QComboBox, "part")
    part.setCurrentIndex(part.findData("dom0:home"))
    press(dialog, "restore-now")
    until(qtbot, lambda: not dialog.strip.is_running)
    assert dialog.is_done, label(dialog, "fault")
    (folder,) = own.home.glob("home-restored-*")
    assert folder.name in label(dialog, "result")
    assert (folder / "notes.txt").read_text() == "mine"
    assert (own.home / "notes.txt").read_text() == "newer"


def test_own_files_are_compared_file_by_file(
    desk: Desk, qtbot: QtBot, own: OwnFiles
) -> None:
    (own.home / "notes.txt").write_text("newer")
    (own.home / "<b>new").write_text("")
    window = SessionsWindow(desk, ARCHIVE, "dom0:home")
    qtbot.addWidget(window)
    window.show()
    until(qtbot, lambda: window.load.points)
    window.table.choose_all(window.load.points)
    window.actions_by_id["now"].trigger()
    (found,) = window.findChildren(CompareDialog)
    box = child(found, QComboBox, "volume")
    box.setCurrentIndex(box.findText("home"))
    press(found, "compare-now")
    until(qtbot, lambda: label(found, "said"))
    assert "1 are new, 1 differ" in label(found, "said")
