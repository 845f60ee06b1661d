# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The log on the screen: calls at the left, what one said at the right."""

from PyQt6.QtCore import QSize, Qt
from PyQt6.QtGui import QFontDatabase, QGuiApplication
from PyQt6.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QListView,
    QPlainTextEdit,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from wyng_dom0.applet.call_log import CallLog, Entry
from wyng_dom0.applet.icons import glyph
from wyng_dom0.applet.wording import tr


class LogPanel(QWidget):
    """Shows a CallLog; what is shown can be copied."""

    def __init__(self, log: CallLog, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("log")
        self._log = log
        self._entry: "Entry | None" = None
        self._calls = QListView()
        self._calls.setObjectName("log-calls")
        self._calls.setAccessibleName(tr("Calls of qvm-wyng"))
        self._calls.setModel(log)
        self._calls.setUniformItemSizes(True)
        edge = self.fontMetrics().height()
        self._calls.setIconSize(QSize(edge, edge))
        self._said = QPlainTextEdit()
        self._said.setObjectName("log-said")
        self._said.setAccessibleName(tr("What the call said"))
        self._said.setReadOnly(True)
        self._said.setTabChangesFocus(True)
        self._said.setFont(
            QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        )
        self._failed = QCheckBox(tr("Only what &failed"))
        self._failed.setObjectName("log-failed")
        self._failed.toggled.connect(log.show_only_failed)
        copy = QPushButton(glyph("copy"), tr("Co&py all"))
        copy.setObjectName("log-copy")
        copy.clicked.connect(self._copy)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.addWidget(self._calls)
        split.addWidget(self._said)
        split.setStretchFactor(0, 2)
        split.setStretchFactor(1, 3)
        line = QHBoxLayout()
        line.addWidget(self._failed)
        line.addStretch(1)
        line.addWidget(copy)
        column = QVBoxLayout(self)
        column.addLayout(line)
        column.addWidget(split, 1)
        chosen = self._calls.selectionModel()
        assert chosen is not None
        chosen.currentChanged.connect(lambda *_: self._show())
        log.dataChanged.connect(lambda *_: self._refresh())
        log.modelReset.connect(self._choose_again)

    def _show(self) -> None:
        index = self._calls.currentIndex()
        self._entry = self._log.entry(index.row()) if index.isValid() else None
        self._said.setPlainText(self._entry.text() if self._entry else "")

    def _refresh(self) -> None:
        """More was said by the call that is shown."""
        if self._entry is None:
            return
        text = self._entry.text()
        if text != self._said.toPlainText():
            self._said.setPlainText(text)

    def _choose_again(self) -> None:
        for number in range(self._log.rowCount()):
            if self._log.entry(number) is self._entry:
                self._calls.setCurrentIndex(self._log.index(number))
                return
        self._said.clear()
        self._entry = None

    def _copy(self) -> None:
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(self._log.text())
