# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Asks for a name to be typed before something is lost for good."""

from typing import Optional

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from wyng_dom0.applet.plain_text import letters_wide, plain_label
from wyng_dom0.applet.typed_name import TypedName


class TypedDialog(QDialog):
    """Accepted only when `name` was typed; Cancel is the default."""

    def __init__(
        self,
        name: str,
        title: str,
        text: str,
        does: str,
        parent: Optional[QWidget],
    ) -> None:
        super().__init__(parent)
        self.setObjectName("typed-dialog")
        self.setWindowTitle(title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(letters_wide(self, 56))
        self._typed = TypedName(name, "typed-name")
        self._do = QPushButton(does)
        self._do.setObjectName("do-it")
        self._do.setAutoDefault(False)
        self._do.setEnabled(False)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        buttons.addButton(self._do, QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        cancel = buttons.button(QDialogButtonBox.StandardButton.Cancel)
        if cancel is not None:
            cancel.setDefault(True)
        self._typed.changed.connect(
            lambda: self._do.setEnabled(self._typed.is_right)
        )
        layout = QVBoxLayout(self)
        layout.addWidget(plain_label(text, name="typed-text"))
        layout.addWidget(self._typed)
        layout.addWidget(buttons)
