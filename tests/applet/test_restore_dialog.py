# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Restores through the dialog, of a real archive, to the last bit."""

import random
from functools import partial
from pathlib import Path

import pytest
from PyQt6.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QPushButton,
    QRadioButton,
)
from pytestqt.qtbot import QtBot

from applet.conftest import WAIT
from applet.windows_rig import (
    Watcher,
    check_reachable,
    child,
    clipboard,
    label,
    press,
    until,
    write,
)
from product.machine import PASSPHRASE, Machine, Template
from wyng_dom0.applet.desk import Desk
from wyng_dom0.applet.engine import Engine
from wyng_dom0.applet.problem import ProblemBox
from wyng_dom0.applet.restore_dialog import RestoreDialog
from wyng_dom0.applet.unlocking import PassphraseDialog

RANDOM = random.Random(5)
FIRST = RANDOM.randbytes(700_000)
SECOND = FIRST[:300_000] + RANDOM.randbytes(500_000)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    root = tmp_path_factory.mktemp("restores")
    sends = [{"disk": FIRST}, {"disk": SECOND}]
    return Template(root, "--encrypt=off", sends=sends)


@pytest.fixture
def machine(template: Template) -> Machine:
    return template.fresh()


def opened(desk: Desk, qtbot: QtBot, session: str = "") -> RestoreDialog:
    dialog = RestoreDialog(desk, "a", "disk", session)
    qtbot.addWidget(dialog)
    dialog.show()
    until(qtbot, lambda: dialog.form is not None)
    return dialog


def restored(qtbot: QtBot, dialog: RestoreDialog) -> str:
    """What the end says."""
    press(dialog, "restore-now")
    until(qtbot, lambda: not dialog.strip.is_running)
    assert dialog.is_done, label(dialog, "fault")
    return label(dialog, "result")


def slow(desk: Desk, machine: Machine) -> None:
    """From now on a restore lasts until it is cancelled."""
    config = machine.root / "config.yaml"
    config.write_text("limit-rate: 20K\n")
    desk.engine.program = (*desk.engine.program, f"--config={config}")


def test_copy_is_the_default_and_has_every_bit(
    desk: Desk, qtbot: QtBot, machine: Machine
) -> None:
    oldest = machine.sessions("disk")[0]
    dialog = opened(desk, qtbot, oldest)
    assert child(dialog, QRadioButton, "way-file").isChecked()
    target = machine.root / "copy.img"
    assert not child(dialog, QPushButton, "restore-now").isEnabled()
    write(dialog, "path", str(target))
    assert "781" not in label(dialog, "space")
    assert "683.6 KiB" in label(dialog, "space")
    assert str(target) in restored(qtbot, dialog)
    assert target.read_bytes() == FIRST
    # What was there is as it was.
    assert (machine.images / "disk").read_bytes() == SECOND
    press(dialog, "copy-result")
    assert str(target) in clipboard()


def test_without_a_session_the_newest_is_meant(
    desk: Desk, qtbot: QtBot, machine: Machine
) -> None:
    dialog = opened(desk, qtbot)
    target = machine.root / "copy.img"
    write(dialog, "path", str(target))
    restored(qtbot, dialog)
    assert target.read_bytes() == SECOND


def test_copy_goes_over_no_file(
    desk: Desk, qtbot: QtBot, machine: Machine
) -> None:
    dialog = opened(desk, qtbot)
    target = machine.root / "copy.img"
    target.write_bytes(b"precious")
    write(dialog, "path", str(target))
    button = child(dialog, QPushButton, "restore-now")
    until(qtbot, lambda: not button.isEnabled())
    assert "already" in label(dialog, "fault")
    assert target.read_bytes() == b"precious"


def test_copy_goes_over_no_file_that_came_since(
    desk: Desk, qtbot: QtBot, machine: Machine
) -> None:
    dialog = opened(desk, qtbot)
    target = machine.root / "copy.img"
    write(dialog, "path", str(target))
    until(qtbot, lambda: "free in" in label(dialog, "space"))
    target.write_bytes(b"precious")
    press(dialog, "restore-now")
    until(qtbot, lambda: bool(dialog.findChildren(ProblemBox)))
    assert "exists" in dialog.findChildren(ProblemBox)[0].text()
    assert target.read_bytes() == b"precious"


def test_in_place_waits_for_the_name_and_says_what_is_lost(
    desk: Desk, qtbot: QtBot, machine: Machine
) -> None:
    oldest = machine.sessions("disk")[0]
    dialog = opened(desk, qtbot, oldest)
    child(dialog, QRadioButton, "way-in-place").click()
    assert "is lost then" in label(dialog, "replaced")
    button = child(dialog, QPushButton, "restore-now")
    write(dialog, "typed-name", "dis")
    assert not button.isEnabled()
    write(dialog, "typed-name", "disk")
    child(dialog, QCheckBox, "sparse").click()
    assert "disk" in restored(qtbot, dialog)
    assert (machine.images / "disk").read_bytes() == FIRST


def test_cancelled_copy_leaves_nothing_that_looks_restored(
    desk: Desk, qtbot: QtBot, machine: Machine
) -> None:
    slow(desk, machine)
    dialog = opened(desk, qtbot)
    target = machine.root / "copies" / "copy.img"
    target.parent.mkdir()
    write(dialog, "path", str(target))
    press(dialog, "restore-now")
    until(qtbot, lambda: dialog.strip.run_name)
    press(dialog, "cancel-run")
    until(qtbot, lambda: not dialog.strip.is_running)
    assert label(dialog, "fault").startswith("Cancelled")
    assert list(target.parent.iterdir()) == []
    # And it can be tried again.
    assert child(dialog, QPushButton, "restore-now").isEnabled()


def test_cancel_before_it_has_begun_ends_it_too(
    desk: Desk, qtbot: QtBot, machine: Machine
) -> None:
    slow(desk, machine)
    dialog = opened(desk, qtbot)
    target = machine.root / "copy.img"
    write(dialog, "path", str(target))
    press(dialog, "restore-now")
    press(dialog, "cancel-run")
    until(qtbot, lambda: not dialog.strip.is_running)
    assert not target.exists() and not dialog.is_done


def test_cancelled_restore_in_place_leaves_the_old_file(
    desk: Desk, qtbot: QtBot, machine: Machine
) -> None:
    slow(desk, machine)
    dialog = opened(desk, qtbot, machine.sessions("disk")[0])
    child(dialog, QRadioButton, "way-in-place").click()
    write(dialog, "typed-name", "disk")
    press(dialog, "restore-now")
    until(qtbot, lambda: dialog.strip.run_name)
    press(dialog, "cancel-run")
    until(qtbot, lambda: not dialog.strip.is_running)
    assert "as it was" in label(dialog, "fault")
    assert (machine.images / "disk").read_bytes() == SECOND


def test_failure_is_told_and_the_form_comes_back(
    desk: Desk, qtbot: QtBot, machine: Machine
) -> None:
    dialog = opened(desk, qtbot)
    write(dialog, "path", str(machine.root / "nowhere" / "copy.img"))
    press(dialog, "restore-now")
    until(qtbot, lambda: dialog.findChildren(ProblemBox))
    assert child(dialog, QPushButton, "restore-now").isEnabled()
    assert not dialog.is_done


def test_file_is_chosen_in_a_dialog_that_nobody_waits_for(
    desk: Desk, qtbot: QtBot
) -> None:
    dialog = opened(desk, qtbot)
    press(dialog, "browse")
    chooser = child(dialog, QFileDialog, "choose-file")
    chooser.fileSelected.emit("/tmp/some/copy.img")
    assert dialog.form is not None
    assert dialog.form.choice.path == "/tmp/some/copy.img"
    chooser.reject()


def test_session_that_is_gone_is_told(desk: Desk, qtbot: QtBot) -> None:
    dialog = RestoreDialog(desk, "a", "disk", "20200101-000000")
    qtbot.addWidget(dialog)
    dialog.show()
    until(qtbot, lambda: "no such" in label(dialog, "said"))
    assert not child(dialog, QPushButton, "restore-now").isEnabled()


def test_every_button_does_something(
    desk: Desk, qtbot: QtBot, engine: Engine
) -> None:
    # It is deleted when it is closed: nobody else may close it.
    dialog = RestoreDialog(desk, "a", "disk")
    dialog.show()
    until(qtbot, lambda: dialog.form is not None)
    watcher = Watcher(engine, dialog, qtbot)
    check_reachable(dialog)
    for name in ("way-in-place", "sparse", "way-file", "browse"):
        assert watcher.sees(partial(press, dialog, name)), name
    child(dialog, QFileDialog, "choose-file").reject()
    with qtbot.waitSignal(dialog.finished, timeout=WAIT):
        press(dialog, "close")


def test_sealed_archive_asks_for_its_passphrase_once(
    desk: Desk, qtbot: QtBot, tmp_path: Path
) -> None:
    machine = Machine(tmp_path / "sealed")
    machine.init(machine.passcmd)
    machine.write("disk", FIRST)
    machine.run(machine.passcmd, "send", "disk")
    words = f"--meta-dir={machine.state}"
    desk.engine.program = (*desk.engine.program[:-1], words)
    dialog = RestoreDialog(desk, "a", "disk")
    qtbot.addWidget(dialog)
    dialog.show()
    asked = []
    for _ in range(2):
        until(
            qtbot,
            lambda: dialog.form is not None
            or dialog.findChildren(PassphraseDialog),
        )
        if dialog.form is None:
            (question,) = dialog.findChildren(PassphraseDialog)
            asked.append(question)
            write(question, "passphrase-field", PASSPHRASE)
            question.accept()
            until(qtbot, lambda: dialog.form is not None)
    target = machine.root / "copy.img"
    write(dialog, "path", str(target))
    assert str(target) in restored(qtbot, dialog)
    assert target.read_bytes() == FIRST and len(asked) == 1
    machine.run("forget")
