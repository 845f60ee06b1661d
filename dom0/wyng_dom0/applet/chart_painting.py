# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Colours and patterns of charts: told apart without seeing colours, too.

Each kind has a colour that people who see few of them tell apart (those of
Okabe and Ito), and a pattern or dashes of its own.
"""

from typing import Sequence

from PyQt6.QtCore import QPointF, QRectF, QSize, Qt
from PyQt6.QtGui import (
    QBrush,
    QColor,
    QFontMetricsF,
    QPainter,
    QPalette,
    QPen,
    QPolygonF,
)
from PyQt6.QtWidgets import QWidget

from wyng_dom0.applet.icons import is_dark

_LIGHT = ("#0072b2", "#b35900", "#006e51", "#8f3f6e", "#555555")
_DARK = ("#56b4e9", "#e69f00", "#2fc496", "#e38fbb", "#bbbbbb")
_PATTERNS = (
    Qt.BrushStyle.SolidPattern,
    Qt.BrushStyle.BDiagPattern,
    Qt.BrushStyle.Dense6Pattern,
    Qt.BrushStyle.CrossPattern,
    Qt.BrushStyle.HorPattern,
)
_DASHES = (
    Qt.PenStyle.SolidLine,
    Qt.PenStyle.DashLine,
    Qt.PenStyle.DotLine,
    Qt.PenStyle.DashDotLine,
    Qt.PenStyle.DashDotDotLine,
)


def em_of(widget: QWidget) -> float:
    """The height of a line of the widget's font, in pixels."""
    return QFontMetricsF(widget.font()).height()


def colour(number: int, palette: QPalette) -> QColor:
    """The colour of the n-th kind, on this palette's ground."""
    known = _DARK if is_dark(palette) else _LIGHT
    return QColor(known[number % len(known)])


def brush(number: int, palette: QPalette) -> QBrush:
    """What fills the n-th kind."""
    pattern = _PATTERNS[number % len(_PATTERNS)]
    return QBrush(colour(number, palette), pattern)


def pen(number: int, palette: QPalette, width: float) -> QPen:
    """What draws the n-th line."""
    made = QPen(colour(number, palette), width)
    made.setStyle(_DASHES[number % len(_DASHES)])
    return made


def faint(palette: QPalette) -> QColor:
    """The colour of grids."""
    found = palette.color(QPalette.ColorRole.Text)
    found.setAlpha(50)
    return found


def marker(painter: QPainter, number: int, at: QPointF, radius: float) -> None:
    """A disc, square, diamond, cross or ring, for the n-th line."""
    x, y, r = at.x(), at.y(), radius
    kind = number % 5
    painter.save()
    if kind == 4:
        painter.setBrush(Qt.BrushStyle.NoBrush)
    if kind in (0, 4):
        painter.drawEllipse(at, r, r)
    elif kind == 1:
        painter.drawRect(QRectF(x - r, y - r, 2 * r, 2 * r))
    elif kind == 2:
        corners = [(0, -r), (r, 0), (0, r), (-r, 0)]
        places = [QPointF(x + a, y + b) for a, b in corners]
        painter.drawPolygon(QPolygonF(places))
    else:
        painter.drawLine(QPointF(x - r, y - r), QPointF(x + r, y + r))
        painter.drawLine(QPointF(x - r, y + r), QPointF(x + r, y - r))
    painter.restore()


def legend(
    painter: QPainter,
    kinds: Sequence[str],
    brushes: Sequence[QBrush],
    at: QPointF,
) -> None:
    """Boxes with their kinds' names, in a row from `at` on."""
    metrics = QFontMetricsF(painter.font())
    em = metrics.height()
    x = at.x()
    for name, fill in zip(kinds, brushes, strict=True):
        box = QRectF(x, at.y() + 0.15 * em, 1.2 * em, 0.8 * em)
        painter.setBrush(fill)
        painter.drawRect(box)
        painter.drawText(QPointF(x + 1.6 * em, at.y() + 0.85 * em), name)
        x += metrics.horizontalAdvance(name) + 3 * em


def focus_frame(painter: QPainter, widget: QWidget) -> None:
    """A frame where the keyboard is."""
    if not widget.hasFocus():
        return
    painter.setClipping(False)
    edge = widget.palette().color(QPalette.ColorRole.Highlight)
    painter.setPen(QPen(edge, 2))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRect(QRectF(widget.rect()).adjusted(1, 1, -1, -1))


def elided(painter: QPainter, text: str, width: float) -> str:
    """A text cut in its middle to fit."""
    metrics = QFontMetricsF(painter.font())
    return metrics.elidedText(text, Qt.TextElideMode.ElideMiddle, width)


def hint(widget: QWidget, wide: float, high: float) -> QSize:
    """A size in lines of text."""
    em = em_of(widget)
    return QSize(int(wide * em), int(high * em))
