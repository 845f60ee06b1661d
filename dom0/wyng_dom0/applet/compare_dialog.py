# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What differs between two sessions, or between one and the volume as it is.

Differing is no failure here, though the engine's exit code says so.
"""

from typing import List, Mapping, Optional, Sequence, Tuple

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QGuiApplication
from PyQt6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHeaderView,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from wyng_dom0.applet import command_lines
from wyng_dom0.applet.call_strip import CallStrip
from wyng_dom0.applet.desk import Desk
from wyng_dom0.applet.difference_map import DifferenceMap
from wyng_dom0.applet.differences import (
    Differences,
    SettingChange,
    differences_of,
    files_summary,
    files_table,
    ranges_table,
    setting_changes,
    settings_table,
    summary,
)
from wyng_dom0.applet.engine import Outcome
from wyng_dom0.applet.plain_table import Table, TableModel
from wyng_dom0.applet.plain_text import heading, letters_wide, plain_label
from wyng_dom0.applet.points import Point, Subject, standing
from wyng_dom0.applet.problem import show_problem
from wyng_dom0.applet.wording import point, shown, tr

# What of a qube is compared, beside the names of its volumes.
SETTINGS = "="


class CompareDialog(QDialog):
    """Compare `older` with `newer`; None is the volume as it is now.

    Of a volume that did not change at one of the points, the session before
    it is meant. `points` are all, oldest first.
    """

    def __init__(
        self,
        desk: Desk,
        subject: Subject,
        points: Sequence[Point],
        older: Point,
        newer: Optional[Point],
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("compare-dialog")
        self.setWindowTitle(tr("Compare"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._desk, self._subject, self._points = desk, subject, points
        self._older, self._newer = older, newer
        self.found: Optional[Differences] = None
        self.changes: Optional[Tuple[SettingChange, ...]] = None
        self._table_shown: Optional[Table] = None
        self._make_inputs()
        self._lay_out()
        if newer is not None:
            # By the trees alone: that is quick, and fetches no data.
            self._begin()

    # The parts

    def _make_inputs(self) -> None:
        self._volume = QComboBox()
        self._volume.setObjectName("volume")
        self._volume.setAccessibleName(tr("Volume"))
        for each in self._volumes():
            self._volume.addItem(shown(self._subject.short(each)), each)
        if self._subject.is_qube and not self._subject.is_dom0:
            self._volume.addItem(tr("the settings"), SETTINGS)
        self._volume.currentIndexChanged.connect(lambda _: self._reset())
        self._quick = QCheckBox(
            tr("&Whole chunks only: nothing is fetched, it is quicker")
        )
        self._quick.setObjectName("quick")
        # Files are compared as files: there is no quicker way.
        quick = self._newer is None and not self._subject.is_dom0
        self._quick.setChecked(quick)
        self._quick.setVisible(quick)
        self._strip = CallStrip(self._desk.engine, self._subject.archive)
        self._strip.hide()
        self._strip.ended.connect(self._finish)
        self._said = plain_label(name="said")
        self._map = DifferenceMap()
        self._map.hide()
        self._model = TableModel()
        self._table = QTableView()
        self._table.setObjectName("ranges")
        self._table.setAccessibleName(tr("What differs"))
        self._table.setModel(self._model)
        self._table.setTabKeyNavigation(False)
        header = self._table.horizontalHeader()
        if header is not None:
            header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self._table.hide()

    def _volumes(self) -> List[str]:
        """Those of which both sides have something."""
        names = dict.fromkeys(n for p in self._points for n in p.volumes)
        sides = [self._older, self._newer or self._older]
        return [
            name
            for name in names
            if self._subject.is_data(name)
            and all(standing(self._points, s, name) for s in sides)
        ]

    def _lay_out(self) -> None:
        self.setMinimumWidth(letters_wide(self, 64))
        column = QVBoxLayout(self)
        column.addWidget(heading(self._title()))
        form = QFormLayout()
        if self._volume.count() > 1:
            form.addRow(tr("V&olume"), self._volume)
        form.addRow(self._quick)
        column.addLayout(form)
        for each in (self._strip, self._said, self._map):
            column.addWidget(each)
        column.addWidget(self._table, 1)
        self._compare = _button("compare-now", tr("&Compare"))
        self._compare.clicked.connect(self._begin)
        self._copy = _button("copy-ranges", tr("Copy the &list"))
        self._copy.setEnabled(False)
        self._copy.clicked.connect(self._copy_list)
        buttons = QDialogButtonBox()
        role = QDialogButtonBox.ButtonRole
        buttons.addButton(self._compare, role.ActionRole)
        buttons.addButton(self._copy, role.ActionRole)
        close = _button("close", tr("Close"))
        close.setDefault(True)
        buttons.addButton(close, role.RejectRole)
        buttons.rejected.connect(self.reject)
        column.addWidget(buttons)

    def _title(self) -> str:
        older = point(self._older.time)
        if self._newer is None:
            return tr("{0}: {1} and as it is now").format(
                shown(self._subject.name, 60), older
            )
        return tr("{0}: {1} and {2}").format(
            *(shown(self._subject.name, 60), older, point(self._newer.time))
        )

    # Comparing

    def _reset(self) -> None:
        self._clear()
        self._quick.setEnabled(self._volume.currentData() != SETTINGS)
        if self._newer is not None:
            self._begin()

    def _begin(self) -> None:
        volume = self._volume.currentData()
        if self._strip.is_running or volume is None:
            return
        self._clear()
        words = self._words(str(volume))
        if not words:
            self._said.setText(
                tr("This volume did not change between the two.")
            )
            return
        self._compare.setEnabled(False)
        self._volume.setEnabled(False)
        self._strip.show()
        self._strip.start(words, tr("Comparing…"))

    def _words(self, volume: str) -> command_lines.Words:
        """The call that compares; none where nothing can differ."""
        subject, newer = self._subject, self._newer
        if volume == SETTINGS:
            return command_lines.diff_settings(
                *(subject.archive, subject.name, self._older.session),
                newer.session if newer else "",
            )
        old = standing(self._points, self._older, volume)
        new = standing(self._points, newer, volume) if newer else None
        if old is None or old is new:
            return ()
        return command_lines.diff(
            *(subject.archive, volume, old.session),
            new.session if new else "",
            quick=self._quick.isChecked(),
        )

    def _clear(self) -> None:
        self.found = self.changes = self._table_shown = None
        self._said.setText("")
        self._map.hide()
        self._table.hide()
        self._copy.setEnabled(False)

    def _finish(self, outcome: Outcome) -> None:
        self._strip.hide()
        self._compare.setEnabled(True)
        self._volume.setEnabled(True)
        report: Mapping[str, object] = outcome.report("diff")
        settings: Mapping[str, object] = outcome.report("settings-diff")
        files: Mapping[str, object] = outcome.report("files")
        if files:
            self._show(files_summary(files), files_table(files))
        elif report:
            self._show_data(differences_of(report))
        elif settings:
            self._show_settings(setting_changes(settings))
        else:
            self._said.setText(
                tr("Cancelled.")
                if outcome.cancelled
                else tr("It could not be compared.")
            )
            show_problem(outcome, tr("Not compared"), self)

    def _show_data(self, found: Differences) -> None:
        self.found = found
        self._map.show_differences(found)
        self._map.setVisible(bool(found.ranges))
        self._show(summary(found), ranges_table(found))

    def _show_settings(self, changes: Tuple[SettingChange, ...]) -> None:
        self.changes = changes
        said = tr("They are the same.")
        if changes:
            said = tr("{0} setting(s) differ.").format(len(changes))
        self._show(said, settings_table(changes))

    def _show(self, said: str, table: Table) -> None:
        notices = [shown(each) for each in self._strip.notices]
        self._said.setText("\n".join([said, *notices]))
        self._table_shown = table
        self._model.show(table)
        self._table.setVisible(bool(table[1]))
        self._copy.setEnabled(bool(table[1]))

    def _copy_list(self) -> None:
        clipboard = QGuiApplication.clipboard()
        if clipboard is None or self._table_shown is None:
            return
        if self.found is not None:
            lines = [f"{at}\t{length}" for at, length in self.found.ranges]
        else:
            lines = ["\t".join(row) for row in self._table_shown[1]]
        clipboard.setText("\n".join(lines) + "\n")
        self._copy.setText(tr("Copied"))


def _button(name: str, text: str) -> QPushButton:
    button = QPushButton(text)
    button.setObjectName(name)
    button.setAutoDefault(False)
    return button
