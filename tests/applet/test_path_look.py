# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What lies at a path is found out beside the window."""

from pathlib import Path
from threading import Event

import pytest
from PyQt6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from applet.conftest import WAIT
from wyng_dom0.applet import path_look
from wyng_dom0.applet.path_look import PathFacts, PathLook, look_at


@pytest.fixture
def look(window: QWidget) -> PathLook:
    return PathLook(window)


def test_file_and_room_are_seen(
    look: PathLook, qtbot: QtBot, tmp_path: Path
) -> None:
    there = tmp_path / "there"
    there.write_bytes(b"x")
    assert not look.look(str(there)).is_taken, "nothing is known at once"
    with qtbot.waitSignal(look.seen, timeout=WAIT):
        look.look(str(there))
    assert look.look(str(there)).is_taken
    assert look.look(str(there)).free
    assert look.look(str(tmp_path / "other")) == PathFacts(f"{tmp_path}/other")


@pytest.mark.parametrize(
    "path", ["", "relative/x", "/no/such/folder/x", "/\0/x"]
)
def test_what_is_nowhere_is_not_known(path: str) -> None:
    assert look_at(path) == PathFacts(path)


def test_mount_that_hangs_holds_no_window(
    look: PathLook,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is typed meanwhile is looked at when it is over, and once."""
    looked_at, goes_on = [], Event()

    def hangs(path: str) -> PathFacts:
        looked_at.append(path)
        assert goes_on.wait(WAIT / 1000)
        return PathFacts(path, True, 1)

    monkeypatch.setattr(path_look, "look_at", hangs)
    look.look("/hangs/x")
    qtbot.waitUntil(lambda: looked_at == ["/hangs/x"], timeout=WAIT)
    for letters in ("/a", "/ab", "/abc"):
        assert look.look(letters) == PathFacts(letters)
        qtbot.wait(2 * path_look._SETTLE_MILLISECONDS)
    assert looked_at == ["/hangs/x"]
    with qtbot.waitSignal(look.seen, timeout=WAIT):
        goes_on.set()
    assert looked_at == ["/hangs/x", "/abc"]
    assert look.look("/abc").is_taken


def test_answer_to_who_is_gone_does_no_harm(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, goes_on, told = Event(), Event(), Event()

    def hangs(path: str) -> PathFacts:
        begun.set()
        assert goes_on.wait(WAIT / 1000)
        told.set()
        return PathFacts(path)

    monkeypatch.setattr(path_look, "look_at", hangs)
    parent = QWidget()
    PathLook(parent).look("/hangs/x")
    qtbot.waitUntil(begun.is_set, timeout=WAIT)
    with qtbot.waitSignal(parent.destroyed, timeout=WAIT):
        parent.deleteLater()
    goes_on.set()
    qtbot.waitUntil(told.is_set, timeout=WAIT)
    qtbot.wait(50)
