# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The window of earlier versions, over a real archive."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, List

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QListWidget,
    QMenu,
    QPushButton,
)
from pytestqt.qtbot import QtBot

from applet.conftest import WAIT
from applet.test_timeline import made
from applet.windows_rig import (
    Watcher,
    check_plain,
    check_reachable,
    child,
    clipboard,
    label,
    press,
    until,
    write,
)
from product.machine import DATA, Machine, Template
from wyng_dom0.applet.compare_dialog import CompareDialog
from wyng_dom0.applet.delete_dialog import DeleteDialog
from wyng_dom0.applet.desk import Desk
from wyng_dom0.applet.engine import Engine
from wyng_dom0.applet.points import ALL, Point
from wyng_dom0.applet.restore_dialog import RestoreDialog
from wyng_dom0.applet.runs import DONE, Run
from wyng_dom0.applet.sessions_model import POINT_ROLE, TAGS
from wyng_dom0.applet.sessions_window import SessionsWindow

HOSTILE = "<b>bold</b>\u202eab"
TAG = "<img>"
SECOND = b"x" * 5000 + DATA[5000:]
THIRD = SECOND[:150_000] + b"y" * 50_000


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    sends = [{"disk": DATA}, {"disk": SECOND}, {"disk": THIRD}]
    root = tmp_path_factory.mktemp("sessions")
    return Template(root, "--encrypt=off", sends=sends)


@pytest.fixture
def machine(template: Template) -> Machine:
    return template.fresh()


@pytest.fixture
def window(desk: Desk, qtbot: QtBot) -> Iterator[SessionsWindow]:
    yield opened(desk, qtbot, "disk", 3)


def opened(
    desk: Desk, qtbot: QtBot, volume: str, sessions: int
) -> SessionsWindow:
    window = SessionsWindow(desk, "a", volume)
    qtbot.addWidget(window)
    window.show()
    until(qtbot, lambda: len(window.load.points) == sessions)
    return window


def choose(window: SessionsWindow, *places: int) -> List[Point]:
    points = [window.load.points[at] for at in places]
    window.table.choose_all(points)
    return points


def do(window: SessionsWindow, name: str) -> None:
    action = window.actions_by_id[name]
    assert action.isEnabled(), name
    action.trigger()


def reloaded(
    qtbot: QtBot, window: SessionsWindow, true: Callable[[], bool]
) -> None:
    until(qtbot, lambda: not window.deeds.strip.is_running and true())


def dialog(qtbot: QtBot, window: SessionsWindow, kind: Any) -> Any:
    until(qtbot, lambda: window.findChildren(kind))
    return window.findChildren(kind)[-1]


def test_newest_session_is_first_and_all_are_there(
    window: SessionsWindow,
) -> None:
    shown = [
        window.model.index(at, 1).data()
        for at in range(window.model.rowCount())
    ]
    assert shown == sorted(shown, reverse=True) and len(shown) == 3
    assert sum(each.count for each in window.timeline.shown_dots) == 3


def test_timeline_and_table_follow_each_other(
    window: SessionsWindow, qtbot: QtBot
) -> None:
    qtbot.keyClick(window.timeline, Qt.Key.Key_Home)
    assert window.chosen == [window.load.points[0]]
    choose(window, 2)
    assert window.timeline.current_point is window.load.points[2]


def test_protected_session_is_kept_and_let_go_again(
    window: SessionsWindow, qtbot: QtBot
) -> None:
    choose(window, 0, 1)
    do(window, "protect")
    reloaded(
        qtbot,
        window,
        lambda: [p.pinned == ALL for p in window.load.points]
        == [True, True, False],
    )
    # What was chosen still is.
    assert len(window.chosen) == 2
    assert not window.actions_by_id["protect"].isEnabled()
    do(window, "unprotect")
    reloaded(
        qtbot,
        window,
        lambda: all(p.pinned == "none" for p in window.load.points),
    )


def test_verified_session_is_proven(
    window: SessionsWindow, qtbot: QtBot
) -> None:
    choose(window, 1)
    do(window, "verify")
    assert not window.actions_by_id["delete"].isEnabled()
    reloaded(qtbot, window, lambda: window.load.points[1].proven is not None)
    assert window.load.points[0].proven is None


def test_names_are_copied(window: SessionsWindow) -> None:
    points = choose(window, 0, 2)
    do(window, "copy")
    assert sorted(clipboard().split("\n")) == [p.session for p in points]


def test_measure_shows_what_each_alone_holds(
    window: SessionsWindow, qtbot: QtBot
) -> None:
    assert window.table.isColumnHidden(9)
    do(window, "measure")
    until(qtbot, lambda: window.load.measured)
    assert not window.table.isColumnHidden(9)
    first = window.load.points[0]
    assert first.unique is not None and first.shared is not None
    assert first.unique + first.shared == first.size


def test_filter_shows_only_what_has_the_words(window: SessionsWindow) -> None:
    wanted = window.load.points[1].session
    write(window, "filter", wanted)
    assert window.model.rowCount() == 1
    # What the filter hides is shown when it is picked.
    window.choose_point(window.load.points[0])
    assert window.model.rowCount() == 3
    assert window.chosen == [window.load.points[0]]


def test_two_sessions_are_compared_the_older_first(
    window: SessionsWindow, qtbot: QtBot
) -> None:
    choose(window, 2, 1)
    do(window, "compare")
    found = dialog(qtbot, window, CompareDialog)
    until(qtbot, lambda: found.found is not None)
    assert not found.found.same and found.found.whole_chunks
    assert found.found.ranges == ((131072, 68928),)
    press(found, "copy-ranges")
    assert clipboard() == "131072\t68928\n"


def test_session_is_compared_with_the_volume_as_it_is(
    window: SessionsWindow, qtbot: QtBot, machine: Machine
) -> None:
    choose(window, 2)
    do(window, "now")
    found = dialog(qtbot, window, CompareDialog)
    child(found, QCheckBox, "quick").setChecked(False)
    press(found, "compare-now")
    until(qtbot, lambda: found.found is not None)
    assert found.found.same
    machine.write("disk", b"z" + THIRD[1:])
    press(found, "compare-now")
    until(qtbot, lambda: found.found is not None and not found.found.same)
    assert found.found.bytes == 1 and found.found.ranges == ((0, 1),)


def test_delete_says_what_goes_and_wants_the_name(
    window: SessionsWindow, qtbot: QtBot, machine: Machine
) -> None:
    points = choose(window, 1, 2)
    do(window, "delete")
    found = dialog(qtbot, window, DeleteDialog)
    items = child(found, QListWidget, "consequences")
    until(qtbot, lambda: items.count() == 2)
    said = [items.item(at).text() for at in range(2)]
    assert said[0].startswith("Goes") and points[0].session in said[0]
    assert said[1].startswith("Stays") and "newest" in said[1]
    assert "given back" in label(found, "said")
    button = child(found, QPushButton, "delete-now")
    for typed in ("", "dis", "disk2"):
        write(found, "typed-name", typed)
        assert not button.isEnabled()
    assert len(machine.sessions("disk")) == 3
    write(found, "typed-name", "disk")
    press(found, "delete-now")
    until(qtbot, lambda: len(window.load.points) == 2)
    assert points[0].session not in machine.sessions("disk")


def test_protected_session_is_not_deleted(
    window: SessionsWindow, qtbot: QtBot, machine: Machine
) -> None:
    (point,) = choose(window, 0)
    machine.run(f"--session={point.session}", "protect", "disk")
    do(window, "delete")
    found = dialog(qtbot, window, DeleteDialog)
    until(qtbot, lambda: label(found, "said").startswith("None of them"))
    write(found, "typed-name", "disk")
    assert not child(found, QPushButton, "delete-now").isEnabled()


def test_every_action_does_something(
    window: SessionsWindow, qtbot: QtBot, engine: Engine
) -> None:
    watcher = Watcher(engine, window, qtbot)
    for name, action in window.actions_by_id.items():
        for chosen in ((0,), (0, 1)):
            choose(window, *chosen)
            if action.isEnabled():
                break
        if name == "unprotect":
            # Only where something is protected, which its own test sees.
            assert not action.isEnabled()
            continue
        assert watcher.sees(action.trigger), name
        for each in window.findChildren(QDialog):
            each.close()
        until(qtbot, lambda: not window.deeds.strip.is_running)
        if name == "protect":
            until(qtbot, lambda: window.load.points[0].pinned == ALL)
            choose(window, 0)
            do(window, "unprotect")
            until(qtbot, lambda: window.load.points[0].pinned == "none")


def test_every_button_of_the_timeline_does_something(
    window: SessionsWindow, qtbot: QtBot, engine: Engine
) -> None:
    watcher = Watcher(engine, window, qtbot)
    for sign in ("closer", "whole", "closer", "farther"):
        name = f"timeline-{sign}"
        assert watcher.sees(partial(press, window, name)), sign


def test_menu_has_the_same_actions(
    window: SessionsWindow, qtbot: QtBot
) -> None:
    choose(window, 0)
    window.table.customContextMenuRequested.emit(window.table.rect().center())
    menu = child(window, QMenu, "session-menu")
    listed = [a.objectName() for a in menu.actions() if a.objectName()]
    assert sorted(listed) == sorted(
        a.objectName() for a in window.actions_by_id.values()
    )
    menu.close()


def test_all_that_takes_the_keyboard_says_what_it_is(
    window: SessionsWindow,
) -> None:
    check_reachable(window)


def test_hostile_names_and_tags_are_text(
    desk: Desk, qtbot: QtBot, machine: Machine
) -> None:
    machine.write(HOSTILE, DATA)
    machine.run("send", f"--tag={TAG},<i>why</i>", HOSTILE)
    window = opened(desk, qtbot, HOSTILE, 1)
    choose(window, 0)
    assert window.model.index(0, TAGS).data() == TAG
    told = window.model.index(0, 0).data(int(Qt.ItemDataRole.ToolTipRole))
    assert "<img>" not in told and "<i>" not in told
    check_plain(window, "<b>")
    do(window, "restore")
    restore = dialog(qtbot, window, RestoreDialog)
    until(qtbot, lambda: restore.form is not None)
    check_plain(restore, "<b>")
    do(window, "delete")
    delete = dialog(qtbot, window, DeleteDialog)
    check_plain(delete, "<b>")


def test_archive_that_can_not_be_had_is_told(
    desk: Desk, qtbot: QtBot, machine: Machine
) -> None:
    (machine.backup / "a").rename(machine.backup / "gone")
    window = SessionsWindow(desk, "a", "disk")
    qtbot.addWidget(window)
    window.show()
    problem = []
    window.load.failed.connect(problem.append)
    until(qtbot, lambda: problem)
    assert problem[0].code != 0 and "could not" in label(window, "said")
    assert not window.actions_by_id["restore"].isEnabled()


@pytest.mark.parametrize("end", ["close", "reject"])
def test_closed_window_is_gone_and_deaf(
    desk: Desk, qtbot: QtBot, end: str
) -> None:
    """Escape rejects it, and says nothing of a close."""
    window = SessionsWindow(desk, "a", "disk")
    window.show()
    until(qtbot, lambda: window.load.points)
    with qtbot.waitSignal(window.destroyed, timeout=WAIT):
        getattr(window, end)()
    desk.run_ended.emit(Run("send-1", "send", "a", DONE))


def test_only_rows_in_sight_are_asked_for(qtbot: QtBot, desk: Desk) -> None:
    window = SessionsWindow(desk, "a", "disk")
    qtbot.addWidget(window)
    asked = []
    real = window.model.data

    def counted(*words: Any) -> Any:
        asked.append(words)
        return real(*words)

    window.model.data = counted  # type: ignore[method-assign]
    window.model.show(window.load.subject, made(20_000))
    window.show()
    qtbot.waitExposed(window)
    window.table.scrollToBottom()
    window.grab()
    assert 0 < len(asked) < 40_000
    assert window.model.index(0, 0).data(POINT_ROLE) is not None


def test_volumes_of_a_qube_can_be_looked_at_by_themselves(
    window: SessionsWindow,
) -> None:
    """Without qubes there is nothing to choose from."""
    assert child(window, QComboBox, "which-volume").isHidden()
