# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A list of volumes or qubes to tick, with a filter and what it comes to."""

from typing import Dict, List, Mapping, Sequence, Tuple

from PyQt6.QtCore import QSortFilterProxyModel, Qt, pyqtSignal
from PyQt6.QtGui import QIcon, QStandardItem, QStandardItemModel
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QPushButton,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from wyng_dom0.applet.plain_text import plain_label
from wyng_dom0.applet.wizard.plan import Volume
from wyng_dom0.applet.wording import shown, size, tr

_NAMES = Qt.ItemDataRole.UserRole + 1
_ORDER = Qt.ItemDataRole.UserRole + 2


class VolumeChoice(QWidget):
    """What is ticked is `chosen`; on Qubes OS a qube stands for its volumes."""

    changed = pyqtSignal()

    def __init__(self, heading: str) -> None:
        super().__init__()
        self.volumes: Tuple[Volume, ...] = ()
        self._heading = heading
        self._labels: Dict[str, QIcon] = {}
        self._qubes = False
        self._filling = False
        self._model = QStandardItemModel(self)
        self._model.itemChanged.connect(self._tick)
        self._proxy = QSortFilterProxyModel(self)
        self._proxy.setSourceModel(self._model)
        self._proxy.setSortRole(_ORDER)
        self._proxy.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.view = self._make_view()
        self._filter = QLineEdit()
        self._filter.setObjectName("volume-filter")
        self._filter.setPlaceholderText(tr("Filter by name"))
        self._filter.setAccessibleName(tr("Filter by name"))
        self._filter.setClearButtonEnabled(True)
        self._filter.textChanged.connect(self._proxy.setFilterFixedString)
        self._sum = plain_label(name="volume-sum")
        row = QHBoxLayout()
        row.addWidget(self._filter, 1)
        for name, text, state in (
            ("tick-all", tr("&All"), Qt.CheckState.Checked),
            ("tick-none", tr("N&one"), Qt.CheckState.Unchecked),
        ):
            button = QPushButton(text)
            button.setObjectName(name)
            button.setAutoDefault(False)
            button.clicked.connect(lambda _, to=state: self._tick_shown(to))
            row.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row)
        layout.addWidget(self.view, 1)
        layout.addWidget(self._sum)

    def show_qubes(self, qubes: bool) -> None:
        """Whether names are QUBE:VOLUME."""
        self._qubes = qubes

    def show_labels(self, icons: Mapping[str, QIcon]) -> None:
        """The icons of qubes, by their names."""
        self._labels = dict(icons)
        for item in self._items():
            icon = self._labels.get(str(item.data(_ORDER)))
            if icon is not None:
                item.setIcon(icon)

    def show_volumes(self, volumes: Sequence[Volume]) -> None:
        """Fill the list; ticked is what is included."""
        self.volumes = tuple(volumes)
        groups: Dict[str, List[Volume]] = {}
        for each in self.volumes:
            group = each.qube if self._qubes else each.name
            groups.setdefault(group or each.name, []).append(each)
        self._filling = True
        self._model.clear()
        titles = [tr("Qube") if self._qubes else tr("Volume"), tr("Size")]
        self._model.setHorizontalHeaderLabels(titles)
        for name, members in groups.items():
            self._model.appendRow(_row(name, members))
        self.show_labels(self._labels)
        self._filling = False
        header = self.view.header()
        if header is not None:
            header.setStretchLastSection(False)
            header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
            header.setSectionResizeMode(
                1, QHeaderView.ResizeMode.ResizeToContents
            )
        self.view.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        self._say()

    def chosen(self) -> Tuple[str, ...]:
        """The names of the volumes that are ticked."""
        return tuple(
            name
            for item in self._items()
            if item.checkState() == Qt.CheckState.Checked
            for name in item.data(_NAMES)
        )

    def chosen_groups(self) -> Tuple[str, ...]:
        """The qubes, or volumes, that are ticked."""
        return tuple(
            str(item.data(_ORDER))
            for item in self._items()
            if item.checkState() == Qt.CheckState.Checked
        )

    def _items(self) -> List[QStandardItem]:
        found = [self._model.item(n) for n in range(self._model.rowCount())]
        return [each for each in found if each is not None]

    def _make_view(self) -> QTreeView:
        view = QTreeView()
        view.setObjectName("volumes")
        view.setAccessibleName(self._heading)
        view.setModel(self._proxy)
        view.setRootIsDecorated(False)
        view.setUniformRowHeights(True)
        view.setAlternatingRowColors(True)
        view.setSortingEnabled(True)
        view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        view.setMinimumHeight(view.fontMetrics().height() * 8)
        return view

    def _tick_shown(self, state: Qt.CheckState) -> None:
        self._filling = True
        for number in range(self._proxy.rowCount()):
            index = self._proxy.mapToSource(self._proxy.index(number, 0))
            item = self._model.itemFromIndex(index)
            if item is not None:
                item.setCheckState(state)
        self._filling = False
        self._say()

    def _tick(self, _: object) -> None:
        if not self._filling:
            self._say()

    def _say(self) -> None:
        names = {*self.chosen()}
        total = sum(each.size for each in self.volumes if each.name in names)
        text = ""
        if self.volumes:
            text = tr("{0} of {1} chosen, {2} at most").format(
                len(self.chosen_groups()), self._model.rowCount(), size(total)
            )
        self._sum.setText(text)
        self.changed.emit()


def _row(name: str, members: Sequence[Volume]) -> List[QStandardItem]:
    first = QStandardItem(shown(name))
    first.setCheckable(True)
    included = any(each.included for each in members)
    first.setCheckState(
        Qt.CheckState.Checked if included else Qt.CheckState.Unchecked
    )
    first.setData([each.name for each in members], _NAMES)
    first.setData(name, _ORDER)
    count = sum(each.size for each in members)
    second = QStandardItem(size(count))
    second.setTextAlignment(
        Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
    )
    second.setData(count, _ORDER)
    return [first, second]
