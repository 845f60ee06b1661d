# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Qubes through the windows: over a Qubes system as tests have it."""

import os
from collections.abc import Iterator

import pytest
from PyQt6.QtWidgets import QCheckBox, QComboBox, QPushButton, QRadioButton
from pytestqt.qtbot import QtBot

from applet.windows_rig import child, clipboard, label, press, until, write
from product.machine import Machine
from qubes.conftest import disk, dom0
from qubes.dom0 import Dom0
from wyng_dom0.applet.compare_dialog import CompareDialog
from wyng_dom0.applet.desk import Desk
from wyng_dom0.applet.engine import Engine
from wyng_dom0.applet.restore_dialog import RestoreDialog
from wyng_dom0.applet.sessions_window import SessionsWindow

__all__ = ["disk", "dom0"]
ARCHIVE = "default"


@pytest.fixture
def sent(dom0: Dom0) -> Dom0:
    """work was sent twice, and only its private volume changed."""
    dom0.system.change("work", properties={"label": "blue", "autostart": True})
    dom0.sent("work", "alone")
    dom0.system.write("alone", b"later")
    dom0.sent("alone")
    return dom0


@pytest.fixture
def machine(sent: Dom0) -> Machine:
    return sent.machine


@pytest.fixture
def desk(
    engine: Engine, sent: Dom0, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Desk]:
    for name, value in sent.env.items():
        monkeypatch.setenv(name, value)
    made = Desk(engine)
    yield made
    made.close()


def opened(
    desk: Desk, qtbot: QtBot, qube: str, session: str = ""
) -> RestoreDialog:
    dialog = RestoreDialog(desk, ARCHIVE, qube, session)
    qtbot.addWidget(dialog)
    dialog.show()
    until(qtbot, lambda: dialog.form is not None)
    return dialog


def restored(qtbot: QtBot, dialog: RestoreDialog) -> str:
    press(dialog, "restore-now")
    until(qtbot, lambda: not dialog.strip.is_running)
    assert dialog.is_done, label(dialog, "fault")
    return label(dialog, "result")


def test_qubes_volumes_are_shown_together(desk: Desk, qtbot: QtBot) -> None:
    window = SessionsWindow(desk, ARCHIVE, "alone:root")
    qtbot.addWidget(window)
    window.show()
    until(qtbot, lambda: len(window.load.points) == 2)
    first, second = window.load.points
    assert set(first.volumes) == {"alone:private", "alone:root"}
    assert second.volumes == ("alone:private",)
    assert "alone" in window.windowTitle()
    box = child(window, QComboBox, "which-volume")
    assert not box.isHidden() and box.count() == 3
    box.setCurrentIndex(box.findText("root"))
    assert len(window.points()) == 1
    assert window.model.rowCount() == 1


def test_settings_are_compared_with_what_the_qube_has_now(
    desk: Desk, qtbot: QtBot, sent: Dom0
) -> None:
    sent.system.change("work", properties={"label": "red"}, notes="<b>\u202ex")
    window = SessionsWindow(desk, ARCHIVE, "work")
    qtbot.addWidget(window)
    window.show()
    until(qtbot, lambda: window.load.points)
    window.table.choose_all(window.load.points)
    window.actions_by_id["now"].trigger()
    (found,) = window.findChildren(CompareDialog)
    box = child(found, QComboBox, "volume")
    box.setCurrentIndex(box.findText("the settings"))
    press(found, "compare-now")
    until(qtbot, lambda: found.changes is not None)
    changes = {each.kind: (each.before, each.after) for each in found.changes}
    assert changes["label"] == ("blue", "red")
    press(found, "copy-ranges")
    assert "blue\tred" in clipboard() and "\u202e" not in clipboard()


def test_copy_is_a_new_qube_beside_the_old(
    desk: Desk, qtbot: QtBot, sent: Dom0
) -> None:
    dialog = opened(desk, qtbot, "work")
    assert child(dialog, QRadioButton, "way-new-qube").isChecked()
    write(dialog, "new-name", "work2")
    said = restored(qtbot, dialog)
    assert "work2" in said and "autostart" in said
    assert sent.system.read("work2") == sent.system.read("work")
    assert sent.system.qube("work2")["properties"]["label"] == "blue"


def test_old_point_takes_what_did_not_change_from_before(
    desk: Desk, qtbot: QtBot, sent: Dom0
) -> None:
    """Of the newest point root has no session: the one before holds it."""
    dialog = opened(desk, qtbot, "alone")
    write(dialog, "new-name", "other")
    child(dialog, QCheckBox, "isolated").click()
    restored(qtbot, dialog)
    for volume in ("private", "root"):
        there = sent.system.read("other", volume)
        assert there == sent.system.read("alone", volume)
    assert sent.system.qube("other")["properties"]["label"] == "red"


def test_in_place_says_that_the_old_stays_as_a_revision(
    desk: Desk, qtbot: QtBot, sent: Dom0
) -> None:
    before = sent.system.read("work")
    sent.system.write("work", b"newer than it")
    dialog = opened(desk, qtbot, "work:private")
    child(dialog, QRadioButton, "way-in-place").click()
    assert "revision" in label(dialog, "replaced")
    assert not child(dialog, QPushButton, "restore-now").isEnabled()
    write(dialog, "typed-name", "work")
    restored(qtbot, dialog)
    assert sent.system.read("work") == before
    (kept,) = sent.system.committed("work").parent.glob("private.img.*@*")
    assert kept.read_bytes()[:13] == b"newer than it"


def test_what_is_lost_for_good_is_said_before(
    desk: Desk, qtbot: QtBot, sent: Dom0
) -> None:
    volumes = sent.system.qube("work")["volumes"]
    volumes["private"]["revisions_to_keep"] = 0
    sent.system.change("work", volumes=volumes)
    dialog = opened(desk, qtbot, "work")
    until(qtbot, lambda: "in the pool" in label(dialog, "space"))
    child(dialog, QRadioButton, "way-in-place").click()
    until(qtbot, lambda: "WILL BE LOST" in label(dialog, "space"))
    # What was found out stays while the name is typed.
    write(dialog, "typed-name", "work")
    assert "WILL BE LOST" in label(dialog, "space")


def test_what_stands_against_it_is_said_before(
    desk: Desk, qtbot: QtBot, sent: Dom0
) -> None:
    dialog = opened(desk, qtbot, "work")
    write(dialog, "new-name", "vault")
    until(qtbot, lambda: "a qube vault exists" in label(dialog, "fault"))
    write(dialog, "new-name", "vault2")
    until(qtbot, lambda: "in the pool" in label(dialog, "space"))
    assert label(dialog, "fault") == ""


def test_settings_only_leave_the_data(
    desk: Desk, qtbot: QtBot, sent: Dom0
) -> None:
    sent.system.write("work", b"newer than it")
    sent.system.change("work", properties={"label": "red"})
    dialog = opened(desk, qtbot, "work")
    part = child(dialog, QComboBox, "part")
    part.setCurrentIndex(part.findText("Settings only"))
    child(dialog, QRadioButton, "way-in-place").click()
    write(dialog, "typed-name", "work")
    restored(qtbot, dialog)
    assert sent.system.qube("work")["properties"]["label"] == "blue"
    assert sent.system.read("work")[:13] == b"newer than it"


def test_one_volume_is_a_file_too(desk: Desk, qtbot: QtBot, sent: Dom0) -> None:
    dialog = opened(desk, qtbot, "alone")
    child(dialog, QRadioButton, "way-file").click()
    target = sent.machine.root / "root.img"
    write(dialog, "path", str(target))
    assert "choose which" in label(dialog, "fault")
    part = child(dialog, QComboBox, "part")
    part.setCurrentIndex(part.findData("alone:root"))
    restored(qtbot, dialog)
    assert target.read_bytes() == sent.system.read("alone", "root")


def test_name_that_is_taken_is_refused_by_the_engine(
    desk: Desk, qtbot: QtBot, sent: Dom0
) -> None:
    before = sent.system.read("vault")
    dialog = opened(desk, qtbot, "work")
    write(dialog, "new-name", "vault")
    press(dialog, "restore-now")
    until(qtbot, lambda: not dialog.strip.is_running)
    assert not dialog.is_done and sent.system.read("vault") == before
    assert os.environ["QUBES_STAND_IN"]
