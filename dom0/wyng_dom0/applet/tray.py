# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The icon in the tray: its state, its menu and its notifications."""

from typing import Optional

from PyQt6.QtCore import QObject, pyqtSignal
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QMenu, QSystemTrayIcon

from wyng_dom0.applet import command_lines
from wyng_dom0.applet.board import READY, Board
from wyng_dom0.applet.desk import Desk
from wyng_dom0.applet.icons import glyph
from wyng_dom0.applet.runs import PAUSED, Run
from wyng_dom0.applet.tray_icons import OK, tray_icon
from wyng_dom0.applet.tray_state import (
    Causes,
    Note,
    TrayState,
    causes_of,
    note_of,
    note_of_run,
    tray_state,
    without_marks,
)
from wyng_dom0.applet.wording import shown, tip, tr


class Tray(QObject):
    """Shows how all stands; `open_wanted`, `backup_wanted` (of an archive)
    and `quit_wanted` are what its menu asks for, `noted` what it told."""

    open_wanted = pyqtSignal()
    backup_wanted = pyqtSignal(str)
    quit_wanted = pyqtSignal()
    noted = pyqtSignal(object)

    def __init__(self, desk: Desk, board: Board) -> None:
        super().__init__(desk)
        self._desk, self._board = desk, board
        self._causes = Causes()
        self._asked = 0
        self._now: Optional[TrayState] = None
        self.icon = QSystemTrayIcon(tray_icon(OK), self)
        self.menu = QMenu()
        self.menu.setObjectName("tray-menu")
        self._open = self._action("tray-open", tr("&Open"), "run")
        self._open.triggered.connect(self.open_wanted)
        self._backup = self._action(
            "tray-backup", tr("&Back up everything now"), "backup"
        )
        self._backup.triggered.connect(self._back_up)
        self._pause = self._action("tray-pause", tr("&Pause"), "pause")
        self._pause.triggered.connect(self._pause_or_resume)
        self._quit = self._action("tray-quit", tr("&Quit"), "quit")
        self._quit.triggered.connect(self.quit_wanted)
        for action in (self._open, self._backup, self._pause, self._quit):
            self.menu.addAction(action)
        self.menu.insertSeparator(self._quit)
        self.icon.setContextMenu(self.menu)
        self.icon.activated.connect(self._activate)
        self.icon.messageClicked.connect(self.open_wanted)
        board.changed.connect(self.show_board)
        desk.run_ended.connect(self._take_end)
        self.show_board()

    @property
    def state(self) -> TrayState:
        """What is shown."""
        assert self._now is not None
        return self._now

    def show_asked(self, count: int) -> None:
        """So many restores are asked for."""
        self._asked = count
        self.show_board()

    def tell(self, note: Note) -> None:
        """A notification, which takes no focus."""
        self.noted.emit(note)
        self.icon.showMessage(note.title, note.text, self.icon.icon())

    def show_board(self) -> None:
        """Show what the board has now."""
        board = self._board
        said = {a.name: board.headline_of(a) for a in board.archives}
        now = tray_state(said, self._desk.live_runs(), self._asked)
        if now != self._now:
            self._now = now
            self.icon.setIcon(tray_icon(now.state, now.percent))
            self.icon.setToolTip(without_marks(now.text))
        self._show_menu()
        if board.state == READY:
            self._tell_causes()

    def _tell_causes(self) -> None:
        """Once for each archive, whatever is new of what is wrong there."""
        for archive in self._board.archives:
            causes = causes_of(self._board.resting_rows_of(archive))
            if archive.overdue and not causes:
                causes = ["overdue"]
            if self._causes.fresh(archive.name, causes):
                said = self._board.resting_headline_of(archive)
                self.tell(note_of(archive.name, said))

    def _take_end(self, run: Run) -> None:
        note = note_of_run(run)
        kind = f"run {run.command} {run.archive}"
        causes = [note.text] if note else []
        if self._causes.fresh(kind, causes) and note:
            self.tell(note)

    def _show_menu(self) -> None:
        live = self._desk.live_runs()
        paused = bool(live) and all(each.state == PAUSED for each in live)
        self._pause.setEnabled(bool(live))
        self._pause.setText(tr("&Resume") if paused else tr("&Pause"))
        self._pause.setIcon(glyph("resume" if paused else "pause"))
        self._backup.setEnabled(bool(self._board.archive.name))
        name = shown(self._board.archive.name)
        self._backup.setToolTip(tip(tr("To the archive {0}").format(name)))

    def _back_up(self) -> None:
        self.backup_wanted.emit(self._board.archive.name)

    def _pause_or_resume(self) -> None:
        live = self._desk.live_runs()
        running = [each for each in live if each.state != PAUSED]
        verb = "pause" if running else "resume"
        for run in running or live:
            self._desk.engine.call(command_lines.steer(verb, run.name))

    def _activate(self, why: QSystemTrayIcon.ActivationReason) -> None:
        if why in (
            QSystemTrayIcon.ActivationReason.Trigger,
            QSystemTrayIcon.ActivationReason.DoubleClick,
        ):
            self.open_wanted.emit()

    def _action(self, name: str, text: str, sign: str) -> QAction:
        action = QAction(glyph(sign), text, self)
        action.setObjectName(name)
        return action
