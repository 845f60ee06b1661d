# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The main window: what is backed up, since when, and what must be done.

Owns what is where in it, and which action does what. What is known comes
from the board, what is done goes to Doing, other windows to Openers.
"""

from datetime import datetime, timezone
from typing import Callable, Dict, List, Optional

from PyQt6.QtCore import QEvent, QPoint, QSettings, Qt, pyqtSignal
from PyQt6.QtGui import QCloseEvent
from PyQt6.QtWidgets import (
    QDockWidget,
    QMainWindow,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from wyng_dom0.applet import headline as offers
from wyng_dom0.applet.about import AboutBox
from wyng_dom0.applet.board import EMPTY, LOOKING, Board
from wyng_dom0.applet.desk import Desk
from wyng_dom0.applet.doing import Doing
from wyng_dom0.applet.first_page import FirstPage, LookingPage
from wyng_dom0.applet.headline import Headline
from wyng_dom0.applet.headline_bar import HeadlineBar
from wyng_dom0.applet.icons import app_icon
from wyng_dom0.applet.main_actions import Actions
from wyng_dom0.applet.main_bars import MainBars
from wyng_dom0.applet.openers import Openers
from wyng_dom0.applet.rows import OUT, Row
from wyng_dom0.applet.running_panel import RunningPanel
from wyng_dom0.applet.status_line import StatusLine
from wyng_dom0.applet.volume_model import VolumeModel
from wyng_dom0.applet.volume_view import VolumeView
from wyng_dom0.applet.wording import tr

_GEOMETRY, _PLACES = "main/geometry", "main/places-1"
_LETTERS_WIDE, _LINES_HIGH = 168, 38
_NEED_ARCHIVE = ("backup-all", "check", "charts", "settings")


class MainWindow(QMainWindow):
    """The window; `hides` makes its closing a hiding, for a tray to end."""

    quit_wanted = pyqtSignal()

    def __init__(self, desk: Desk, board: Board, settings: QSettings) -> None:
        super().__init__()
        self.setObjectName("main")
        self.setWindowTitle(tr("Backups"))
        self.setWindowIcon(app_icon())
        self.hides = False
        self._desk, self._board, self._settings = desk, board, settings
        self.doing = Doing(desk, self)
        self.openers = Openers(desk, self)
        self.deeds = Actions(self)
        self.model = VolumeModel(self)
        self.view = VolumeView(self.model, settings, self)
        self.headline = HeadlineBar(self)
        self.running = RunningPanel(desk, self)
        self._make_pages()
        self.running_dock = self.add_dock(
            "running", tr("&Running"), self.running
        )
        self.bars = MainBars(self, self.deeds, self.view, settings)
        self.status = StatusLine(self)
        self.setStatusBar(self.status)
        self._connect()
        self.show_board()

    def add_dock(self, name: str, title: str, panel: QWidget) -> QDockWidget:
        """A panel at the lower edge, beside those that are there."""
        dock = QDockWidget(title.replace("&", ""), self)
        dock.setObjectName(f"dock-{name}")
        dock.setWidget(panel)
        action = dock.toggleViewAction()
        assert action is not None
        action.setText(title)
        action.setObjectName(f"show-{name}")
        area = Qt.DockWidgetArea.BottomDockWidgetArea
        others = [
            each for each in self.findChildren(QDockWidget) if each is not dock
        ]
        self.addDockWidget(area, dock)
        if others:
            self.tabifyDockWidget(others[0], dock)
        return dock

    def show_board(self) -> None:
        """Show what the board has now."""
        board, now = self._board, datetime.now(timezone.utc)
        archive = board.archive
        rows = board.rows
        self.model.show_rows(rows, now, qubes=archive.has_qubes)
        self.headline.show_headline(board.headline(now))
        names = [each.name for each in board.archives]
        self.bars.show_archives(names, archive.name)
        self.bars.call_rows(archive.has_qubes)
        self.status.show_archive(archive, now)
        page = {LOOKING: self._looking, EMPTY: self._first}
        self._pages.setCurrentWidget(page.get(board.state, self._table))
        self._enable()

    def back_up_all(self, archive: str) -> None:
        """Back up all that is included; at first all that there is."""
        rows = [
            row
            for each in self._board.archives
            if each.name == archive
            for row in self._board.rows_of(each)
        ]
        if any(row.planned for row in rows):
            self.doing.back_up(archive)
        else:
            self.doing.back_up(archive, [r.name for r in rows if r.is_new])

    def come_forward(self) -> None:
        """Show the window above others, with the keyboard."""
        if self.isMinimized():
            self.showNormal()
        self.show()
        self.raise_()
        self.activateWindow()

    # ---- how it is put together

    def _make_pages(self) -> None:
        self._table = QWidget()
        column = QVBoxLayout(self._table)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.headline)
        column.addWidget(self.view, 1)
        self._looking = LookingPage(self)
        self._first = FirstPage(
            self.deeds["new-archive"], self.deeds["open-archive"], self
        )
        self._pages = QStackedWidget()
        for page in (self._looking, self._first, self._table):
            self._pages.addWidget(page)
        self.setCentralWidget(self._pages)
        self.view.setFocus()

    def _connect(self) -> None:
        self._board.changed.connect(self.show_board)
        self.doing.told.connect(self.status.tell)
        self.view.selected.connect(self._enable)
        self.view.wanted_menu.connect(self._show_row_menu)
        self.view.doubleClicked.connect(self._open_clicked)
        self.headline.taken.connect(self._take_offer)
        self.running.became_busy.connect(self.running_dock.show)
        self.bars.filter.textChanged.connect(self.view.filter.set_words)
        self.bars.archives.activated.connect(self._choose_archive)
        for id, what in self._deeds_done().items():
            self.deeds[id].triggered.connect(what)
        for id in self.openers.ids():
            self.deeds[id].triggered.connect(
                lambda checked=False, id=id: self._open(id)
            )

    def _deeds_done(self) -> Dict[str, Callable[[], object]]:
        return {
            "backup-all": lambda: self.back_up_all(self._name),
            "check": lambda: self.doing.check(self._name),
            "quit": self.quit_wanted.emit,
            "backup": lambda: self.doing.back_up(
                self._name, [row.name for row in self._selected]
            ),
            "include": lambda: self.doing.include(
                self._name, self._selected, True
            ),
            "exclude": lambda: self.doing.include(
                self._name, self._selected, False
            ),
            "protect": lambda: self.doing.protect(self._name, self._selected),
            "verify": lambda: self.doing.verify(self._name, self._selected),
            "refresh": self._refresh,
            "filter": self._find,
            "about": lambda: AboutBox(self).open(),
        }

    @property
    def _name(self) -> str:
        return self._board.archive.name

    @property
    def _selected(self) -> List[Row]:
        return self.view.selected_rows()

    # ---- what happens

    def _enable(self) -> None:
        chosen = self._selected
        self.deeds.enable_rows(len(chosen))
        for id in _NEED_ARCHIVE:
            self.deeds[id].setEnabled(bool(self._name))
        if chosen:
            self._enable_for(chosen)

    def _enable_for(self, chosen: List[Row]) -> None:
        """Leave out what makes no sense for the rows chosen."""
        deeds = self.deeds
        deeds["backup"].setEnabled(all(row.here for row in chosen))
        deeds["include"].setEnabled(any(not row.planned for row in chosen))
        deeds["exclude"].setEnabled(any(row.state != OUT for row in chosen))
        some = any(row.sessions for row in chosen)
        for id in ("protect", "verify"):
            deeds[id].setEnabled(some)
        for id in ("sessions", "restore"):
            deeds[id].setEnabled(len(chosen) == 1 and some)

    def _open(self, id: str) -> None:
        if id in ("sessions", "restore"):
            for row in self._selected[:1]:
                self.openers.open_row(id, self._name, row)
        elif id in ("new-archive", "open-archive"):
            self.openers.open_plain(id)
        else:
            self.openers.open_archive(id, self._name)

    def _open_clicked(self) -> None:
        self.deeds["sessions"].trigger()

    def _take_offer(self, said: Headline) -> None:
        if said.offer == offers.REFRESH:
            self._refresh()
        elif said.offer == offers.LOOK:
            self.doing.look(self._name)
        elif said.offer == offers.BACK_UP_ALL:
            self.back_up_all(self._name)
        elif said.offer == offers.BACK_UP_THESE:
            self.doing.back_up(self._name, said.names)

    def _refresh(self) -> None:
        self.status.tell(tr("Looking…"))
        self._desk.refresh()

    def _find(self) -> None:
        self.bars.filter.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.bars.filter.selectAll()

    def _choose_archive(self, number: int) -> None:
        self._board.choose(str(self.bars.archives.itemData(number)))

    def _show_row_menu(self, point: QPoint) -> None:
        self.bars.row_menu.popup(point)

    def changeEvent(self, event: Optional[QEvent]) -> None:
        """See Qt: another theme wants other signs."""
        super().changeEvent(event)
        if event and event.type() == QEvent.Type.PaletteChange:
            self.deeds.repaint()
            self.model.repaint()
            self.headline.repaint_sign()

    def closeEvent(self, event: Optional[QCloseEvent]) -> None:
        """See Qt: with a tray, closing hides."""
        self.keep_places()
        super().closeEvent(event)
        if not self.hides:
            self.quit_wanted.emit()

    def keep_places(self) -> None:
        """Remember sizes, docks and columns."""
        self._settings.setValue(_GEOMETRY, self.saveGeometry())
        self._settings.setValue(_PLACES, self.saveState())
        self.view.keep_columns()

    def restore_places(self) -> None:
        """Sizes, docks and columns as they were; call it once, when all
        docks are there."""
        letters = self.fontMetrics()
        self.resize(
            letters.averageCharWidth() * _LETTERS_WIDE,
            letters.height() * _LINES_HIGH,
        )
        geometry = self._settings.value(_GEOMETRY)
        if geometry is not None:
            self.restoreGeometry(geometry)
        places = self._settings.value(_PLACES)
        if places is not None:
            self.restoreState(places)
        # It shows itself when something runs.
        self.running_dock.hide()
