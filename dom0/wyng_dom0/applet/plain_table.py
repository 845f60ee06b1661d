# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A table of plain values, as views want it."""

from typing import Any, Tuple

from PyQt6.QtCore import QAbstractTableModel, QModelIndex, Qt

_NO_INDEX = QModelIndex()
# Heads, and rows as wide as they.
Table = Tuple[Tuple[str, ...], Tuple[Tuple[Any, ...], ...]]


class TableModel(QAbstractTableModel):
    """A Table as a view has it."""

    def __init__(self) -> None:
        super().__init__()
        self._heads: "tuple[str, ...]" = ()
        self._rows: "tuple[tuple[Any, ...], ...]" = ()

    def show(self, table: Table) -> None:
        """This from now on."""
        self.beginResetModel()
        self._heads, self._rows = table
        self.endResetModel()

    def rowCount(self, parent: QModelIndex = _NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: QModelIndex = _NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self._heads)

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = int(Qt.ItemDataRole.DisplayRole),
    ) -> Any:
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        if orientation == Qt.Orientation.Vertical:
            return str(section + 1)
        return self._heads[section]

    def data(
        self, index: QModelIndex, role: int = int(Qt.ItemDataRole.DisplayRole)
    ) -> Any:
        if not index.isValid() or index.row() >= len(self._rows):
            return None
        value = self._rows[index.row()][index.column()]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight
            if isinstance(value, str):
                side = Qt.AlignmentFlag.AlignLeft
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        return round(value, 1) if isinstance(value, float) else str(value)
