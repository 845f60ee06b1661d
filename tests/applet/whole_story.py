# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The whole story on a real screen, as a process of its own.

From "nothing is backed up yet" to a restored file, with the windows that a
user has and the keys and clicks that a user gives. The first argument is the
folder of the machine, the second that for pictures.
"""

import random
import sys
import time
from pathlib import Path
from typing import Callable, Type, TypeVar

from PyQt6.QtCore import QItemSelectionModel, QSettings, Qt
from PyQt6.QtGui import QAction, QGuiApplication
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QLabel,
    QLineEdit,
    QTableView,
    QToolBar,
    QWidget,
)

from applet.wizard_hand import WizardHand, go_to_passphrase, prove_paper
from product.machine import START, Machine
from wyng_dom0.applet.application import Manager
from wyng_dom0.applet.engine import Engine
from wyng_dom0.applet.restore_dialog import RestoreDialog
from wyng_dom0.applet.run_card import RunCard
from wyng_dom0.applet.running_panel import RunningPanel
from wyng_dom0.applet.sessions_window import SessionsWindow
from wyng_dom0.applet.wizard.archive_wizard import ArchiveWizard

SECONDS = 120
Kind = TypeVar("Kind", bound=QWidget)


class Fingers:
    """What a wizard's hand needs of pytest-qt, without pytest."""

    def waitUntil(self, met: Callable[[], bool], timeout: int) -> None:
        """Go on with the events until it is so."""
        until(met, timeout // 1000)

    def mouseClick(self, widget: QWidget, button: Qt.MouseButton) -> None:
        """A click in the middle."""
        QTest.mouseClick(widget, button)


def until(met: Callable[[], bool], seconds: int = SECONDS) -> None:
    """Go on with the events until it is so."""
    end = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < end, "it did not come to it"
        QTest.qWait(20)


def shown(kind: Type[Kind]) -> Kind:
    """The window of this kind, once it is there."""

    def found() -> "list[Kind]":
        windows = QApplication.topLevelWidgets()
        return [w for w in windows if isinstance(w, kind) and w.isVisible()]

    until(lambda: bool(found()))
    return found()[0]


class Story:
    """The window, who uses it, and where pictures of it go."""

    def __init__(self, root: Path, pictures: Path) -> None:
        self.machine, self.pictures = Machine(root), pictures
        self.config = root / "config.yaml"
        self.config.write_text("")
        places = (f"--meta-dir={root}/state", f"--config={self.config}")
        self.engine = Engine([sys.executable, "-c", START, *places])
        keep = QSettings(str(root / "places"), QSettings.Format.IniFormat)
        self.manager = Manager(self.engine, keep)
        self.window = self.manager.window

    def picture(self, name: str) -> None:
        """What the screen shows."""
        QTest.qWait(200)
        screen = QGuiApplication.primaryScreen()
        assert screen is not None
        assert screen.grabWindow(0).save(str(self.pictures / f"{name}.png"))

    def press(self, name: str) -> None:
        """Click the tool button of an action."""
        bar = self.window.findChild(QToolBar, "tools")
        action = self.window.findChild(QAction, name)
        assert bar is not None and action is not None, name
        button = bar.widgetForAction(action)
        assert isinstance(button, QWidget) and button.isEnabled(), name
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)

    def words(self) -> "list[str]":
        """The texts of the main table, a row each."""
        view = self.window.findChild(QWidget, "volumes")
        assert isinstance(view, QTableView)
        model = view.model()
        assert model is not None
        rows, columns = range(model.rowCount()), range(model.columnCount())
        return [
            " ".join(str(model.index(row, column).data()) for column in columns)
            for row in rows
        ]

    def choose(self, name: str) -> None:
        """Click the row of a volume."""
        view = self.window.findChild(QWidget, "volumes")
        assert isinstance(view, QTableView)
        model, port = view.model(), view.viewport()
        assert model is not None and port is not None
        for row in range(model.rowCount()):
            if name in str(model.index(row, 0).data()):
                spot = view.visualRect(model.index(row, 0)).center()
                QTest.mouseClick(port, Qt.MouseButton.LeftButton, pos=spot)
                return
        raise AssertionError(name)

    def begin(self) -> None:
        """The window opens, and shows that there is nothing yet."""
        self.window.resize(self.window.sizeHint())
        self.manager.start(hidden=False)
        self.machine.write("work.img", first_content())
        self.machine.write("vault.img", b"small" * 4000)
        until(lambda: self.first("first-make").isVisible())
        self.picture("1-nothing-yet")

    def first(self, name: str) -> QAbstractButton:
        """A button of the first page."""
        button = self.window.findChild(QAbstractButton, name)
        assert button is not None
        return button

    def make_archive(self) -> None:
        """Through the wizard, to the first send of all."""
        QTest.mouseClick(self.first("first-make"), Qt.MouseButton.LeftButton)
        wizard = shown(ArchiveWizard)
        hand = WizardHand(Fingers(), wizard)  # type: ignore[arg-type]
        machine = self.machine
        go_to_passphrase(
            hand, wizard, f"{machine.backup}/laptop", str(machine.images)
        )
        self.picture("2-passphrase")
        passphrase = prove_paper(hand, wizard)
        (machine.root / "passphrase").write_text(passphrase + "\n")
        for name in ("page-keep", "page-summary", "page-doing"):
            hand.on(name)
        hand.until(wizard.doing.is_complete)
        self.picture("3-made-and-proven")
        hand.on("page-sheet")
        hand.tick("have-sheet")
        hand.on("page-end")
        hand.press("next")
        until(lambda: sum("Backed up" in row for row in self.words()) == 2)
        self.settle()
        self.picture("4-backed-up")

    def settle(self) -> None:
        """Wait until no run goes on."""
        until(lambda: not self.manager.desk.live_runs())

    def back_up_changes(self) -> None:
        """One more session, slowly enough to be paused half-way."""
        machine = self.machine
        self.config.write_text("limit-rate: 1M\n")
        machine.write("work.img", second_content())
        self.press("backup-all")
        panel = self.window.findChild(RunningPanel, "running")
        assert panel is not None

        def live() -> "list[RunCard]":
            cards = panel.cards()
            return [c for c in cards if c.run.part and not c.run.is_over]

        self.answer_passphrase(live)
        until(lambda: bool(live()))
        self.picture("5-running")
        card = live()[0]
        self.click(card, "run-pause")
        until(lambda: card.run.state == "paused")
        self.picture("6-paused")
        self.config.write_text("")
        self.click(card, "run-pause")
        until(lambda: card.run.is_over)
        assert card.run.state == "done", card.run
        self.settle()

    def asked(self) -> "list[QLineEdit]":
        """The open field for a passphrase, where one is asked for."""
        return [
            field
            for field in QApplication.allWidgets()
            if isinstance(field, QLineEdit)
            and field.objectName() == "passphrase-field"
            and field.isVisible()
        ]

    def answer_passphrase(self, runs: Callable[[], object]) -> None:
        """Type the passphrase if it is asked for before the run is there."""
        until(lambda: bool(self.asked() or runs()))
        for field in self.asked():
            text = (self.machine.root / "passphrase").read_text().strip()
            QTest.keyClicks(field, text)
            QTest.keyClick(field, Qt.Key.Key_Return)

    def click(self, inside: QWidget, name: str) -> None:
        """Click a button in a widget."""
        button = inside.findChild(QAbstractButton, name)
        assert button is not None and button.isEnabled(), name
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)

    def restore_earlier(self) -> None:
        """The older of two sessions, as a file."""
        self.choose("work.img")
        self.press("sessions")
        window = shown(SessionsWindow)
        view = window.findChild(QTableView, "sessions")
        assert view is not None
        model, picked = view.model(), view.selectionModel()
        assert model is not None and picked is not None
        until(lambda: model.rowCount() == 2)
        self.picture("7-earlier-versions")
        oldest = min(
            (model.index(row, 1) for row in range(2)),
            key=lambda index: str(index.data()),
        )
        picked.select(
            oldest,
            QItemSelectionModel.SelectionFlag.ClearAndSelect
            | QItemSelectionModel.SelectionFlag.Rows,
        )
        action = window.findChild(QAction, "session-restore")
        assert action is not None and action.isEnabled()
        action.trigger()
        dialog = shown(RestoreDialog)
        until(lambda: dialog.findChild(QLineEdit, "path") is not None)
        field = dialog.findChild(QLineEdit, "path")
        assert field is not None
        field.clear()
        QTest.keyClicks(field, str(self.machine.root / "restored.img"))
        self.picture("8-restore")
        self.click(dialog, "restore-now")
        until(lambda: dialog.findChild(QLabel, "result") is not None)
        self.picture("9-restored")

    def end(self) -> None:
        """Leave in order."""
        self.manager.close()


def first_content() -> bytes:
    """What work.img is at first; some of it compresses, some does not."""
    return b"".join(number.to_bytes(8, "big") * 512 for number in range(3000))


def second_content() -> bytes:
    """The same, with a third of it changed."""
    changed = random.Random(4).randbytes(4_000_000)
    return changed + first_content()[len(changed) :]


def main(root: Path, pictures: Path) -> int:
    """Tell all of it; 0 when the restored file is what it was."""
    app = QApplication(["whole-story"])
    app.setQuitOnLastWindowClosed(False)
    story = Story(root, pictures)
    story.begin()
    story.make_archive()
    story.back_up_changes()
    story.restore_earlier()
    story.end()
    return (root / "restored.img").read_bytes() != first_content()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
