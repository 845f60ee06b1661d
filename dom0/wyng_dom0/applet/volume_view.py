# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The main table on the screen: selection, columns and how they are kept."""

from typing import List, Optional

from PyQt6.QtCore import QPoint, QSettings, Qt, pyqtSignal
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QMenu,
    QTableView,
    QWidget,
)

from wyng_dom0.applet.rows import Row
from wyng_dom0.applet.volume_model import VolumeFilter, VolumeModel
from wyng_dom0.applet.wording import tr

_KEPT = "main/columns-1"
# In letters of the font; the last one shown takes what is left.
_LETTERS = {
    "name": 24,
    "state": 28,
    "included": 11,
    "last": 19,
    "age": 15,
    "proven": 15,
    "size": 12,
    "changed": 20,
    "next": 12,
    "sessions": 10,
}


class VolumeView(QTableView):
    """The table; `wanted_menu` asks for the menu of rows at a point."""

    wanted_menu = pyqtSignal(QPoint)
    selected = pyqtSignal()

    def __init__(
        self, model: VolumeModel, settings: QSettings, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self._model = model
        self._settings = settings
        self.filter = VolumeFilter(model, self)
        self.setModel(self.filter)
        self.setObjectName("volumes")
        self.setAccessibleName(tr("Qubes and volumes"))
        self.setSelectionBehavior(
            QAbstractItemView.SelectionBehavior.SelectRows
        )
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setAlternatingRowColors(True)
        self.setShowGrid(False)
        self.setWordWrap(False)
        # Tab goes on to the next thing and not to the next cell.
        self.setTabKeyNavigation(False)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._ask_for_menu)
        rows = _header(self.verticalHeader())
        rows.hide()
        height = self.fontMetrics().height() * 7 // 4
        rows.setDefaultSectionSize(height)
        self._set_up_columns()
        self.setSortingEnabled(True)
        chosen = self.selectionModel()
        assert chosen is not None
        chosen.selectionChanged.connect(lambda *_: self.selected.emit())

    def selected_rows(self) -> List[Row]:
        """The rows that are selected, in the order they are seen."""
        chosen = self.selectionModel()
        assert chosen is not None
        found = sorted(chosen.selectedRows(), key=lambda index: index.row())
        return [
            self._model.row_at(self.filter.mapToSource(index).row())
            for index in found
        ]

    def select_names(self, names: "set[str]") -> None:
        """Select these rows and no other."""
        self.clearSelection()
        mode = self.selectionMode()
        self.setSelectionMode(QAbstractItemView.SelectionMode.MultiSelection)
        for number in range(self.filter.rowCount()):
            source = self.filter.mapToSource(self.filter.index(number, 0))
            if self._model.row_at(source.row()).name in names:
                self.selectRow(number)
        self.setSelectionMode(mode)

    def columns_menu(self, parent: QWidget) -> QMenu:
        """A menu that shows and hides columns."""
        menu = QMenu(tr("&Columns"), parent)
        menu.setObjectName("columns")
        for number, column in enumerate(self._model.columns):
            if column.id == "name":
                continue
            action = QAction(column.title(False), menu)
            action.setObjectName(f"column-{column.id}")
            action.setCheckable(True)
            action.setChecked(not self.isColumnHidden(number))
            action.toggled.connect(
                lambda on, number=number: self.setColumnHidden(number, not on)
            )
            menu.addAction(action)
        return menu

    def keep_columns(self) -> None:
        """Remember which columns are shown, where and how wide."""
        self._settings.setValue(
            _KEPT, _header(self.horizontalHeader()).saveState()
        )

    def _set_up_columns(self) -> None:
        header = _header(self.horizontalHeader())
        header.setSectionsMovable(True)
        header.setHighlightSections(False)
        header.setStretchLastSection(True)
        header.setDefaultAlignment(
            Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        )
        letter = self.fontMetrics().averageCharWidth()
        for number, column in enumerate(self._model.columns):
            self.setColumnWidth(number, letter * _LETTERS[column.id])
            self.setColumnHidden(number, not column.at_first)
        self.sortByColumn(
            self._model.column_of("state"), Qt.SortOrder.AscendingOrder
        )
        kept = self._settings.value(_KEPT)
        if kept is not None:
            header.restoreState(kept)
        header.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header.customContextMenuRequested.connect(self._choose_columns)

    def _choose_columns(self, point: QPoint) -> None:
        menu = self.columns_menu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(_header(self.horizontalHeader()).mapToGlobal(point))

    def _ask_for_menu(self, point: QPoint) -> None:
        viewport = self.viewport()
        if viewport is not None and self.selected_rows():
            self.wanted_menu.emit(viewport.mapToGlobal(point))


def _header(header: Optional[QHeaderView]) -> QHeaderView:
    assert header is not None
    return header
