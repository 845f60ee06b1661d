# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Charts of an archive: over time, by qube, what is saved, what is free."""

from typing import Optional

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QPushButton,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from wyng_dom0.applet import chart_data
from wyng_dom0.applet.chart_history import sizes_over_time
from wyng_dom0.applet.chart_page import ChartPage
from wyng_dom0.applet.charts_load import ChartsLoad
from wyng_dom0.applet.desk import Desk
from wyng_dom0.applet.engine import Outcome
from wyng_dom0.applet.icons import glyph
from wyng_dom0.applet.plain_text import plain_label
from wyng_dom0.applet.points import subject_of
from wyng_dom0.applet.problem import show_problem
from wyng_dom0.applet.wording import shown, tr


class ChartsWindow(QDialog):
    """Charts of the archive of that name."""

    def __init__(
        self, desk: Desk, archive: str, parent: Optional[QWidget] = None
    ) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setObjectName("charts-window")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(tr("Charts of {0}").format(shown(archive)))
        self._archive = archive
        self.load = ChartsLoad(desk, archive, self)
        self.load.remembered.connect(self._show_sizes)
        self.load.placed.connect(self._show_spaces)
        self.load.listed.connect(self._show_saved)
        self.load.came.connect(self._tell_left)
        self.load.finished.connect(self._show_sessions)
        self.load.failed.connect(self._fail)
        self._make_pages()
        self._lay_out()
        self.load.begin()

    def _make_pages(self) -> None:
        self.sizes = ChartPage(
            "sizes", tr("What the archive takes, and holds"), over_time=True
        )
        self.over_time = ChartPage(
            "time",
            tr("What the sessions that are kept brought in, by when"),
            over_time=True,
        )
        self.by_owner = ChartPage(
            "owners", tr("What each of them brought in"), over_time=False
        )
        self.saved = ChartPage(
            "saved",
            tr("What deduplication and compression save"),
            over_time=False,
        )
        self.spaces = ChartPage(
            "spaces",
            tr("How full the pools and the destination are"),
            over_time=False,
        )

    def _lay_out(self) -> None:
        em = self.fontMetrics().height()
        self.resize(em * 60, em * 36)
        self.tabs = QTabWidget()
        self.tabs.setObjectName("charts")
        self.tabs.addTab(self.sizes, tr("Si&ze"))
        self.tabs.addTab(self.over_time, tr("Over t&ime"))
        self.tabs.addTab(self.by_owner, tr("&By name"))
        self.tabs.addTab(self.saved, tr("&Saved"))
        self.tabs.addTab(self.spaces, tr("&Pools"))
        self._said = plain_label(tr("Asking the archive…"), name="said")
        buttons = QDialogButtonBox()
        refresh = QPushButton(glyph("refresh"), tr("&Refresh"))
        refresh.setObjectName("refresh-charts")
        refresh.setAutoDefault(False)
        refresh.setShortcut("F5")
        refresh.clicked.connect(self._refresh)
        buttons.addButton(refresh, QDialogButtonBox.ButtonRole.ActionRole)
        close = buttons.addButton(QDialogButtonBox.StandardButton.Close)
        assert close is not None
        close.setObjectName("close")
        close.setDefault(True)
        buttons.rejected.connect(self.close)
        column = QVBoxLayout(self)
        column.addWidget(self.tabs, 1)
        column.addWidget(self._said)
        column.addWidget(buttons)

    def _refresh(self) -> None:
        self._said.setText(tr("Asking the archive…"))
        self.load.begin()

    def _has_qubes(self) -> bool:
        return subject_of(self.load.status, self._archive, "").is_qube

    def _show_saved(self) -> None:
        found = chart_data.saved(self.load.totals)
        if found is None:
            self.saved.say(tr("The archive does not tell."))
        else:
            self.saved.show_chart(found)
        self._tell_left()

    def _tell_left(self) -> None:
        self._said.setText(
            tr("Asking for the sessions of {0} more volume(s)…").format(
                self.load.left
            )
            if self.load.left
            else ""
        )

    def _show_sessions(self) -> None:
        qubes = self._has_qubes()
        if qubes:
            self.tabs.setTabText(2, tr("&By qube"))
        parts = self.load.parts
        self.over_time.show_chart(
            chart_data.over_time(parts, qubes=qubes),
            tr("Before deduplication and compression."),
        )
        found = chart_data.by_owner(self.load.rows, parts, qubes=qubes)
        self.by_owner.show_chart(found)
        self._said.setText("")

    def _show_sizes(self) -> None:
        self.sizes.show_chart(
            sizes_over_time(self.load.history),
            tr("As this machine noted it after backups."),
        )

    def _show_spaces(self) -> None:
        self.spaces.show_chart(
            chart_data.spaces(self.load.status, self._archive)
        )

    def _fail(self, outcome: Outcome) -> None:
        self._said.setText(tr("The archive could not be asked."))
        show_problem(outcome, tr("The archive could not be asked"), self)
