# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The icons of the tray: each state has an outline of its own.

A panel may be light or dark, and no program is told which: all are filled,
with a rim that is seen on either.
"""

from typing import Callable, Dict, Optional

from PyQt6.QtCore import QPointF, QRectF, Qt
from PyQt6.QtGui import (
    QColor,
    QFont,
    QIcon,
    QPainter,
    QPainterPath,
    QPen,
    QPixmap,
    QPolygonF,
)

from wyng_dom0.applet.icons import SIZES, empty

OK, RUNNING, PAUSED, ASKED, DUE, PROBLEM = (
    "ok running paused asked due problem".split()
)
_RIM, _SIGN = "#202020", "#ffffff"


def tray_icon(state: str, percent: Optional[int] = None) -> QIcon:
    """The icon of a state; `percent` is how much of a run is done."""
    icon = QIcon()
    for size in SIZES:
        icon.addPixmap(_pixmap(state, percent, size))
    return icon


def _pixmap(state: str, percent: Optional[int], size: int) -> QPixmap:
    pixmap = empty(size)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.scale(size / 24, size / 24)
    if state in (RUNNING, PAUSED):
        _paint_run(painter, percent, state == PAUSED, size)
    else:
        _PAINT[state](painter)
    painter.end()
    return pixmap


def _fill(painter: QPainter, colour: str) -> None:
    painter.setPen(QPen(QColor(_RIM), 1.2))
    painter.setBrush(QColor(colour))


def _line(painter: QPainter, width: float = 2.6) -> None:
    pen = QPen(QColor(_SIGN), width)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)


def _lines(painter: QPainter, *points: "tuple[float, float]") -> None:
    painter.drawPolyline(QPolygonF([QPointF(x, y) for x, y in points]))


def _paint_ok(painter: QPainter) -> None:
    _fill(painter, "#2f6fb3")
    painter.drawRoundedRect(QRectF(1.5, 1.5, 21, 21), 4, 4)
    _line(painter, 3)
    _lines(painter, (6.5, 12.5), (10.5, 17), (17.5, 7.5))


def _paint_due(painter: QPainter) -> None:
    _fill(painter, "#a86a00")
    painter.drawEllipse(QRectF(1.5, 1.5, 21, 21))
    _line(painter)
    _lines(painter, (12, 6), (12, 12.5), (16.5, 15))


def _paint_problem(painter: QPainter) -> None:
    _fill(painter, "#c0141c")
    points = ((12, 1.5), (23, 22), (1, 22))
    painter.drawPolygon(QPolygonF([QPointF(x, y) for x, y in points]))
    _line(painter)
    _lines(painter, (12, 9), (12, 14.5))
    painter.drawPoint(QPointF(12, 18.6))


def _paint_asked(painter: QPainter) -> None:
    """A bell."""
    _fill(painter, "#7a3fa0")
    path = QPainterPath(QPointF(2.5, 18))
    path.lineTo(5, 15)
    path.lineTo(5, 10)
    path.cubicTo(5, -0.5, 19, -0.5, 19, 10)
    path.lineTo(19, 15)
    path.lineTo(21.5, 18)
    path.closeSubpath()
    painter.drawPath(path)
    painter.drawEllipse(QRectF(9, 18.5, 6, 4.5))


def _paint_run(
    painter: QPainter, percent: Optional[int], held: bool, size: int
) -> None:
    """A ring that closes, and the number in it where there is room."""
    painter.setPen(QPen(QColor(_RIM), 1.2))
    painter.setBrush(QColor("#f4f4f4"))
    painter.drawEllipse(QRectF(1.2, 1.2, 21.6, 21.6))
    pen = QPen(QColor("#666666" if held else "#1257a8"), 4)
    pen.setCapStyle(Qt.PenCapStyle.FlatCap)
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    part = 25 if percent is None else percent
    painter.drawArc(QRectF(4, 4, 16, 16), 90 * 16, -part * 360 * 16 // 100)
    painter.setPen(QPen(QColor(_RIM), 2.4))
    if held:
        _lines(painter, (10, 9), (10, 15))
        _lines(painter, (14, 9), (14, 15))
    elif percent is not None and size >= 22:
        font = QFont()
        font.setBold(True)
        font.setPixelSize(9)
        painter.setFont(font)
        number = str(min(percent, 99))
        painter.drawText(
            QRectF(0, 0, 24, 24), Qt.AlignmentFlag.AlignCenter, number
        )
    else:
        _lines(painter, (12, 15), (12, 9.5))
        _lines(painter, (9.5, 11.5), (12, 9), (14.5, 11.5))


_PAINT: Dict[str, Callable[[QPainter], None]] = {
    OK: _paint_ok,
    ASKED: _paint_asked,
    DUE: _paint_due,
    PROBLEM: _paint_problem,
}
