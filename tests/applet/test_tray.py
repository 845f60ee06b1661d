# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The tray: its states, its menu, and one notification for each cause."""

from collections.abc import Iterator
from typing import Any

import pytest
from PyQt6.QtGui import QImage
from pytestqt.qtbot import QtBot

from applet import reports
from applet.reports import HOSTILE
from wyng_dom0.applet.board import Board
from wyng_dom0.applet.desk import Desk
from wyng_dom0.applet.engine import Engine
from wyng_dom0.applet.runs import folded
from wyng_dom0.applet.tray import Tray
from wyng_dom0.applet.tray_icons import (
    ASKED,
    DUE,
    OK,
    PAUSED,
    PROBLEM,
    RUNNING,
    SIZES,
    tray_icon,
)
from wyng_dom0.applet.tray_state import Note

STATES = (OK, RUNNING, PAUSED, ASKED, DUE, PROBLEM)
WELL = reports.overview([reports.volume("a:private")])
BAD = reports.backup("failed", failed=reports.ago(1), error="no disk")
FAILED = reports.overview([reports.volume("a:private", [BAD])])


@pytest.fixture
def desk(qapp: object) -> Iterator[Desk]:
    """A desk that asks nothing: what it knows is given to it."""
    yield Desk(Engine(["true"]))


@pytest.fixture
def tray(desk: Desk) -> Tray:
    return Tray(desk, Board(desk, desk))


def give(desk: Desk, report: "dict[str, Any]") -> None:
    desk.status = report
    desk.status_changed.emit()


def hear(desk: Desk, run: str, **said: Any) -> None:
    desk.runs[run] = folded(desk.runs, {"run": run, **said}, 0.0)
    if desk.runs[run].is_over:
        desk.run_ended.emit(desk.runs[run])
    desk.status_changed.emit()


def notes_of(tray: Tray) -> "list[Note]":
    found: "list[Note]" = []
    tray.noted.connect(found.append)
    return found


def ink(image: QImage) -> "frozenset[tuple[int, int]]":
    """Where something is painted, whatever its colour."""
    return frozenset(
        (x, y)
        for x in range(image.width())
        for y in range(image.height())
        if image.pixelColor(x, y).alpha() > 127
    )


def grey(image: QImage) -> "tuple[int, ...]":
    """What who sees no colours sees."""
    return tuple(
        image.pixelColor(x, y).lightness() // 64
        for x in range(image.width())
        for y in range(image.height())
    )


@pytest.mark.parametrize("size", SIZES[:2])
def test_states_are_told_apart_without_their_colour(
    qapp: object, size: int
) -> None:
    images = [tray_icon(s, 40).pixmap(size).toImage() for s in STATES]
    looks = {(ink(image), grey(image)) for image in images}
    assert len(looks) == len(STATES)


def test_percent_is_in_the_icon(qapp: object) -> None:
    low, high = (
        tray_icon(RUNNING, part).pixmap(22).toImage() for part in (10, 90)
    )
    assert grey(low) != grey(high)


def test_state_follows_what_is_known(tray: Tray, desk: Desk) -> None:
    give(desk, WELL)
    assert tray.state.state == OK
    give(desk, FAILED)
    assert tray.state.state == PROBLEM
    late = reports.backup("overdue", sent=reports.ago(99))
    give(desk, reports.overview([reports.volume("a:private", [late])]))
    assert tray.state.state == DUE
    tray.show_asked(2)
    assert tray.state.state == ASKED
    hear(desk, "send-1", event="run-started", archive="laptop", command="send")
    hear(desk, "send-1", event="overall", done_bytes=1, total_bytes=4)
    assert (tray.state.state, tray.state.percent) == (RUNNING, 25)
    assert "25 %" in tray.icon.toolTip()
    hear(desk, "send-1", event="paused")
    assert tray.state.state == PAUSED


def test_cause_is_told_once_until_it_is_gone(tray: Tray, desk: Desk) -> None:
    notes = notes_of(tray)
    give(desk, WELL)
    assert notes == []
    for _ in range(3):
        give(desk, FAILED)
    assert [note.text for note in notes] == [
        "1 qube could not be backed up.\na: no disk"
    ]
    # A try that is under way does not make it a new one.
    started = {"archive": "laptop", "volumes": ["a:private"]}
    hear(desk, "send-1", event="run-started", command="send", **started)
    hear(desk, "send-1", event="run-left")
    assert len(notes) == 1
    give(desk, WELL)
    give(desk, FAILED)
    assert len(notes) == 2


def test_another_cause_is_told_too(tray: Tray, desk: Desk) -> None:
    notes = notes_of(tray)
    give(desk, FAILED)
    other = reports.backup("failed", failed=reports.ago(1), error="no key")
    give(desk, reports.overview([reports.volume("a:private", [other])]))
    assert len(notes) == 2 and "no key" in notes[1].text


def test_run_that_failed_as_a_whole_is_told_once(
    tray: Tray, desk: Desk
) -> None:
    notes = notes_of(tray)
    give(desk, WELL)
    for number in (1, 2):
        name = f"send-{number}"
        hear(desk, name, event="run-started", archive="a", command="send")
        hear(desk, name, event="error", text="no disk is there")
    assert [note.text for note in notes] == ["Backup failed: no disk is there"]
    hear(desk, "send-3", event="run-started", archive="a", command="send")
    hear(desk, "send-3", event="error", text="x", cancelled=True)
    assert len(notes) == 1


def test_no_desktop_takes_a_name_for_html(tray: Tray, desk: Desk) -> None:
    notes = notes_of(tray)
    bad = reports.backup("failed", failed=reports.ago(1), error=HOSTILE)
    give(desk, reports.overview([reports.volume(HOSTILE, [bad])]))
    for text in (notes[0].title, notes[0].text, tray.icon.toolTip()):
        assert not set("<>&\u202e") & set(text)


def test_menu_says_what_is_wanted(tray: Tray, desk: Desk, qtbot: QtBot) -> None:
    give(desk, WELL)
    acts = {each.objectName(): each for each in tray.menu.actions()}
    with qtbot.waitSignal(tray.open_wanted):
        acts["tray-open"].trigger()
    with qtbot.waitSignal(tray.quit_wanted):
        acts["tray-quit"].trigger()
    with qtbot.waitSignal(tray.backup_wanted) as wanted:
        acts["tray-backup"].trigger()
    assert wanted.args == ["laptop"]
    assert not acts["tray-pause"].isEnabled()
    hear(desk, "send-1", event="run-started", archive="a", command="send")
    with qtbot.waitSignal(desk.engine.called) as called:
        acts["tray-pause"].trigger()
    assert called.args is not None
    assert called.args[0].words[-3:] == ("pause", "--", "send-1")
    hear(desk, "send-1", event="paused")
    assert acts["tray-pause"].text() == "&Resume"
    with qtbot.waitSignal(desk.engine.called) as called:
        acts["tray-pause"].trigger()
    assert called.args is not None
    assert called.args[0].words[-3:] == ("resume", "--", "send-1")
