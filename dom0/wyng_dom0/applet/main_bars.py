# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The toolbar and the menu bar of the main window.

Owns the archive switcher, the filter box and what the View menu switches.
"""

from typing import Sequence

from PyQt6.QtCore import QSettings, Qt
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import (
    QComboBox,
    QDockWidget,
    QLineEdit,
    QMainWindow,
    QMenu,
    QSizePolicy,
    QToolBar,
    QWidget,
)

from wyng_dom0.applet import rows
from wyng_dom0.applet.main_actions import (
    ARCHIVE_MENU,
    HELP_MENU,
    ROW_MENU,
    TOOLBAR,
    VIEW_MENU,
    Actions,
)
from wyng_dom0.applet.volume_view import VolumeView
from wyng_dom0.applet.wording import shown, tr

_FILTER_LETTERS = 28


class MainBars:
    """Fills a window's bars; what is in them is reached by its attributes."""

    def __init__(
        self,
        window: QMainWindow,
        actions: Actions,
        view: VolumeView,
        settings: QSettings,
    ) -> None:
        self._window, self._view = window, view
        self._settings = settings
        self._actions = actions
        self._left_out = self._switch(
            "show-left-out", tr("Show what is left &out")
        )
        self._kept = self._switch(
            "show-kept", tr("Show what only the &archive has")
        )
        self._make_toolbar()
        self._make_menus()
        self._hide_rows()

    def show_archives(self, names: Sequence[str], chosen: str) -> None:
        """Offer these archives; the switcher is there when it is needed."""
        old = [self.archives.itemData(n) for n in range(self.archives.count())]
        if old != list(names):
            self.archives.blockSignals(True)
            self.archives.clear()
            for name in names:
                self.archives.addItem(shown(name), name)
            self.archives.blockSignals(False)
        number = self.archives.findData(chosen)
        if number != self.archives.currentIndex():
            self.archives.blockSignals(True)
            self.archives.setCurrentIndex(number)
            self.archives.blockSignals(False)
        self._archives_action.setVisible(len(names) > 1)

    def call_rows(self, has_qubes: bool) -> None:
        """Call the menu of rows by what they are."""
        self.row_menu.setTitle(tr("&Qube") if has_qubes else tr("&Volume"))

    def _switch(self, name: str, text: str) -> QAction:
        action = QAction(text, self._window)
        action.setObjectName(name)
        action.setCheckable(True)
        kept = self._settings.value(f"main/{name}", True, type=bool)
        action.setChecked(bool(kept))
        action.toggled.connect(self._hide_rows)
        action.toggled.connect(
            lambda on: self._settings.setValue(f"main/{name}", on)
        )
        return action

    def _hide_rows(self) -> None:
        hidden = set()
        if not self._left_out.isChecked():
            hidden.add(rows.OUT)
        if not self._kept.isChecked():
            hidden.add(rows.KEPT)
        self._view.filter.set_hidden(frozenset(hidden))

    def _make_toolbar(self) -> None:
        bar = QToolBar(tr("&Toolbar"), self._window)
        bar.setObjectName("tools")
        bar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        self._actions.fill(bar, TOOLBAR)
        space = QWidget()
        space.setSizePolicy(
            QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred
        )
        bar.addWidget(space)
        self.archives = QComboBox()
        self.archives.setObjectName("archive")
        self.archives.setAccessibleName(tr("Archive"))
        self.archives.setToolTip(tr("The archive that is shown"))
        self.archives.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToContents
        )
        self._archives_action = _action(bar.addWidget(self.archives))
        self.filter = QLineEdit()
        self.filter.setObjectName("filter-field")
        self.filter.setPlaceholderText(tr("Find (Ctrl+F)"))
        self.filter.setAccessibleName(tr("Show only what has these words"))
        self.filter.setClearButtonEnabled(True)
        letter = self.filter.fontMetrics().averageCharWidth()
        self.filter.setMaximumWidth(letter * _FILTER_LETTERS)
        bar.addWidget(self.filter)
        self._window.addToolBar(bar)
        self._toolbar = bar

    def _make_menus(self) -> None:
        menus = self._window.menuBar()
        assert menus is not None
        window = self._window
        self.archive_menu = QMenu(tr("&Archive"), window)
        self._actions.fill(self.archive_menu, ARCHIVE_MENU)
        self.row_menu = QMenu(tr("&Volume"), window)
        self._actions.fill(self.row_menu, ROW_MENU)
        self.view_menu = QMenu(tr("V&iew"), window)
        self.view_menu.aboutToShow.connect(self.fill_view_menu)
        help_menu = QMenu(tr("&Help"), window)
        self._actions.fill(help_menu, HELP_MENU)
        for name, menu in (
            ("menu-archive", self.archive_menu),
            ("menu-rows", self.row_menu),
            ("menu-view", self.view_menu),
            ("menu-help", help_menu),
        ):
            menu.setObjectName(name)
            menus.addMenu(menu)

    def fill_view_menu(self) -> None:
        """Put in what there is now: docks and columns."""
        menu = self.view_menu
        menu.clear()
        self._actions.fill(menu, VIEW_MENU)
        menu.addSeparator()
        menu.addAction(self._left_out)
        menu.addAction(self._kept)
        menu.addMenu(self._view.columns_menu(menu))
        menu.addSeparator()
        for dock in self._window.findChildren(QDockWidget):
            menu.addAction(dock.toggleViewAction())
        menu.addAction(self._toolbar.toggleViewAction())


def _action(action: "QAction | None") -> QAction:
    assert action is not None
    return action
