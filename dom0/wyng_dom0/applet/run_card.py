# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""One run on the screen: how far it is, what can be done to it, its end."""

from PyQt6.QtCore import QModelIndex, Qt, pyqtSignal
from PyQt6.QtGui import QPainter
from PyQt6.QtWidgets import (
    QApplication,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QProgressBar,
    QPushButton,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionProgressBar,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from wyng_dom0.applet import run_model, run_words
from wyng_dom0.applet.icons import glyph
from wyng_dom0.applet.plain_text import plain_label
from wyng_dom0.applet.run_model import PERCENT_ROLE, RunModel
from wyng_dom0.applet.runs import PAUSED, Run
from wyng_dom0.applet.wording import tip, tr

_ROWS_SEEN = 6


class BarDelegate(QStyledItemDelegate):
    """Paints how much of a volume is done as a bar."""

    def paint(
        self,
        painter: "QPainter | None",
        option: QStyleOptionViewItem,
        index: QModelIndex,
    ) -> None:
        """See Qt."""
        part = index.data(PERCENT_ROLE)
        style = QApplication.style()
        if part is None or style is None or painter is None:
            super().paint(painter, option, index)
            return
        bar = QStyleOptionProgressBar()
        bar.rect = option.rect.adjusted(2, 2, -2, -2)
        bar.palette = option.palette
        bar.fontMetrics = option.fontMetrics
        bar.state = option.state | QStyle.StateFlag.State_Horizontal
        bar.minimum, bar.maximum, bar.progress = 0, 100, part
        bar.text = index.data()
        bar.textVisible = True
        bar.textAlignment = Qt.AlignmentFlag.AlignCenter
        style.drawControl(QStyle.ControlElement.CE_ProgressBar, bar, painter)


class RunCard(QFrame):
    """A run; `steered` gives pause, resume or cancel and the run's name."""

    steered = pyqtSignal(str, str)
    dismissed = pyqtSignal(str)

    def __init__(self, run: Run, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName(f"run-{run.name}")
        self._run = run
        self._asked_to = ""
        self._sign = QLabel()
        self._title = plain_label(name="run-title")
        font = self._title.font()
        font.setBold(True)
        self._title.setFont(font)
        self._said = plain_label(name="run-said")
        self._bar = QProgressBar()
        self._bar.setObjectName("run-bar")
        self._bar.setAccessibleName(tr("How much is done"))
        self._make_buttons()
        self._make_table()
        self._lay_out()
        self.show_run(run)

    @property
    def run(self) -> Run:
        """The run as it was shown last."""
        return self._run

    def show_run(self, run: Run) -> None:
        """Show how it stands."""
        if run.state != self._run.state:
            self._asked_to = ""
        self._run = run
        self._title.setText(run_words.title(run))
        self._sign.setPixmap(glyph(*run_words.sign(run)).pixmap(self._edge()))
        self._said.setText(self._sentence(run))
        self._show_bar(run)
        self._show_buttons(run)
        self._model.show_run(run)
        self._details.setEnabled(bool(run.volumes))
        self._table.setVisible(self._details.isChecked() and bool(run.volumes))

    def _sentence(self, run: Run) -> str:
        if run.is_over:
            return run_words.result(run)
        if self._asked_to == "cancel":
            return tr("Cancelling; what was sent stays…")
        if self._asked_to == "pause" and run.state != PAUSED:
            return tr("Pausing as soon as it can…")
        return run_words.progress(run)

    def _show_bar(self, run: Run) -> None:
        self._bar.setVisible(not run.is_over)
        if run.part is None:
            self._bar.setRange(0, 0)
        else:
            self._bar.setRange(0, 1000)
            self._bar.setValue(int(run.part * 1000))

    def _show_buttons(self, run: Run) -> None:
        paused = run.state == PAUSED
        waits = bool(self._asked_to)
        self._pause.setVisible(not run.is_over)
        self._pause.setText(tr("&Resume") if paused else tr("&Pause"))
        self._pause.setIcon(glyph("resume" if paused else "pause"))
        self._pause.setEnabled(not waits)
        self._cancel.setVisible(not run.is_over)
        self._cancel.setEnabled(self._asked_to != "cancel")
        self._dismiss.setVisible(run.is_over)

    def _make_buttons(self) -> None:
        self._pause = _button("run-pause", tr("&Pause"), "pause")
        self._pause.clicked.connect(self._pause_or_resume)
        self._cancel = _button("run-cancel", tr("&Cancel"), "cancel")
        self._cancel.setToolTip(
            tip(tr("Safe: what was sent stays, the next one goes on from it."))
        )
        self._cancel.clicked.connect(lambda: self._steer("cancel"))
        self._dismiss = _button("run-dismiss", tr("&Dismiss"), "dismiss")
        self._dismiss.clicked.connect(
            lambda: self.dismissed.emit(self._run.name)
        )
        self._details = _button("run-details", tr("De&tails"), "log")
        self._details.setCheckable(True)
        self._details.toggled.connect(
            lambda on: self._table.setVisible(on and bool(self._run.volumes))
        )

    def _make_table(self) -> None:
        self._model = RunModel(self)
        self._table = QTableView()
        self._table.setObjectName("run-volumes")
        self._table.setAccessibleName(tr("Volumes of this run"))
        self._table.setModel(self._model)
        self._table.setItemDelegateForColumn(
            run_model.DONE, BarDelegate(self._table)
        )
        self._table.setShowGrid(False)
        self._table.setTabKeyNavigation(False)
        self._table.setSelectionBehavior(
            QTableView.SelectionBehavior.SelectRows
        )
        rows, columns = (
            self._table.verticalHeader(),
            self._table.horizontalHeader(),
        )
        assert rows is not None and columns is not None
        rows.hide()
        line = self.fontMetrics().height() * 3 // 2
        rows.setDefaultSectionSize(line)
        columns.setStretchLastSection(True)
        columns.setDefaultAlignment(
            Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        )
        columns.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        letter = self.fontMetrics().averageCharWidth()
        for number, letters in enumerate((28, 14, 26, 12, 30)):
            self._table.setColumnWidth(number, letter * letters)
        self._table.setMinimumHeight(line * _ROWS_SEEN)
        self._table.setVisible(False)

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        for each in (self._details, self._pause, self._cancel, self._dismiss):
            buttons.addWidget(each)
        grid = QGridLayout(self)
        grid.addWidget(self._sign, 0, 0)
        grid.addWidget(self._title, 0, 1)
        grid.addLayout(buttons, 0, 2, 2, 1)
        grid.addWidget(self._said, 1, 1)
        grid.addWidget(self._bar, 2, 0, 1, 3)
        grid.addWidget(self._table, 3, 0, 1, 3)
        grid.setColumnStretch(1, 1)
        grid.setRowStretch(3, 1)

    def _edge(self) -> int:
        style = self.style()
        assert style is not None
        return style.pixelMetric(QStyle.PixelMetric.PM_SmallIconSize)

    def _pause_or_resume(self) -> None:
        self._steer("resume" if self._run.state == PAUSED else "pause")

    def _steer(self, verb: str) -> None:
        self._asked_to = verb
        self.show_run(self._run)
        self.steered.emit(verb, self._run.name)

    def refuse(self) -> None:
        """What was asked of the run last did not come to it."""
        self._asked_to = ""
        self.show_run(self._run)


def _button(name: str, text: str, sign: str) -> QPushButton:
    button = QPushButton(glyph(sign), text)
    button.setObjectName(name)
    return button
