# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Labels that take every text for plain text, as those from outside are."""

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QLabel, QWidget


def plain_label(text: str = "", *, name: str = "") -> QLabel:
    """A label that wraps its lines; `name` is what tests find it by."""
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    if name:
        label.setObjectName(name)
    return label


def heading(text: str, *, name: str = "") -> QLabel:
    """A label in a larger, bold font of the theme."""
    label = plain_label(text, name=name)
    font = label.font()
    font.setBold(True)
    if font.pointSizeF() > 0:
        font.setPointSizeF(font.pointSizeF() * 1.15)
    label.setFont(font)
    return label


def letters_wide(widget: QWidget, count: int) -> int:
    """The width of so many letters in the widget's own font."""
    return widget.fontMetrics().averageCharWidth() * count
