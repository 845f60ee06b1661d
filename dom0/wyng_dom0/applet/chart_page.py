# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A chart with its table behind it: the same numbers, for whoever prefers
them, and as CSV."""

from typing import Optional, Union

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QGuiApplication
from PyQt6.QtWidgets import (
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QScrollArea,
    QStackedLayout,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from wyng_dom0.applet.bar_chart import BarChart
from wyng_dom0.applet.chart_data import Bars, Lines, csv_of
from wyng_dom0.applet.icons import glyph
from wyng_dom0.applet.line_chart import LineChart
from wyng_dom0.applet.plain_table import TableModel
from wyng_dom0.applet.plain_text import plain_label
from wyng_dom0.applet.wording import tr


class ChartPage(QWidget):
    """One chart; `name` is its word in object names, `title` what it shows."""

    def __init__(self, name: str, title: str, *, over_time: bool) -> None:
        super().__init__()
        self.setObjectName(f"page-{name}")
        self._chart: Optional[Union[Bars, Lines]] = None
        self.drawing: Union[BarChart, LineChart] = (
            LineChart(title) if over_time else BarChart(title)
        )
        self.drawing.setObjectName(f"chart-{name}")
        self.model = TableModel()
        self._lay_out(name, title)

    def _lay_out(self, name: str, title: str) -> None:
        self._title = plain_label(title)
        self._note = plain_label(name=f"note-{name}")
        self._area = QScrollArea()
        self._area.setWidget(self.drawing)
        self._area.setWidgetResizable(True)
        self._area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.table = QTableView()
        self.table.setObjectName(f"table-{name}")
        self.table.setAccessibleName(title)
        self.table.setModel(self.model)
        self.table.setTabKeyNavigation(False)
        across = self.table.horizontalHeader()
        if across is not None:
            across.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self._toggle = QPushButton(tr("Show as &table"))
        self._toggle.setObjectName(f"as-table-{name}")
        self._toggle.setCheckable(True)
        self._toggle.setIcon(glyph("columns"))
        self._toggle.toggled.connect(self._turn)
        self._copy = QPushButton(tr("Copy as CS&V"))
        self._copy.setObjectName(f"copy-csv-{name}")
        self._copy.setIcon(glyph("copy"))
        self._copy.setEnabled(False)
        self._copy.clicked.connect(self._copy_csv)
        for each in (self._toggle, self._copy):
            each.setAutoDefault(False)
        self._sides = QStackedLayout()
        self._sides.addWidget(self._area)
        self._sides.addWidget(self.table)
        below = QHBoxLayout()
        below.addWidget(self._note, 1)
        below.addWidget(self._toggle)
        below.addWidget(self._copy)
        column = QVBoxLayout(self)
        column.addWidget(self._title)
        column.addLayout(self._sides, 1)
        column.addLayout(below)

    def show_chart(self, chart: Union[Bars, Lines], note: str = "") -> None:
        """This from now on."""
        self._chart = chart
        if isinstance(chart, Lines) and isinstance(self.drawing, LineChart):
            self.drawing.show_chart(chart)
        elif isinstance(chart, Bars) and isinstance(self.drawing, BarChart):
            self.drawing.show_chart(chart)
            note = note or chart.note
        self.model.show(chart.table())
        self._note.setText(note)
        self._copy.setEnabled(self.model.rowCount() > 0)

    def say(self, note: str) -> None:
        """Say something below the chart."""
        self._note.setText(note)

    def _turn(self, as_table: bool) -> None:
        self._sides.setCurrentIndex(int(as_table))
        self._toggle.setText(
            tr("Show as char&t") if as_table else tr("Show as &table")
        )

    def _copy_csv(self) -> None:
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None and self._chart is not None:
            clipboard.setText(csv_of(self._chart.table()))
            self._note.setText(tr("Copied."))
