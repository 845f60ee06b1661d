# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The settings, tab by tab, over the real engine: each change is one call."""

from functools import partial
from pathlib import Path
from typing import Callable, Type, TypeVar

import pytest
from PyQt6 import sip
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QDialog,
    QLabel,
    QLineEdit,
    QTreeView,
    QWidget,
)
from pytestqt.qtbot import QtBot

from applet.conftest import WAIT
from applet.wizard_hand import Hand
from product.machine import DATA, PASSPHRASE, Machine, Template
from wyng_dom0.applet.archive_options import options_in
from wyng_dom0.applet.desk import Desk
from wyng_dom0.applet.engine import Call, Engine, Outcome
from wyng_dom0.applet.key_change import NewPassphrase
from wyng_dom0.applet.problem import ProblemBox
from wyng_dom0.applet.settings_dialog import SettingsDialog
from wyng_dom0.applet.settings_keep import KeepTab
from wyng_dom0.applet.settings_limits import LimitsTab
from wyng_dom0.applet.settings_tab import SettingsTab
from wyng_dom0.applet.sheet_dialog import SheetDialog
from wyng_dom0.applet.typed_dialog import TypedDialog
from wyng_dom0.applet.unlocking import PassphraseDialog
from wyng_dom0.applet.wizard import ArchiveWizard, ExistingArchiveWizard

Kind = TypeVar("Kind", bound=QWidget)
NEW = "v#9Kq!xZ2m&Lr8Tw"


@pytest.fixture(scope="module")
def _sealed(tmp_path_factory: pytest.TempPathFactory) -> Template:
    root = tmp_path_factory.mktemp("sealed") / "m"
    root.mkdir(parents=True)
    (root / "passphrase").write_text(PASSPHRASE + "\n")
    passcmd = f"--passcmd=cat {root}/passphrase"
    return Template(root, "--remember", passcmd, volumes={"a.img": DATA})


@pytest.fixture
def machine(_sealed: Template) -> Machine:
    """A machine with a sealed archive whose key it keeps."""
    made = _sealed.fresh()
    (made.root / "passphrase").write_text(PASSPHRASE + "\n")
    return made


class SettingsHand(Hand):
    """Finds what the settings open, and waits for what they do."""

    def __init__(
        self, qtbot: QtBot, dialog: SettingsDialog, desk: Desk
    ) -> None:
        super().__init__(qtbot, dialog)
        self.dialog, self.desk = dialog, desk

    def opened(self, kind: Type[Kind]) -> Kind:
        self.until(lambda: self._open(kind) is not None)
        found = self._open(kind)
        assert found is not None
        return found

    def closed(self, kind: Type[Kind]) -> None:
        self.until(lambda: self._open(kind) is None)

    def gone(self, dialog: QWidget) -> bool:
        return bool(sip.isdeleted(dialog)) or not dialog.isVisible()

    def _open(self, kind: Type[Kind]) -> "Kind | None":
        shown = [w for w in self.dialog.findChildren(kind) if w.isVisible()]
        return shown[-1] if shown else None

    def slots(self) -> "list[str]":
        return self.column("key-slots", 1)

    def column(self, view: str, number: int) -> "list[str]":
        model = self.find(view, QTreeView).model()
        assert model is not None
        return [
            str(model.index(row, number).data())
            for row in range(model.rowCount())
        ]


@pytest.fixture
def hand(
    qtbot: QtBot, desk: Desk, machine: Machine, window: QWidget
) -> SettingsHand:
    with qtbot.waitSignal(desk.status_changed, timeout=WAIT):
        desk.refresh()
    made = SettingsHand(qtbot, SettingsDialog(desk, "a", window), desk)
    made.dialog.show_tab("tab-keys")
    made.until(lambda: made.slots() == ["Passphrase"])
    return made


def press_in(dialog: QWidget, name: str) -> None:
    found = dialog.findChild(QAbstractButton, name)
    assert isinstance(found, QAbstractButton) and found.isEnabled(), name
    found.click()


def type_in(dialog: QWidget, name: str, text: str) -> None:
    found = dialog.findChild(QLineEdit, name)
    assert isinstance(found, QLineEdit), name
    found.setText(text)


def choose_new(hand: SettingsHand) -> None:
    """An own passphrase in the dialog that is open."""
    dialog = hand.opened(NewPassphrase)
    press_in(dialog, "own-passphrase")
    type_in(dialog, "own-first", NEW)
    type_in(dialog, "own-second", NEW)
    press_in(dialog, "next")
    hand.closed(NewPassphrase)


def opens(machine: Machine, secret: str) -> bool:
    """Whether a machine that knows nothing can open it so."""
    words = [f"--meta-dir={machine.root}/none", f"--from={machine.dest()}"]
    path = machine.root / "tried"
    path.write_text(secret + "\n")
    done = machine.bare(*words, f"--passcmd=cat {path}", "list")
    path.unlink()
    assert done.returncode in (0, 3), done.stderr
    return done.returncode == 0


def test_code_that_is_added_is_shown_once_and_opens(
    hand: SettingsHand, machine: Machine
) -> None:
    hand.press("add-code")
    sheet = hand.opened(SheetDialog)
    hand.until(lambda: hand.slots() == ["Passphrase", "Recovery code"])
    text = sheet.view.browser.toPlainText()
    assert "shown only now" in sheet.findChild(QLabel, "shown-once").text()
    code = [line.strip()[2:] for line in text.splitlines() if _is_code(line)]
    assert len(code) == 4 and opens(machine, " ".join(code))
    assert machine.dest() in text and "slot 1: " in text
    sheet.reject()


def _is_code(line: str) -> bool:
    words = line.split()
    return len(words) == 3 and words[0] in "1234" and words[1][4:5] == "-"


def test_passphrase_is_changed_where_the_key_is_kept(
    hand: SettingsHand, machine: Machine
) -> None:
    hand.press("change-passphrase")
    choose_new(hand)
    hand.until(lambda: "is changed" in hand.text("tab-keys-said"))
    assert opens(machine, NEW) and not opens(machine, PASSPHRASE)


def test_old_passphrase_is_asked_for_where_no_key_is_kept(
    hand: SettingsHand, machine: Machine
) -> None:
    machine.run("forget")
    hand.press("change-passphrase")
    choose_new(hand)
    for typed in ("wrong", PASSPHRASE):
        asked = hand.opened(PassphraseDialog)
        type_in(asked, "passphrase-field", typed)
        asked.accept()
        hand.until(partial(hand.gone, asked))
    hand.until(lambda: "is changed" in hand.text("tab-keys-said"))
    assert opens(machine, NEW) and not opens(machine, PASSPHRASE)


def test_giving_up_changes_nothing(
    hand: SettingsHand, machine: Machine
) -> None:
    machine.run("forget")
    hand.press("change-passphrase")
    choose_new(hand)
    hand.opened(PassphraseDialog).reject()
    hand.until(lambda: "Nothing was changed" in hand.text("tab-keys-said"))
    assert opens(machine, PASSPHRASE) and not opens(machine, NEW)
    assert hand.slots() == ["Passphrase"]


def test_key_is_removed_when_the_name_was_typed(
    hand: SettingsHand, machine: Machine
) -> None:
    machine.run("--recovery", "key", "add")
    hand.dialog.tabs[-1].show_archive("a")
    keys = hand.find("tab-keys", QWidget)
    assert keys is not None
    hand.dialog._show_archive()
    hand.until(lambda: len(hand.slots()) == 2)
    hand.press("remove-key")
    dialog = hand.opened(TypedDialog)
    does = dialog.findChild(QAbstractButton, "do-it")
    assert isinstance(does, QAbstractButton)
    type_in(dialog, "typed-name", "b")
    assert not does.isEnabled()
    type_in(dialog, "typed-name", "a")
    does.click()
    hand.until(lambda: hand.slots() == ["Recovery code"])
    assert not opens(machine, PASSPHRASE)
    assert not hand.find("remove-key", QAbstractButton).isEnabled()


def test_key_is_kept_and_forgotten_here(
    hand: SettingsHand, machine: Machine
) -> None:
    hand.press("forget-key")
    hand.until(lambda: "not kept here any more" in hand.text("tab-keys-said"))
    assert machine.bare(f"--meta-dir={machine.state}", "list").returncode == 3
    hand.press("keep-key")
    asked = hand.opened(PassphraseDialog)
    type_in(asked, "passphrase-field", PASSPHRASE)
    asked.accept()
    hand.until(lambda: "is kept on this" in hand.text("tab-keys-said"))
    machine.run("list")


def test_failure_is_said_and_leaves_the_list_as_it_was(
    hand: SettingsHand, machine: Machine
) -> None:
    machine.backup.rename(machine.root / "gone")
    hand.press("add-code")
    box = hand.opened(ProblemBox)
    assert "No recovery code was made" in box.text()
    assert hand.slots() == ["Passphrase"]
    assert "Nothing was changed" in hand.text("tab-keys-said")
    (machine.root / "gone").rename(machine.backup)
    assert not hand.dialog.findChild(SheetDialog)


@pytest.mark.parametrize(
    "button, stays", [("delete-archive", False), ("forget-archive", True)]
)
def test_archive_is_deleted_or_forgotten_when_its_name_was_typed(
    hand: SettingsHand, machine: Machine, button: str, stays: bool
) -> None:
    machine.init("--encrypt=off", name="other")
    hand.desk.refresh()
    hand.dialog.show_tab("tab-archives")
    hand.until(lambda: len(hand.column("archives", 0)) == 2)
    choice = hand.find("settings-archive", QComboBox)
    choice.setCurrentText("other")
    hand.press(button)
    dialog = hand.opened(TypedDialog)
    type_in(dialog, "typed-name", "other")
    press_in(dialog, "do-it")
    hand.until(lambda: hand.column("archives", 0) == ["a (default)"])
    assert (machine.backup / "other" / "format").exists() == stays
    assert hand.dialog.archive == "a"


def test_archive_that_is_used_as_default_is_marked_and_meant(
    hand: SettingsHand, machine: Machine
) -> None:
    machine.init("--encrypt=off", name="other")
    hand.desk.refresh()
    hand.dialog.show_tab("tab-archives")
    hand.until(lambda: len(hand.column("archives", 0)) == 2)
    use = hand.find("default-archive", QAbstractButton)
    assert hand.dialog.archive == "a" and not use.isEnabled(), "it is that"
    hand.find("settings-archive", QComboBox).setCurrentText("other")
    hand.press("default-archive")
    named = ["other (default)", "a"]
    hand.until(lambda: hand.column("archives", 0) == named)
    hand.until(
        lambda: "is the default one now" in hand.text("tab-archives-said")
    )
    assert not use.isEnabled()
    assert "The archive other has no volumes" in machine.run("list")


def test_schedule_says_when_nothing_can_be_set(
    hand: SettingsHand, machine: Machine
) -> None:
    if Path("/run/systemd/system").is_dir():
        pytest.skip("systemd runs here")
    hand.dialog.show_tab("tab-schedule")
    hand.until(lambda: "systemd does not run" in hand.text("next-run"))
    for name in ("apply-schedule", "undo-schedule", "every-daily"):
        assert not hand.find(name, QAbstractButton).isEnabled()


def test_every_button_calls_the_engine_or_opens_something(
    hand: SettingsHand, engine: Engine, qtbot: QtBot
) -> None:
    calls: "list[Call]" = []
    engine.called.connect(calls.append)
    opened = (
        *(NewPassphrase, TypedDialog, SheetDialog, PassphraseDialog),
        *(ArchiveWizard, ExistingArchiveWizard),
    )

    def changed(before: int) -> Callable[[], bool]:
        return lambda: (
            len(calls) > before
            or any(hand.dialog.findChildren(kind) for kind in opened)
        )

    tried = []
    for tab in hand.dialog.tabs:
        hand.dialog.show_tab(tab.objectName())
        # One that goes on may hold the archive from the next tab's.
        hand.until(lambda: all(call.is_over for call in calls))
        for found in tab.findChildren(QAbstractButton):
            hand.until(partial(is_idle, hand.dialog, tab))
            if not (found.isEnabled() and found.isVisible()):
                continue
            if found.isCheckable():
                continue
            before = len(calls)
            found.click()
            qtbot.waitUntil(changed(before), timeout=WAIT)
            tried.append(found.objectName())
            close_all(hand.dialog)
    assert len(tried) >= 7, tried


def is_idle(dialog: QDialog, tab: SettingsTab) -> bool:
    """Once nothing is asked any more."""
    close_all(dialog)
    return not tab.is_busy


def close_all(dialog: QDialog) -> None:
    """As Escape does; a wizard that has made nothing asks nothing."""
    for each in dialog.findChildren(QDialog):
        if not sip.isdeleted(each):
            each.reject()


@pytest.mark.parametrize("said", ["<b>x</b>", "a\u202eb", "<img src=x>"])
def test_hostile_words_of_a_report_are_plain_text(
    hand: SettingsHand, said: str
) -> None:
    row = {"name": said, "destination": said, "source": said}
    hand.desk.status = {"archives": [row]}
    hand.desk.status_changed.emit()
    for number in range(3):
        (text,) = hand.column("archives", number)
        assert "\u202e" not in text
    for label in hand.dialog.findChildren(QLabel):
        if said[:2] in label.text():
            assert label.textFormat() == Qt.TextFormat.PlainText


def test_passphrases_are_in_no_word_of_a_call(
    hand: SettingsHand, engine: Engine, machine: Machine
) -> None:
    words: "list[str]" = []
    engine.called.connect(lambda call: words.extend(call.words))
    hand.press("change-passphrase")
    choose_new(hand)
    hand.until(lambda: "is changed" in hand.text("tab-keys-said"))
    assert words and not [each for each in words if NEW in each]
    found = [
        path
        for path in machine.state.rglob("*")
        if path.is_file() and NEW.encode() in path.read_bytes()
    ]
    assert found == []


def configured(machine: Machine) -> "dict[str, str]":
    """What is set for the archive itself."""
    (report,) = machine.objects("configure")
    rows = report["options"]
    return {row["key"]: row["stored"] for row in rows if row["stored"]}


def test_rules_are_set_shown_again_and_taken_back(
    hand: SettingsHand, machine: Machine
) -> None:
    hand.dialog.show_tab("tab-keep")
    all_of = hand.find("keep-all", QAbstractButton)
    hand.until(all_of.isEnabled)
    assert all_of.isChecked()
    assert "older than 62 days" in hand.text("keep-note")
    hand.tick("keep-short")
    hand.find("autoprune", QComboBox).setCurrentIndex(0)
    hand.press("apply-rules")
    hand.until(lambda: "from now on" in hand.text("tab-keep-said"))
    rules = {"keep-hourly": "24", "keep-daily": "7", "keep-weekly": "4"}
    assert configured(machine) == {**rules, "autoprune": "full"}
    assert not hand.find("apply-rules", QAbstractButton).isEnabled()
    hand.tick("keep-all")
    hand.press("undo-rules")
    assert hand.find("keep-short", QAbstractButton).isChecked()
    hand.tick("keep-all")
    hand.press("apply-rules")
    wanted = {"apdays": "0:0:1:1", "autoprune": "full"}
    hand.until(lambda: configured(machine) == wanted)
    assert hand.text("keep-note") == ""


def test_rules_that_fail_leave_the_fields_as_they_were(
    hand: SettingsHand, machine: Machine
) -> None:
    hand.dialog.show_tab("tab-keep")
    hand.until(hand.find("keep-all", QAbstractButton).isEnabled)
    hand.find("autoprune", QComboBox).setCurrentIndex(1)
    hand.type("min-free-space", "a lot")
    hand.press("apply-rules")
    assert "not changed" in hand.opened(ProblemBox).text()
    assert hand.find("min-free-space", QLineEdit).text() == "a lot"
    assert configured(machine) == {}
    hand.press("undo-rules")
    assert hand.find("min-free-space", QLineEdit).text() == ""


def test_what_would_go_is_told_without_removing_it(
    hand: SettingsHand, machine: Machine
) -> None:
    for data in (b"x", b"y"):
        machine.write("a.img", data * 100)
        machine.run("send", "a.img")
    before = machine.sessions("a.img")
    hand.dialog.show_tab("tab-keep")
    hand.until(hand.find("try-rules", QAbstractButton).isEnabled)
    hand.tick("keep-short")
    hand.press("try-rules")
    hand.until(
        lambda: "sessions would be removed" in hand.text("tab-keep-said")
    )
    assert f"of {len(before)} sessions" in hand.text("tab-keep-said")
    assert machine.sessions("a.img") == before and configured(machine) == {}


def test_limits_are_set_and_what_is_wrong_is_said(
    hand: SettingsHand, machine: Machine
) -> None:
    hand.dialog.show_tab("tab-limits")
    rate = hand.find("limit-rate", QLineEdit)
    hand.until(rate.isEnabled)
    assert hand.find("guard-data", QLineEdit).placeholderText() == "90"
    rate.setText("nonsense")
    hand.press("apply-limits")
    hand.opened(ProblemBox)
    assert rate.text() == "nonsense" and configured(machine) == {}
    rate.setText("2M")
    hand.type("guard-data", "80")
    hand.press("apply-limits")
    hand.until(lambda: "are set" in hand.text("tab-limits-said"))
    assert configured(machine) == {"limit-rate": "2M", "guard-data": "80"}
    rate.setText("")
    hand.press("apply-limits")
    hand.until(lambda: configured(machine) == {"guard-data": "80"})


@pytest.mark.parametrize("key", ["value", "stored", "default"])
def test_hostile_options_of_a_report_are_passed_over(key: str) -> None:
    row = {"key": "keep-daily", "origin": "archive", key: "<b>9</b>"}
    more = {"key": "keep-hourly", key: "9" * 300}
    found = options_in({"options": [row, more, 5, {"key": []}]})
    assert found.counts == {} and found.other_rules == ()


def test_what_the_configuration_file_says_goes_before(
    hand: SettingsHand,
) -> None:
    row = {"key": "limit-rate", "value": "9M", "origin": "config"}
    report = {"kind": "configure", "rules_in_config": True, "options": [row]}
    outcome = Outcome(0, reports=(report,))
    keep, limits = hand.dialog.tabs[2], hand.dialog.tabs[4]
    assert isinstance(keep, KeepTab) and isinstance(limits, LimitsTab)
    keep._take(outcome)
    limits._take(outcome)
    assert keep.fields.isHidden()
    assert "configuration file has rules" in hand.text("keep-note")
    rate = hand.find("limit-rate", QLineEdit)
    assert rate.text() == "9M" and not rate.isEnabled()
    assert "limit-rate" in hand.text("limits-note")
    assert not hand.find("apply-limits", QAbstractButton).isEnabled()
