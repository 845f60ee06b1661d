# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Where in a volume differences lie, as marks on a bar."""

from typing import Optional

from PyQt6.QtCore import QRectF, QSize, Qt
from PyQt6.QtGui import QPainter, QPaintEvent, QPalette
from PyQt6.QtWidgets import QSizePolicy, QWidget

from wyng_dom0.applet.differences import Differences
from wyng_dom0.applet.wording import size, tr


class DifferenceMap(QWidget):
    """A bar as long as the volume; what differs is marked on it."""

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self.setObjectName("difference-map")
        self.setAccessibleName(tr("Where they differ"))
        self.setSizePolicy(
            QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed
        )
        self._found: Optional[Differences] = None

    def show_differences(self, found: Differences) -> None:
        """These from now on."""
        self._found = found
        self.setAccessibleDescription(
            tr("{0} of {1} differ").format(
                size(found.bytes), size(max(found.sizes))
            )
        )
        self.update()

    def sizeHint(self) -> QSize:
        """Two lines of text high."""
        high = self.fontMetrics().height()
        return QSize(high * 20, int(high * 2.4))

    def paintEvent(self, event: Optional[QPaintEvent]) -> None:
        if self._found is None:
            return
        painter = QPainter(self)
        palette, metrics = self.palette(), self.fontMetrics()
        high = metrics.height()
        bar = QRectF(0.5, 0.5, self.width() - 1.0, high - 1.0)
        painter.fillRect(bar, palette.color(QPalette.ColorRole.Base))
        whole = max(1, *self._found.sizes)
        fill = palette.color(QPalette.ColorRole.Highlight)
        for offset, length in self._found.ranges:
            left = bar.left() + bar.width() * min(1.0, offset / whole)
            # One byte of a terabyte is seen, too.
            wide = max(1.0, bar.width() * min(1.0, length / whole))
            painter.fillRect(QRectF(left, bar.top(), wide, bar.height()), fill)
        painter.setPen(palette.color(QPalette.ColorRole.WindowText))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(bar)
        below = QRectF(0, high * 1.15, self.width(), high * 1.2)
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft, size(0))
        painter.drawText(below, Qt.AlignmentFlag.AlignRight, size(whole))
        painter.end()
