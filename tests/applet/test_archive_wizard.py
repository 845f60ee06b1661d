# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The wizard for a new archive, driven page by page over the real engine."""

import os
import shutil
from pathlib import Path

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import (
    QAbstractButton,
    QLabel,
    QLineEdit,
    QTreeView,
    QWidget,
)
from pytestqt.qtbot import QtBot

from applet.wizard_hand import (
    WizardHand,
    go_to_passphrase,
    prove_paper,
    without_a_timer,
)
from product.machine import DATA, PASSPHRASE, Machine
from wyng_dom0.applet.desk import Desk
from wyng_dom0.applet.engine import Call, Engine
from wyng_dom0.applet.wizard import ArchiveWizard

SMALL = b"small" * 1000


@pytest.fixture
def wizard(machine: Machine, desk: Desk, window: QWidget) -> ArchiveWizard:
    machine.write("big.img", DATA)
    machine.write("small.img", SMALL)
    return ArchiveWizard(desk, window)


@pytest.fixture
def hand(qtbot: QtBot, wizard: ArchiveWizard) -> WizardHand:
    return WizardHand(qtbot, wizard)


def own_passphrase(hand: WizardHand, passphrase: str) -> None:
    hand.tick("own-passphrase")
    hand.type("own-first", passphrase)
    hand.type("own-second", passphrase)
    box = hand.find("take-weak", QAbstractButton)
    if box.isVisible():
        box.click()


def make(hand: WizardHand, wizard: ArchiveWizard, machine: Machine) -> str:
    """Up to the page that shows how the making went; the passphrase."""
    go_to_passphrase(
        hand, wizard, f"{machine.backup}/laptop", str(machine.images)
    )
    passphrase = prove_paper(hand, wizard)
    without_a_timer(hand)
    hand.on("page-summary")
    hand.on("page-doing")
    return passphrase


def kept_by(machine: Machine, passphrase: str) -> Machine:
    """The machine, whose passcmd gives this passphrase."""
    (machine.root / "passphrase").write_text(passphrase + "\n")
    return machine


def test_archive_is_made_proven_and_everything_restores_bit_for_bit(
    hand: WizardHand, wizard: ArchiveWizard, machine: Machine, engine: Engine
) -> None:
    calls: "list[Call]" = []
    engine.called.connect(calls.append)
    passphrase = make(hand, wizard, machine)
    hand.until(wizard.doing.is_complete)
    assert set(wizard.doing.steps.states.values()) == {2}, "all are done"
    assert "All of small.img" in hand.text("said-read")
    hand.on("page-sheet")
    assert not wizard.next_button.isEnabled()
    hand.tick("have-sheet")
    hand.on("page-end")
    assert "bit for bit" in hand.text("end-true")
    hand.press("next")
    send = calls[-1]
    assert send.words[-1] == "send"
    hand.until(lambda: send.is_over)
    kept_by(machine, passphrase)
    (report,) = machine.objects("configure")
    stored = {each["key"]: each["stored"] for each in report["options"]}
    assert stored["keep-daily"] == "30" and stored["autoprune"] == "full"
    assert machine.volumes(machine.passcmd) == {"big.img": 1, "small.img": 1}
    assert machine.restored("big.img", "newest", machine.passcmd) == DATA
    assert machine.restored("small.img", "newest", machine.passcmd) == SMALL


def test_recovery_code_of_the_sheet_opens_the_archive_elsewhere(
    hand: WizardHand, wizard: ArchiveWizard, machine: Machine, tmp_path: Path
) -> None:
    make(hand, wizard, machine)
    hand.until(wizard.doing.is_complete)
    hand.on("page-sheet")
    shown = wizard.sheet.view.browser.toPlainText()
    assert len(wizard.plan.code) == 4 and len(wizard.plan.slots) == 2
    for text in (*wizard.plan.code, wizard.plan.archive_id, "laptop"):
        assert text in shown
    other = Machine(tmp_path / "other")
    (other.root / "passphrase").write_text(" ".join(wizard.plan.code) + "\n")
    said = other.run(
        f"--from={wizard.plan.made_at}", "--verbose", other.passcmd, "list"
    )
    assert "small.img" in said and wizard.plan.head_code in said
    assert wizard.plan.head_code in shown


def test_secrets_are_in_no_argument_no_log_and_no_file(
    hand: WizardHand, wizard: ArchiveWizard, machine: Machine, engine: Engine
) -> None:
    planted = machine.root / "planted"
    planted.write_text(PASSPHRASE)
    words: "list[str]" = []
    engine.called.connect(lambda call: words.extend(call.words))
    go_to_passphrase(
        hand, wizard, f"{machine.backup}/laptop", str(machine.images)
    )
    own_passphrase(hand, PASSPHRASE)
    hand.on("page-schedule")
    without_a_timer(hand)
    for name in ("summary", "doing"):
        hand.on(f"page-{name}")
    hand.until(wizard.doing.is_complete)
    code = wizard.plan.code[0]
    shutil.rmtree(machine.images)
    (machine.root / "passphrase").unlink()
    assert files_with(machine.root, PASSPHRASE) == [planted]
    assert files_with(machine.root, code[:9]) == []
    assert not [word for word in words if PASSPHRASE in word or code in word]
    wizard.reject()
    hand.box().findChild(QAbstractButton, "close-all-the-same").click()
    assert wizard.plan.secret == b""


def files_with(root: Path, text: str) -> "list[Path]":
    found = []
    for path in sorted(root.rglob("*")):
        if path.is_file() and text.encode() in path.read_bytes():
            found.append(path)
    return found


@pytest.mark.parametrize(
    "path, why",
    [("/nowhere/at/all", "is its disk mounted"), ("relative", "absolute path")],
)
def test_bad_place_is_said_and_nothing_is_made(
    hand: WizardHand, path: str, why: str
) -> None:
    hand.tick("kind-internal")
    hand.type("directory", path)
    assert why in hand.refused()
    hand.type("directory", "/other")
    assert hand.fault() == "", "it was about what stood there before"


def test_full_directory_and_known_archive_are_refused(
    hand: WizardHand, machine: Machine
) -> None:
    (machine.backup / "used").mkdir()
    (machine.backup / "used" / "mine").write_text("x")
    machine.init("--encrypt=off", name="b")
    hand.tick("kind-internal")
    hand.type("directory", f"{machine.backup}/used")
    assert "other files" in hand.refused()
    hand.type("directory", f"{machine.backup}/b")
    assert "known here as b" in hand.refused()
    assert sorted(p.name for p in machine.backup.iterdir()) == ["b", "used"]


@pytest.mark.parametrize("name", ["", "-x", "a/b", "<b>x</b>", "a\u202eb"])
def test_bad_name_does_not_go_on(hand: WizardHand, name: str) -> None:
    hand.tick("kind-internal")
    hand.type("directory", "/tmp")
    assert hand.wizard.next_button.isEnabled()
    hand.type("archive-name", name)
    assert not hand.wizard.next_button.isEnabled()
    label = hand.find("name-fault", QLabel)
    assert label.textFormat() == Qt.TextFormat.PlainText
    assert "\u202e" not in label.text()


def test_mistyped_word_is_named_and_goes_no_further(
    hand: WizardHand, wizard: ArchiveWizard, machine: Machine
) -> None:
    go_to_passphrase(
        hand, wizard, f"{machine.backup}/laptop", str(machine.images)
    )
    hand.on("page-proof")
    assert not wizard.next_button.isEnabled()
    words = wizard.passphrase.generated.split()
    first, *others = wizard.proof.asked
    hand.type(f"word-{first + 1}", "not-it")
    for number in others:
        hand.type(f"word-{number + 1}", words[number])
    assert f"Word {first + 1} is another one" in hand.refused()
    hand.press("back")
    hand.press("another")
    hand.on("page-proof")
    assert all(edit.text() == "" for edit in wizard.proof.edits)


def test_own_passphrase_wants_two_alike_and_open_eyes(
    hand: WizardHand, wizard: ArchiveWizard, machine: Machine
) -> None:
    go_to_passphrase(
        hand, wizard, f"{machine.backup}/laptop", str(machine.images)
    )
    hand.tick("own-passphrase")
    assert not wizard.next_button.isEnabled()
    hand.type("own-first", "Summer1999")
    hand.type("own-second", "Summer1998")
    assert "differ" in hand.text("own-differ")
    hand.type("own-second", "Summer1999")
    assert "weak" in hand.text("strength-words").lower()
    assert not wizard.next_button.isEnabled()
    hand.tick("take-weak")
    assert wizard.next_button.isEnabled()
    strong = "v#9Kq!xZ2m&Lr8Tw"
    hand.type("own-first", strong)
    assert not wizard.next_button.isEnabled()
    hand.type("own-second", strong)
    assert "Strong" in hand.text("strength-words")
    hand.on("page-schedule")
    assert wizard.plan.secret == strong.encode()


def test_only_what_is_ticked_is_backed_up(
    hand: WizardHand, wizard: ArchiveWizard, machine: Machine
) -> None:
    hand.tick("kind-internal")
    hand.type("directory", f"{machine.backup}/laptop")
    hand.on("page-what")
    assert not wizard.next_button.isEnabled()
    hand.type("source", str(machine.images))
    hand.press("look")
    hand.until(lambda: bool(wizard.what.choice.volumes))
    hand.press("tick-none")
    assert not wizard.next_button.isEnabled()
    hand.type("volume-filter", "BIG")
    hand.press("tick-all")
    hand.on("page-passphrase")
    assert wizard.plan.chosen == ("big.img",)
    assert wizard.plan.smallest() == "big.img"


def test_source_that_is_not_there_is_said(
    hand: WizardHand, wizard: ArchiveWizard, machine: Machine
) -> None:
    hand.tick("kind-internal")
    hand.type("directory", f"{machine.backup}/laptop")
    hand.on("page-what")
    hand.type("source", "/nowhere")
    hand.press("look")
    hand.until(lambda: "nowhere" in hand.text("what-said"))
    assert not wizard.next_button.isEnabled()


@pytest.mark.parametrize("name", ["<b>x</b>", "<img src=x>", "a b", "\u202e?"])
def test_hostile_names_of_volumes_are_shown_as_they_are(
    hand: WizardHand, wizard: ArchiveWizard, machine: Machine, name: str
) -> None:
    shutil.rmtree(machine.images)
    (machine.images / "sub").mkdir(parents=True)
    (machine.images / "sub" / name.replace("/", "_")).write_bytes(SMALL)
    go_to_passphrase(
        hand, wizard, f"{machine.backup}/laptop", str(machine.images)
    )
    model = wizard.what.choice.view.model()
    assert model is not None
    text = model.index(0, 0).data()
    assert "\u202e" not in text
    assert ("\\u202e" in text) is ("\u202e" in name)
    own_passphrase(hand, PASSPHRASE)
    hand.on("page-schedule")
    without_a_timer(hand)
    for page in ("summary", "doing"):
        hand.on(f"page-{page}")
    hand.until(wizard.doing.is_complete)
    assert wizard.doing.is_proven
    for label in wizard.findChildren(QLabel):
        assert "\u202e" not in label.text()
        if name[:2] in label.text():
            assert label.textFormat() == Qt.TextFormat.PlainText


def test_closing_before_anything_is_made_asks_nothing(
    hand: WizardHand, wizard: ArchiveWizard, machine: Machine
) -> None:
    go_to_passphrase(
        hand, wizard, f"{machine.backup}/laptop", str(machine.images)
    )
    wizard.reject()
    hand.until(hand.is_gone)
    assert list(machine.backup.iterdir()) == []


def test_closing_afterwards_says_what_is_there(
    hand: WizardHand, wizard: ArchiveWizard, machine: Machine
) -> None:
    make(hand, wizard, machine)
    hand.until(wizard.doing.is_complete)
    assert not wizard.back_button.isEnabled()
    wizard.close()
    assert wizard.isVisible()
    assert "is made, at" in hand.box().text()
    assert "recovery code is not shown again" in hand.box().text()
    assert hand.box().defaultButton().text() == "&Go on"


def test_closing_in_the_middle_of_the_making_is_asked_about(
    hand: WizardHand,
    wizard: ArchiveWizard,
    machine: Machine,
    engine: Engine,
) -> None:
    calls: "list[Call]" = []
    engine.called.connect(calls.append)
    make(hand, wizard, machine)
    making = calls[-1]
    assert "arch-init" in making.words and not making.is_over
    wizard.reject()
    assert "is being made" in hand.box().text()
    leave = hand.box().findChild(QAbstractButton, "close-all-the-same")
    assert isinstance(leave, QAbstractButton)
    leave.click()
    hand.until(hand.is_gone)
    # It goes on, and nobody who is gone is told of its end.
    hand.until(lambda: making.is_over)
    assert (machine.backup / "laptop" / "format").exists()


def test_failed_making_says_what_is_there_and_goes_on(
    hand: WizardHand, wizard: ArchiveWizard, machine: Machine
) -> None:
    go_to_passphrase(
        hand, wizard, f"{machine.backup}/laptop", str(machine.images)
    )
    own_passphrase(hand, PASSPHRASE)
    hand.on("page-schedule")
    without_a_timer(hand)
    hand.on("page-summary")
    gone = machine.root / "gone"
    os.rename(machine.backup, gone)
    hand.on("page-doing")
    retry = hand.find("retry", QAbstractButton)
    hand.until(retry.isVisible)
    assert "is its disk mounted" in hand.text("step-problem")
    assert not hand.find("skip", QAbstractButton).isVisible()
    assert not wizard.next_button.isEnabled()
    assert wizard.back_button.isEnabled()
    os.rename(gone, machine.backup)
    retry.click()
    hand.until(wizard.doing.is_complete)
    assert wizard.doing.is_proven


def test_failed_test_run_can_be_left_out_and_is_not_called_proven(
    hand: WizardHand, wizard: ArchiveWizard, machine: Machine
) -> None:
    go_to_passphrase(
        hand, wizard, f"{machine.backup}/laptop", str(machine.images)
    )
    own_passphrase(hand, PASSPHRASE)
    hand.on("page-schedule")
    without_a_timer(hand)
    hand.on("page-summary")
    (machine.images / "small.img").unlink()
    hand.on("page-doing")
    skip = hand.find("skip", QAbstractButton)
    hand.until(skip.isVisible)
    assert "small.img" in hand.text("step-problem")
    assert "Not yet there: a first backup" in hand.text("what-is-true")
    skip.click()
    hand.until(skip.isVisible)
    skip.click()
    hand.until(wizard.doing.is_complete)
    assert not wizard.doing.is_proven
    hand.on("page-sheet")
    hand.tick("have-sheet")
    hand.on("page-end")
    assert "bit for bit" not in hand.text("end-true")
    assert "proof that it can be read" in hand.text("end-true")


def test_going_back_to_another_place_after_a_failure_makes_it_there(
    hand: WizardHand, wizard: ArchiveWizard, machine: Machine
) -> None:
    (machine.backup / "sub").mkdir()
    go_to_passphrase(
        hand, wizard, f"{machine.backup}/sub/laptop", str(machine.images)
    )
    own_passphrase(hand, PASSPHRASE)
    hand.on("page-schedule")
    without_a_timer(hand)
    hand.on("page-summary")
    (machine.backup / "sub").rmdir()
    hand.on("page-doing")
    hand.until(hand.find("retry", QAbstractButton).isVisible)
    while wizard.page is not wizard.where:
        hand.press("back")
    hand.type("directory", f"{machine.backup}/laptop")
    for page in ("what", "passphrase", "schedule", "keep", "summary", "doing"):
        hand.on(f"page-{page}")
    hand.until(wizard.doing.is_complete)
    assert wizard.doing.is_proven


def test_no_timer_is_promised_where_none_can_be_set(
    hand: WizardHand, wizard: ArchiveWizard, machine: Machine
) -> None:
    go_to_passphrase(
        hand, wizard, f"{machine.backup}/laptop", str(machine.images)
    )
    own_passphrase(hand, PASSPHRASE)
    hand.on("page-schedule")
    assert hand.find("no-timers", QLabel).isVisible()
    assert not hand.find("every-daily", QAbstractButton).isEnabled()
    hand.on("page-keep")
    assert wizard.plan.every == "off"


def test_timer_that_cant_be_set_is_said_and_the_rest_is_done(
    hand: WizardHand, wizard: ArchiveWizard, machine: Machine
) -> None:
    go_to_passphrase(
        hand, wizard, f"{machine.backup}/laptop", str(machine.images)
    )
    own_passphrase(hand, PASSPHRASE)
    # As if it could be: that it can't is found out when it is tried.
    wizard.plan.has_timers = True
    hand.on("page-schedule")
    hand.tick("every-hourly")
    for page in ("keep", "summary", "doing"):
        hand.on(f"page-{page}")
    skip = hand.find("skip", QAbstractButton)
    hand.until(skip.isVisible)
    said = hand.text("step-problem")
    assert "systemd does not run" in said or "the timers are root's" in said
    assert "when backups run" in hand.text("what-is-true")
    skip.click()
    hand.until(wizard.doing.is_complete)
    assert wizard.doing.is_proven


def test_every_input_and_button_has_its_names(wizard: ArchiveWizard) -> None:
    for kind in (QLineEdit, QAbstractButton, QTreeView):
        for each in wizard.findChildren(kind):
            assert isinstance(each, QWidget)
            if isinstance(each.parent(), QLineEdit):
                continue  # Qt's own: it empties the line
            name = each.objectName()
            assert name, (kind, each.accessibleName())
            if name.startswith("qt_"):
                continue
            said = each.accessibleName()
            if isinstance(each, QAbstractButton):
                said = said or each.text()
            assert said, name
