# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The program put together, from its first window to its end."""

import os
import shutil
import signal
import sys
from pathlib import Path
from typing import List, Optional, Tuple

from PyQt6.QtCore import (
    QLibraryInfo,
    QLocale,
    QObject,
    QSettings,
    QStandardPaths,
    QTimer,
    QTranslator,
)
from PyQt6.QtWidgets import QApplication, QSystemTrayIcon

from wyng_dom0.applet.board import Board
from wyng_dom0.applet.call_log import CallLog
from wyng_dom0.applet.desk import Desk
from wyng_dom0.applet.engine import Engine
from wyng_dom0.applet.icons import app_icon
from wyng_dom0.applet.log_panel import LogPanel
from wyng_dom0.applet.main_window import MainWindow
from wyng_dom0.applet.requests import Request, requests_in
from wyng_dom0.applet.requests_panel import RequestsPanel
from wyng_dom0.applet.single_instance import SingleInstance
from wyng_dom0.applet.tray import Tray
from wyng_dom0.applet.tray_state import note_of_request
from wyng_dom0.applet.wording import tr

NAME = "qubes-wyng-manager"
_TRAY_LOOKS, _TRAY_SECONDS = 15, 2


class Manager(QObject):
    """The window, the tray and what they stand on, tied together."""

    def __init__(self, engine: Engine, settings: QSettings) -> None:
        super().__init__()
        self._settings = settings
        # Before the first call, or the log lacks it.
        self.log = CallLog(engine, self)
        self.desk = Desk(engine, self)
        self.board = Board(self.desk, self)
        self.window = MainWindow(self.desk, self.board, settings)
        self.requests = RequestsPanel(self.desk, self.window)
        self._requests_dock = self.window.add_dock(
            "requests", tr("Re&quests"), self.requests
        )
        self._requests_dock.hide()
        panel = LogPanel(self.log, self.window)
        self.window.add_dock("log", tr("&Log"), panel).hide()
        self.window.restore_places()
        self.tray = Tray(self.desk, self.board)
        self.tray.open_wanted.connect(self.window.come_forward)
        self.tray.backup_wanted.connect(self.window.back_up_all)
        self.requests.told.connect(self.window.status.tell)
        self.requests.came.connect(self._tell_of_requests)
        self.desk.requests_changed.connect(self._count_requests)
        self._looks = 0

    def start(self, *, hidden: bool) -> None:
        """Begin to show; `hidden` with the tray alone, where there is one."""
        self.desk.start()
        if not hidden:
            self.window.show()
        self._look_for_tray(hidden)

    @property
    def is_busy(self) -> bool:
        """Does a call go on that was made here?"""
        return self.log.is_busy

    def close(self) -> None:
        """End in order; runs go on."""
        self.window.keep_places()
        self._settings.sync()
        self.tray.icon.hide()
        self.desk.close()

    def _count_requests(self) -> None:
        self.tray.show_asked(len(requests_in(self.desk.requests)))

    def _tell_of_requests(self, fresh: List[Request]) -> None:
        """Once each; the window is not raised and takes no focus."""
        self._requests_dock.show()
        self._requests_dock.raise_()
        for request in fresh:
            self.tray.tell(note_of_request(request))

    def _look_for_tray(self, hidden: bool) -> None:
        """A session's tray may come after us; without any, show the window."""
        if QSystemTrayIcon.isSystemTrayAvailable():
            self.window.hides = True
            self.tray.icon.show()
            return
        self._looks += 1
        if self._looks < _TRAY_LOOKS:
            QTimer.singleShot(
                _TRAY_SECONDS * 1000, lambda: self._look_for_tray(hidden)
            )
        elif hidden:
            self.window.show()


def _translate_qt(app: QApplication) -> None:
    """Cancel, Close and the like are Qt's texts, and come with Qt."""
    known = QTranslator(app)
    folder = QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)
    if known.load(QLocale(), "qtbase", "_", folder):
        app.installTranslator(known)


def run(
    meta_dir: Optional[str], *, hidden: bool
) -> Tuple[int, Optional[Manager]]:
    """Show the window until the program is ended; the exit code.

    Runs that were started here go on. They would be killed with the objects
    that stand for them, so that those are given back where there are any.
    Raises OSError when the user's runtime folder can't be used.
    """
    app = QApplication([NAME])
    app.setApplicationName(NAME)
    app.setOrganizationName("qvm-wyng")
    app.setApplicationDisplayName("Qubes Wyng Manager")
    app.setDesktopFileName(NAME)
    app.setWindowIcon(app_icon())
    app.setQuitOnLastWindowClosed(False)
    _translate_qt(app)
    place = SingleInstance(runtime_folder(), meta_dir, app)
    if not place.begin():
        return (0, None) if place.raise_other() else (1, None)
    manager = Manager(Engine(engine_program(meta_dir)), QSettings())
    manager.window.quit_wanted.connect(app.quit)
    manager.tray.quit_wanted.connect(app.quit)
    place.raised.connect(manager.window.come_forward)
    manager.start(hidden=hidden)
    beat = let_signals_through(app)
    code = app.exec()
    beat.stop()
    manager.close()
    place.close()
    return code, manager if manager.is_busy else None


def runtime_folder() -> Path:
    """Where this user's sockets are, for as long as it is logged in."""
    places = QStandardPaths.StandardLocation
    found = QStandardPaths.writableLocation(places.RuntimeLocation)
    return Path(found or f"/tmp/{NAME}-{os.geteuid()}") / NAME


def engine_program(meta_dir: Optional[str]) -> "list[str]":
    """What starts qvm-wyng: the one beside this program, or on the PATH."""
    beside = Path(sys.argv[0]).resolve().parent / "qvm-wyng"
    found = str(beside) if beside.is_file() else shutil.which("qvm-wyng")
    more = [f"--meta-dir={meta_dir}"] if meta_dir else []
    return [found or "qvm-wyng", *more]


def let_signals_through(app: QApplication) -> QTimer:
    """End in order at SIGINT and SIGTERM; Python sees them when it runs."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: app.quit())
    beat = QTimer()
    beat.timeout.connect(lambda: None)
    beat.start(500)
    return beat
