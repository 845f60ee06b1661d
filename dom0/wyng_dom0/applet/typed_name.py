# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A field for a name to be typed before something is lost for good."""

from typing import Optional

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from wyng_dom0.applet.plain_text import plain_label
from wyng_dom0.applet.wording import shown, tr


class TypedName(QWidget):
    """`changed` comes with each letter; `is_right` when all is there."""

    changed = pyqtSignal()

    def __init__(
        self, name: str, object_name: str, parent: Optional[QWidget] = None
    ) -> None:
        super().__init__(parent)
        self._name = name
        asked = tr("Type {0} to go on:").format(shown(name))
        self._field = QLineEdit()
        self._field.setObjectName(object_name)
        self._field.setAccessibleName(asked)
        self._field.textChanged.connect(lambda _: self.changed.emit())
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(plain_label(asked))
        column.addWidget(self._field)

    @property
    def is_right(self) -> bool:
        """True when what stands there is the name, as it is or as shown."""
        return self._field.text() in (self._name, shown(self._name))
