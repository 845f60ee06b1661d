# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Which pixel is which moment and size of a line chart. Pure."""

from dataclasses import dataclass

from PyQt6.QtCore import QPointF, QRectF


@dataclass(frozen=True)
class Scale:
    """Where a moment and a size are, in pixels.

    Worked out once for many places: it looks at every point there is.
    """

    plot: QRectF
    begin: float
    end: float
    most: int

    def place(self, at: float, reached: int) -> QPointF:
        """The place of a size at a moment."""
        return QPointF(self.x(at), self.y(reached))

    def x(self, at: float) -> float:
        """The column of a moment."""
        plot, span = self.plot, self.end - self.begin
        return plot.left() + plot.width() * (at - self.begin) / span

    def y(self, reached: int) -> float:
        """The line of a size."""
        plot, most = self.plot, max(1, self.most)
        return plot.bottom() - plot.height() * reached / most
