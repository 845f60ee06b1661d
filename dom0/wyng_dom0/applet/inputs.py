# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Inputs as all dialogs have them: named, bounded, hard to press by mistake."""

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QWidget,
)

from wyng_dom0.applet.wording import tr

_FIELD_MAX = 4000
# What the engine takes, in characters of four bytes.
_SECRET_MAX = 4096 // 4


def line_edit(name: str, label: str, hint: str = "") -> QLineEdit:
    """An input of one line with its name for tests and its label for ears."""
    edit = QLineEdit()
    edit.setObjectName(name)
    edit.setAccessibleName(label.replace("&", ""))
    edit.setPlaceholderText(hint)
    edit.setMaxLength(_FIELD_MAX)
    return edit


def hidden_edit(name: str, label: str) -> QLineEdit:
    """An input whose letters are not shown."""
    edit = line_edit(name, label)
    edit.setEchoMode(QLineEdit.EchoMode.Password)
    edit.setMaxLength(_SECRET_MAX)
    return edit


def secret_of(edit: QLineEdit) -> bytes:
    """What was typed, as the engine reads it from standard input."""
    return edit.text().encode("utf-8", "replace")


def button(name: str, text: str) -> QPushButton:
    """A button that Return in another field does not press."""
    made = QPushButton(text)
    made.setObjectName(name)
    made.setAutoDefault(False)
    return made


class PathField(QWidget):
    """A path, typed or chosen."""

    changed = pyqtSignal()

    def __init__(
        self, name: str, label: str, hint: str, *, file: bool = False
    ) -> None:
        super().__init__()
        self.edit = line_edit(name, label, hint)
        self.edit.textChanged.connect(lambda _: self.changed.emit())
        self._label, self._file = label.replace("&", ""), file
        self._button = button(f"{name}-choose", tr("Choose…"))
        self._button.setAccessibleName(tr("Choose: {0}").format(self._label))
        self._button.clicked.connect(self._choose)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.edit, 1)
        row.addWidget(self._button)
        self.setFocusProxy(self.edit)

    @property
    def text(self) -> str:
        """What stands there."""
        return self.edit.text()

    def _choose(self) -> None:
        dialog = QFileDialog(self, self._label, self.text)
        dialog.setObjectName("choose-path")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(
            QFileDialog.FileMode.ExistingFile
            if self._file
            else QFileDialog.FileMode.Directory
        )
        dialog.fileSelected.connect(self.edit.setText)
        dialog.open()
