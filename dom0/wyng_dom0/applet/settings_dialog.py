# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Settings of an archive, a tab for each kind; each change is one call.

A call that fails changes nothing and leaves the fields as they were: what was
typed can be mended, or taken back with Undo.
"""

from typing import List, Optional

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from wyng_dom0.applet.desk import Desk
from wyng_dom0.applet.reading import rows_of, text_of
from wyng_dom0.applet.settings_archives import ArchivesTab
from wyng_dom0.applet.settings_keep import KeepTab
from wyng_dom0.applet.settings_keys import KeysTab
from wyng_dom0.applet.settings_limits import LimitsTab
from wyng_dom0.applet.settings_schedule import ScheduleTab
from wyng_dom0.applet.settings_tab import SettingsTab
from wyng_dom0.applet.wording import shown, tr

_WIDTH_LETTERS, _HEIGHT_LINES = 124, 32


class SettingsDialog(QDialog):
    """Tabs over one archive, which is chosen above them."""

    def __init__(
        self, desk: Desk, archive: str, parent: Optional[QWidget] = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("settings-dialog")
        self.setWindowTitle(tr("Settings"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._desk = desk
        self._choice = QComboBox()
        self._choice.setObjectName("settings-archive")
        self._choice.setAccessibleName(tr("Archive"))
        self._tabs = QTabWidget()
        self._tabs.setObjectName("settings-tabs")
        self.tabs: List[SettingsTab] = []
        for tab in self._make_tabs():
            self.tabs.append(tab)
            self._tabs.addTab(tab, tab.title)
        form = QFormLayout()
        form.addRow(tr("&Archive:"), self._choice)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(self._tabs, 1)
        layout.addWidget(buttons)
        metrics = self.fontMetrics()
        self.resize(
            metrics.averageCharWidth() * _WIDTH_LETTERS,
            metrics.height() * _HEIGHT_LINES,
        )
        self._names: List[str] = []
        self._fill(archive)
        self._choice.currentIndexChanged.connect(self._show_archive)
        self._tabs.currentChanged.connect(self._show_archive)
        desk.status_changed.connect(self._see_archives)
        self._show_archive()

    @property
    def archive(self) -> str:
        """The archive that is chosen; "" where there is none."""
        at = self._choice.currentIndex()
        return self._names[at] if 0 <= at < len(self._names) else ""

    def show_tab(self, name: str) -> None:
        """Show the tab of that object name."""
        for tab in self.tabs:
            if tab.objectName() == name:
                self._tabs.setCurrentWidget(tab)

    def _make_tabs(self) -> List[SettingsTab]:
        archives = ArchivesTab(self._desk)
        archives.chosen.connect(self._choose)
        return [
            archives,
            ScheduleTab(self._desk),
            KeepTab(self._desk),
            KeysTab(self._desk),
            LimitsTab(self._desk),
        ]

    def _fill(self, wanted: str) -> None:
        rows = rows_of(self._desk.status, "archives")
        self._names = [text_of(each, "name") for each in rows]
        if wanted and wanted not in self._names:
            if not self._names:
                self._names = [wanted]
        self._choice.blockSignals(True)
        self._choice.clear()
        self._choice.addItems([shown(each) for each in self._names])
        if wanted in self._names:
            self._choice.setCurrentIndex(self._names.index(wanted))
        self._choice.blockSignals(False)

    def _see_archives(self) -> None:
        before = self.archive
        self._fill(before)
        for tab in self.tabs:
            tab.show_status(self._desk.status)
        if self.archive != before:
            self._show_archive()

    def _choose(self, name: str) -> None:
        if name in self._names:
            self._choice.setCurrentIndex(self._names.index(name))

    def _show_archive(self) -> None:
        tab = self._tabs.currentWidget()
        if isinstance(tab, SettingsTab):
            tab.show_status(self._desk.status)
            tab.show_archive(self.archive)
