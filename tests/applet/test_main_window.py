# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The main window over the real engine, and over reports of each state."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from PyQt6.QtCore import QSettings, Qt
from PyQt6.QtGui import QColor, QPalette
from PyQt6.QtWidgets import (
    QApplication,
    QDockWidget,
    QLabel,
    QPushButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from applet import reports
from applet.conftest import WAIT
from applet.reports import HOSTILE
from product.machine import OFF, Machine
from wyng_dom0.applet.application import Manager
from wyng_dom0.applet.board import READY
from wyng_dom0.applet.engine import Call, Engine
from wyng_dom0.applet.main_window import MainWindow
from wyng_dom0.applet.problem import ProblemBox
from wyng_dom0.applet.tray_state import Note

SELECT = "work"
# The actions that are calls, and the command of each.
CALLED = {
    "backup-all": "send",
    "check": "arch-check",
    "backup": "send",
    "include": "include",
    "exclude": "exclude",
    "protect": "protect",
    "verify": "verify",
    "refresh": "overview",
}


@pytest.fixture
def settings(tmp_path: Path) -> QSettings:
    return QSettings(str(tmp_path / "kept.ini"), QSettings.Format.IniFormat)


@pytest.fixture
def manager(
    engine: Engine, settings: QSettings, qtbot: QtBot
) -> Iterator[Manager]:
    made = Manager(engine, settings)
    qtbot.addWidget(made.window)
    yield made
    made.close()


@pytest.fixture
def backed_up(machine: Machine) -> Machine:
    """Three volumes in a clear archive, two of them sent."""
    machine.init(*OFF)
    for name in ("work", "mail", "vault"):
        machine.write(name, os.urandom(200_000))
    machine.run("send", "work", "mail")
    return machine


def started(manager: Manager, qtbot: QtBot) -> MainWindow:
    """The window once the first report is there."""
    with qtbot.waitSignal(manager.desk.status_changed, timeout=WAIT):
        manager.start(hidden=False)
    return manager.window


def shown_names(window: MainWindow) -> "list[str]":
    found = window.view.filter
    return [found.index(n, 0).data() for n in range(found.rowCount())]


def text_of(window: QWidget, name: str) -> str:
    label = window.findChild(QLabel, name)
    assert label is not None
    return str(label.text())


def give(manager: Manager, report: "dict[str, object]") -> MainWindow:
    """The window as if the engine had said this."""
    manager.desk.status = report
    manager.desk.status_changed.emit()
    manager.window.show()
    return manager.window


def look_of(window: MainWindow) -> "tuple[object, ...]":
    """What somebody who looks can see: windows, rows, the keyboard."""
    tops = QApplication.topLevelWidgets()
    # Without a screen no window is the active one for long.
    focus = window.focusWidget()
    return (
        sorted(w.objectName() + str(id(w)) for w in tops if w.isVisible()),
        focus.objectName() if focus else "",
        tuple(shown_names(window)),
        tuple(dock.isVisible() for dock in window.findChildren(QDockWidget)),
    )


def test_volumes_and_their_states_are_shown(
    manager: Manager, backed_up: Machine, qtbot: QtBot
) -> None:
    window = started(manager, qtbot)
    assert sorted(shown_names(window)) == ["mail", "vault", "work"]
    assert text_of(window, "headline-text") == "1 volume was never backed up."
    assert text_of(window, "headline-more") == "vault"
    assert text_of(window, "status-archive") == "Archive: a"
    assert "Free:" in text_of(window, "status-space")
    assert manager.tray.state.state == "problem"


def test_without_an_archive_two_ways_are_offered(
    manager: Manager, qtbot: QtBot
) -> None:
    window = started(manager, qtbot)
    for name, deed in (
        ("first-make", "new-archive"),
        ("first-open", "open-archive"),
    ):
        button = window.findChild(QPushButton, name)
        assert button is not None and button.isVisible()
        assert button.isEnabled() and window.deeds[deed].isEnabled()
    assert not window.deeds["backup-all"].isEnabled()


def test_every_action_calls_the_engine_or_changes_what_is_seen(
    manager: Manager, backed_up: Machine, qtbot: QtBot
) -> None:
    window = started(manager, qtbot)
    calls: "list[Call]" = []
    quits: "list[bool]" = []
    manager.desk.engine.called.connect(calls.append)
    window.quit_wanted.connect(lambda: quits.append(True))
    for id in window.deeds.ids():
        # What an earlier one ends with is no work of this one.
        until_quiet(manager, qtbot)
        close_others(window)
        window.view.setFocus()
        window.view.select_names({SELECT})
        if id == "include":
            window.view.select_names({"vault"})
        assert window.deeds[id].isEnabled(), id
        calls.clear()
        before = len(quits), look_of(window)
        window.deeds[id].trigger()

        def is_done(id: str = id, before: object = before) -> bool:
            if id in CALLED:
                return any(CALLED[id] in call.words for call in calls)
            return (len(quits), look_of(window)) != before

        qtbot.waitUntil(is_done, timeout=WAIT)
    until_quiet(manager, qtbot)
    close_others(window)


def test_what_was_asked_for_is_answered(
    manager: Manager, backed_up: Machine, qtbot: QtBot
) -> None:
    window = started(manager, qtbot)
    window.view.select_names({SELECT})
    window.deeds["protect"].trigger()
    qtbot.waitUntil(
        lambda: window.status.currentMessage()
        == "The newest session of work is protected.",
        timeout=WAIT,
    )
    # Out of reach, nothing runs, and a box says why.
    backed_up.backup.rename(backed_up.root / "unplugged")
    window.deeds["verify"].trigger()
    qtbot.waitUntil(lambda: bool(boxes(window)), timeout=WAIT)
    (box,) = boxes(window)
    assert "The verification failed" in box.text()
    until_quiet(manager, qtbot)
    close_others(window)


def boxes(window: MainWindow) -> "list[ProblemBox]":
    return [b for b in window.findChildren(ProblemBox) if b.isVisible()]


def close_others(window: MainWindow) -> None:
    for top in QApplication.topLevelWidgets():
        if top is not window and top.isVisible():
            top.close()


def until_quiet(manager: Manager, qtbot: QtBot) -> None:
    """Every call but the standing watch has come to its end."""

    def is_quiet() -> bool:
        log = manager.log
        going = [
            log.entry(n).words
            for n in range(log.rowCount())
            if log.entry(n).code is None
        ]
        return all("watch" in words for words in going)

    qtbot.waitUntil(is_quiet, timeout=WAIT)


def test_every_button_and_input_is_named_and_reached_by_keyboard(
    manager: Manager, backed_up: Machine, qtbot: QtBot
) -> None:
    window = started(manager, qtbot)
    seen, widget = [], window.view
    for _ in range(200):
        widget = widget.nextInFocusChain()
        if widget is window.view:
            break
        if widget.focusPolicy() & Qt.FocusPolicy.TabFocus:
            seen.append(widget.objectName())
    assert "filter-field" in seen and "headline-button" in seen
    for button in window.findChildren(QPushButton):
        assert button.objectName(), button.text()
    keys = [window.deeds[id].shortcut() for id in window.deeds.ids()]
    given = [key.toString() for key in keys if not key.isEmpty()]
    assert len(given) == len(set(given)) >= 8


def test_menus_have_mnemonics_of_their_own(
    manager: Manager, qtbot: QtBot
) -> None:
    for menu in (
        manager.window.bars.archive_menu,
        manager.window.bars.row_menu,
        manager.window.bars.view_menu,
    ):
        menu.aboutToShow.emit()
        texts = [a.text() for a in menu.actions() if a.text()]
        marks = [text[text.index("&") + 1].lower() for text in texts]
        assert len(marks) == len(set(marks)), texts


def test_typed_words_narrow_the_table_and_escape_nothing(
    manager: Manager, qtbot: QtBot
) -> None:
    window = give(manager, reports.overview(reports.EACH_STATE))
    qtbot.keyClicks(window.bars.filter, "never")
    assert shown_names(window) == ["dev"]


def test_switcher_shows_another_archive(manager: Manager, qtbot: QtBot) -> None:
    both = [reports.backup("ok", "one"), reports.backup("missing", "two")]
    report = reports.overview(
        [reports.volume("a:private", both), reports.volume("b", both[:1])],
        [reports.archive("one"), reports.archive("two", source="/images")],
    )
    window = give(manager, report)
    assert window.bars.archives.isVisibleTo(window)
    assert sorted(shown_names(window)) == ["a", "b"]
    window.bars.archives.setCurrentIndex(1)
    window.bars.archives.activated.emit(1)
    assert shown_names(window) == ["a"]
    assert text_of(window, "status-archive") == "Archive: two"


def test_names_from_outside_are_plain_text_everywhere(
    manager: Manager, qtbot: QtBot
) -> None:
    notes: "list[Note]" = []
    manager.tray.noted.connect(notes.append)
    bad = reports.backup("failed", error=HOSTILE, failed=reports.ago(1))
    window = give(
        manager,
        reports.overview(
            [reports.volume(HOSTILE, [bad])],
            [reports.archive(destination=HOSTILE)],
        ),
    )
    window.view.selectAll()
    qtbot.wait(1)
    for label in window.findChildren(QLabel):
        if "bold" in label.text():
            assert label.textFormat() == Qt.TextFormat.PlainText
        assert "\u202e" not in label.text()
        assert "<b>" not in label.toolTip()
    assert "<b>" not in manager.tray.icon.toolTip()
    (note,) = notes
    assert not set("<>&\u202e") & set(note.title + note.text)
    (row,) = manager.board.rows
    window.doing.back_up("laptop", [row.name])
    assert "\n" not in window.status.currentMessage()
    qtbot.waitUntil(lambda: bool(boxes(window)), timeout=WAIT)
    (box,) = boxes(window)
    assert box.textFormat() == Qt.TextFormat.PlainText
    assert "\u202e" not in box.text()
    until_quiet(manager, qtbot)
    close_others(window)


def test_what_could_not_be_told_is_said(manager: Manager, qtbot: QtBot) -> None:
    report = reports.overview([reports.volume("a:private")])
    report["problems"] = ["the source 'qubes' can't be read: " + HOSTILE]
    window = give(manager, report)
    more = text_of(window, "headline-more")
    assert "can't be read" in more and "\u202e" not in more


def test_dark_ground_has_light_signs(manager: Manager, qtbot: QtBot) -> None:
    window = give(manager, reports.overview(reports.EACH_STATE))
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    old = app.palette()
    light = sign_colour(window)
    try:
        app.setPalette(QPalette(QColor("#202020")))
        qtbot.waitUntil(lambda: sign_colour(window) > light, timeout=WAIT)
    finally:
        app.setPalette(old)


def sign_colour(window: MainWindow) -> int:
    """How light the signs of the toolbar are."""
    image = window.deeds["refresh"].icon().pixmap(32).toImage()
    points = [(x, y) for x in range(32) for y in range(32)]
    colours = [image.pixelColor(*point) for point in points]
    return max(c.lightness() for c in colours if c.alpha() > 200)


def test_report_that_fails_is_told_and_asked_again(
    tmp_path: Path, settings: QSettings, qtbot: QtBot
) -> None:
    manager = Manager(Engine(["/nowhere/qvm-wyng"]), settings)
    qtbot.addWidget(manager.window)
    with qtbot.waitSignal(manager.desk.trouble, timeout=WAIT):
        manager.start(hidden=False)
    said = text_of(manager.window, "headline-more")
    assert "can't be started" in said
    manager.close()


def test_closed_window_is_found_again_as_it_was(
    engine: Engine, settings: QSettings, qtbot: QtBot
) -> None:
    first = Manager(engine, settings)
    qtbot.addWidget(first.window)
    window = give(first, reports.overview(reports.EACH_STATE))
    window.resize(777, 555)
    window.close()
    first.close()
    second = Manager(engine, settings)
    qtbot.addWidget(second.window)
    assert second.window.size() == window.size()
    second.close()


def test_window_hides_where_there_is_a_tray_and_ends_where_there_is_none(
    manager: Manager, qtbot: QtBot
) -> None:
    window = give(manager, reports.overview([]))
    window.hides = True
    with qtbot.assertNotEmitted(window.quit_wanted):
        window.close()
    window.come_forward()
    assert window.isVisible()
    window.hides = False
    with qtbot.waitSignal(window.quit_wanted, timeout=WAIT):
        window.close()
    assert manager.board.state != READY or manager.board.archives
