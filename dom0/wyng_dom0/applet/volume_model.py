# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The rows of the main table for Qt's views, sorted and filtered.

Owns what a view asks of a row; what a cell says is columns.py's.
"""

from datetime import datetime, timezone
from typing import Any, Dict, List, Optional, Sequence, Tuple

from PyQt6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QSortFilterProxyModel,
    Qt,
)
from PyQt6.QtGui import QIcon

from wyng_dom0.applet import icons, rows
from wyng_dom0.applet.columns import Cell, columns, natural
from wyng_dom0.applet.icons import tone
from wyng_dom0.applet.rows import Row
from wyng_dom0.applet.standing import standing
from wyng_dom0.applet.wording import tip

KEY_ROLE = int(Qt.ItemDataRole.UserRole)
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_GAP = "\u2002"
_Role = Qt.ItemDataRole


class VolumeModel(QAbstractTableModel):
    """One row of the table for each Row; times are as of `now`."""

    def __init__(self, parent: Optional[QObject] = None) -> None:
        super().__init__(parent)
        self.columns = columns()
        self._rows: List[Row] = []
        self._cells: Dict[Tuple[int, int], Cell] = {}
        self._icons: Dict[Tuple[str, int], QIcon] = {}
        self._now = datetime.now(timezone.utc)
        self._qubes = False

    @property
    def rows(self) -> Sequence[Row]:
        """The rows, in no order that matters."""
        return tuple(self._rows)

    def row_at(self, number: int) -> Row:
        """The row behind a source index."""
        return self._rows[number]

    def column_of(self, id: str) -> int:
        """Where a column is."""
        return [each.id for each in self.columns].index(id)

    def show_rows(
        self, given: Sequence[Row], now: datetime, *, qubes: bool
    ) -> None:
        """Show these; what is selected stays so by its name."""
        if qubes != self._qubes:
            self._qubes = qubes
            self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, 0)
        wanted = {row.name: row for row in given}
        for number in reversed(range(len(self._rows))):
            if self._rows[number].name not in wanted:
                self.beginRemoveRows(QModelIndex(), number, number)
                del self._rows[number]
                self._cells.clear()
                self.endRemoveRows()
        known = {row.name for row in self._rows}
        more = [row for row in wanted.values() if row.name not in known]
        # Those that sort alike stay in the order they came in.
        more.sort(key=lambda row: natural(row.name))
        self._now = now
        self._cells.clear()
        if more:
            first = len(self._rows)
            self.beginInsertRows(QModelIndex(), first, first + len(more) - 1)
            self._rows += more
            self.endInsertRows()
        self._rows = [wanted[row.name] for row in self._rows]
        self._tell_all()

    def repaint(self) -> None:
        """Icons and colours anew, after the palette changed."""
        self._icons.clear()
        self._tell_all()

    def _tell_all(self) -> None:
        if self._rows:
            last = self.index(len(self._rows) - 1, len(self.columns) - 1)
            self.dataChanged.emit(self.index(0, 0), last)

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:
        """See Qt."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:
        """See Qt."""
        return 0 if parent.isValid() else len(self.columns)

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = _Role.DisplayRole,
    ) -> Any:
        """See Qt."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        column = self.columns[section]
        if role == _Role.DisplayRole:
            return column.title(self._qubes)
        if role == _Role.ToolTipRole:
            return tip(column.more)
        if role == _Role.TextAlignmentRole and column.is_number:
            return _RIGHT
        return None

    def data(self, index: QModelIndex, role: int = _Role.DisplayRole) -> Any:
        """See Qt."""
        row, column = index.row(), index.column()
        if role == _Role.DisplayRole:
            return self._padded(self._cell(row, column).text, column)
        if role == KEY_ROLE:
            return self._cell(row, column).key
        if role == _Role.ToolTipRole:
            return tip(self._cell(row, column).tip) or None
        if role == _Role.DecorationRole:
            return self._icon(row, self.columns[column].id)
        if role == _Role.ForegroundRole:
            return self._colour(row, self.columns[column].id)
        if role == _Role.TextAlignmentRole:
            return _RIGHT if self.columns[column].is_number else None
        return None

    def _padded(self, text: str, column: int) -> str:
        """Numbers end before the next column's text begins."""
        return text + _GAP if self.columns[column].is_number else text

    def _cell(self, row: int, column: int) -> Cell:
        found = self._cells.get((row, column))
        if found is None:
            made = self.columns[column].cell(self._rows[row], self._now)
            found = self._cells[row, column] = made
        return found

    def _icon(self, row: int, column: str) -> Optional[QIcon]:
        if column == "name":
            given = self._rows[row]
            by_label = (f"{given.label} {given.color}", -1)
            if by_label not in self._icons:
                made = icons.label_icon(given.label, given.color)
                self._icons[by_label] = made
            return self._icons[by_label]
        if column != "state":
            return None
        found = standing(self._rows[row])
        key = (found.sign, found.tone)
        if key not in self._icons:
            self._icons[key] = icons.glyph(found.sign, found.tone)
        return self._icons[key]

    def _colour(self, row: int, column: str) -> Any:
        shown_row = self._rows[row]
        if column == "state":
            return tone(standing(shown_row).tone)
        if shown_row.state in (rows.OUT, rows.KEPT):
            return tone(icons.MUTED)
        return None


class VolumeFilter(QSortFilterProxyModel):
    """What of the rows is seen: by words typed, and by what they are."""

    def __init__(self, model: VolumeModel, parent: QObject) -> None:
        super().__init__(parent)
        self._model = model
        self._words: Tuple[str, ...] = ()
        self._hidden: "frozenset[int]" = frozenset()
        self.setSourceModel(model)
        self.setSortRole(KEY_ROLE)
        self.setDynamicSortFilter(True)

    def set_words(self, text: str) -> None:
        """Show rows that have each of these words in a name or state."""
        self._words = tuple(text.casefold().split())
        self.invalidateFilter()

    def set_hidden(self, states: "frozenset[int]") -> None:
        """Never show rows in these states."""
        self._hidden = states
        self.invalidateFilter()

    def filterAcceptsRow(self, number: int, parent: QModelIndex) -> bool:
        """See Qt."""
        row = self._model.row_at(number)
        if row.state in self._hidden:
            return False
        if not self._words:
            return True
        text = f"{row.name} {row.label} {row.klass} {standing(row).word}"
        folded = text.casefold()
        return all(word in folded for word in self._words)
