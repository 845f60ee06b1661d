# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The table of sessions as a view: its columns, and which rows are chosen."""

from typing import Iterable, List, Optional, Set

from PyQt6.QtCore import QItemSelection, QItemSelectionModel, Qt, QTimer
from PyQt6.QtWidgets import QAbstractItemView, QTableView

from wyng_dom0.applet import sessions_model as columns
from wyng_dom0.applet.plain_text import letters_wide
from wyng_dom0.applet.points import Point
from wyng_dom0.applet.sessions_model import POINT_ROLE, SessionsModel
from wyng_dom0.applet.wording import tr

_LETTERS = {
    columns.TIME: 20,
    columns.SESSION: 22,
    columns.VOLUMES: 14,
    columns.SIZE: 13,
    columns.CHANGED: 13,
    columns.STATE: 14,
    columns.TAGS: 14,
    columns.PINNED: 13,
    columns.PROVEN: 20,
    columns.UNIQUE: 13,
    columns.SHARED: 13,
}


class SessionsView(QTableView):
    """Rows of a SessionsModel, several of which may be chosen."""

    def __init__(self, model: SessionsModel) -> None:
        super().__init__()
        self._rows = model
        self.setObjectName("sessions")
        self.setAccessibleName(tr("Sessions"))
        self.setModel(model)
        self.setSelectionBehavior(
            QAbstractItemView.SelectionBehavior.SelectRows
        )
        self.setTabKeyNavigation(False)
        self.setAlternatingRowColors(True)
        self.setWordWrap(False)
        self.setShowGrid(False)
        self.setSortingEnabled(True)
        self.sortByColumn(columns.TIME, Qt.SortOrder.DescendingOrder)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self._shape_headers()

    def _shape_headers(self) -> None:
        down = self.verticalHeader()
        if down is not None:
            down.hide()
            # One height for all: no row is asked for its own.
            down.setDefaultSectionSize(int(self.fontMetrics().height() * 1.6))
        across = self.horizontalHeader()
        if across is not None:
            across.setStretchLastSection(True)
            across.setHighlightSections(False)
        for column, letters in _LETTERS.items():
            self.setColumnWidth(column, letters_wide(self, letters))

    def show_columns(self, *, volumes: bool, sizes: bool) -> None:
        """Whether the names of volumes, and what was measured, are shown."""
        self.setColumnHidden(columns.VOLUMES, not volumes)
        for each in (columns.UNIQUE, columns.SHARED):
            self.setColumnHidden(each, not sizes)

    @property
    def chosen(self) -> List[Point]:
        """The points that are chosen, in the order of the table."""
        selection = self.selectionModel()
        if selection is None:
            return []
        # By ranges: an index of each of twenty thousand rows takes a while.
        rows: Set[int] = set()
        ranges = selection.selection()
        for at in range(ranges.count()):
            rows.update(range(ranges[at].top(), ranges[at].bottom() + 1))
        return [self._rows.rows[row] for row in sorted(rows)]

    @property
    def current_point(self) -> Optional[Point]:
        """The point that the keyboard is at."""
        found = self.currentIndex().data(POINT_ROLE)
        return found if isinstance(found, Point) else None

    def choose(self, of: Point) -> bool:
        """Choose one and bring it into view; False where it is not shown."""
        row = self._rows.row_of(of)
        if row < 0:
            return False
        index = self._rows.index(row, columns.TIME)
        self.setCurrentIndex(index)
        self.selectRow(row)
        # When what is below has taken its lines.
        QTimer.singleShot(0, self._show_current)
        return True

    def _show_current(self) -> None:
        self.scrollTo(self.currentIndex())

    def choose_all(self, points: Iterable[Point]) -> None:
        """Choose these, and no others."""
        selection = QItemSelection()
        for each in points:
            row = self._rows.row_of(each)
            if row >= 0:
                index = self._rows.index(row, columns.TIME)
                selection.select(index, index)
        chosen = self.selectionModel()
        assert chosen is not None
        flags = QItemSelectionModel.SelectionFlag
        chosen.select(selection, flags.ClearAndSelect | flags.Rows)
