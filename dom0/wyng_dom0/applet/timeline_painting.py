# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""How a timeline looks: where its lines are, and the shape of each mark.

Everything is measured in the widget's font and coloured by its palette. From
the top: legend, flags of protected sessions, dots, ticks of proven ones, axis.
"""

from typing import Sequence

from PyQt6.QtCore import QPointF, QRectF, QSize, Qt
from PyQt6.QtGui import (
    QColor,
    QFontMetricsF,
    QPainter,
    QPainterPath,
    QPalette,
    QPen,
    QPolygonF,
)
from PyQt6.QtWidgets import QWidget

from wyng_dom0.applet.axis_ticks import seconds_of, time_ticks
from wyng_dom0.applet.points import CLEAN, LIVE, MIXED, NOT_STILL
from wyng_dom0.applet.time_text import tick_text
from wyng_dom0.applet.timeline_layout import Dot, View
from wyng_dom0.applet.wording import tr

_TICK_LETTERS = 11


def _em(widget: QWidget) -> float:
    return QFontMetricsF(widget.font()).height()


def left(widget: QWidget) -> float:
    """Pixels before the first moment shown."""
    return _em(widget)


def plot_width(widget: QWidget) -> float:
    """Pixels of the time shown."""
    return widget.width() - 2 * left(widget)


def cell(widget: QWidget) -> float:
    """Pixels for each dot, beside each other."""
    return 1.6 * _em(widget)


def size_hint(widget: QWidget) -> QSize:
    """Six lines of text high."""
    em = _em(widget)
    return QSize(int(40 * em), int(6.9 * em))


def paint(
    widget: QWidget, view: View, shown: Sequence[Dot], current: int
) -> None:
    """Draw all of it; `current` is the place of the marked point."""
    painter = QPainter(widget)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    palette, em = widget.palette(), _em(widget)
    painter.fillRect(widget.rect(), palette.color(QPalette.ColorRole.Base))
    painter.setPen(palette.color(QPalette.ColorRole.Text))
    _legend(painter, em)
    painter.translate(left(widget), 0)
    axis = 5.35 * em
    _axis(painter, view, axis, em)
    painter.setClipRect(
        QRectF(-em, 0, plot_width(widget) + 2 * em, widget.height())
    )
    for dot in shown:
        _dot(painter, dot, em, dot.first <= current <= dot.last)
    if not shown:
        text = tr("No session in view")
        at = QRectF(0, 1.5 * em, plot_width(widget), 3 * em)
        painter.drawText(at, Qt.AlignmentFlag.AlignCenter, text)
    painter.resetTransform()
    if widget.hasFocus():
        pen = QPen(palette.color(QPalette.ColorRole.Highlight))
        pen.setWidthF(2)
        painter.setClipping(False)
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(QRectF(widget.rect()).adjusted(1, 1, -1, -1))
    painter.end()


def _axis(painter: QPainter, view: View, y: float, em: float) -> None:
    painter.save()
    text = painter.pen().color()
    faint = QColor(text)
    faint.setAlpha(70)
    painter.drawLine(QPointF(0, y), QPointF(view.width, y))
    metrics = QFontMetricsF(painter.font())
    letter = metrics.averageCharWidth()
    count = int(view.width / (_TICK_LETTERS * letter))
    ticks = time_ticks(view.begin, view.end, max(2, count))
    for moment in ticks.moments:
        x = view.x(seconds_of(moment))
        painter.setPen(faint)
        painter.drawLine(QPointF(x, 1.4 * em), QPointF(x, y))
        painter.setPen(text)
        painter.drawLine(QPointF(x, y), QPointF(x, y + 0.25 * em))
        label = tick_text(ticks.unit, moment)
        wide = metrics.horizontalAdvance(label)
        at = min(max(x - wide / 2, -em / 2), view.width + em / 2 - wide)
        painter.drawText(QPointF(at, y + 1.2 * em), label)
    painter.restore()


def _dot(painter: QPainter, dot: Dot, em: float, marked: bool) -> None:
    middle = QPointF(dot.x, 3.1 * em)
    radius = (0.28 + 0.47 * dot.weight) * em
    if marked:
        _mark(painter, dot, em)
    shape(painter, dot.state, middle, radius)
    if dot.pinned:
        flag(painter, QPointF(dot.x, 1.95 * em), 0.7 * em)
    if dot.proven:
        tick(painter, QPointF(dot.x, 4.2 * em), 0.55 * em)
    if dot.count > 1:
        _count(painter, dot, em)


def _mark(painter: QPainter, dot: Dot, em: float) -> None:
    """A band behind the current dot, with an edge for weak contrasts."""
    color = _highlight(painter)
    wide = 1.7 * em
    band = QRectF(dot.x - wide / 2, 1.45 * em, wide, 3.85 * em)
    painter.save()
    painter.setPen(QPen(color, 2))
    color.setAlpha(60)
    painter.setBrush(color)
    painter.drawRoundedRect(band, em / 4, em / 4)
    painter.restore()


def _count(painter: QPainter, dot: Dot, em: float) -> None:
    """How many sessions a dot is, at its lower right, over its own ground."""
    text = str(dot.count) if dot.count < 1000 else f"{dot.count // 1000}k"
    painter.save()
    font = painter.font()
    if font.pointSizeF() > 0:
        font.setPointSizeF(font.pointSizeF() * 0.8)
    painter.setFont(font)
    wide = QFontMetricsF(font).horizontalAdvance(text)
    y = 5.15 * em
    painter.drawText(QPointF(dot.x - wide / 2, y), text)
    painter.restore()


def _highlight(painter: QPainter) -> QColor:
    widget = painter.device()
    assert isinstance(widget, QWidget)
    return widget.palette().color(QPalette.ColorRole.Highlight)


def shape(painter: QPainter, state: str, at: QPointF, radius: float) -> None:
    """A disc is clean, a ring live, a diamond not at rest, half a disc
    several of them."""
    painter.save()
    pen = QPen(painter.pen().color(), max(1.0, radius / 5))
    painter.setPen(pen)
    fill = _highlight(painter)
    if state == NOT_STILL:
        painter.setBrush(fill)
        across = [(0, -1), (1, 0), (0, 1), (-1, 0)]
        corners = [at + QPointF(x * radius, y * radius) for x, y in across]
        painter.drawPolygon(QPolygonF(corners))
    else:
        painter.setBrush(fill if state == CLEAN else Qt.BrushStyle.NoBrush)
        painter.drawEllipse(at, radius, radius)
        if state not in (CLEAN, LIVE):
            painter.setBrush(fill)
            box = QRectF(
                at.x() - radius, at.y() - radius, 2 * radius, 2 * radius
            )
            painter.drawPie(box, 90 * 16, 180 * 16)
    painter.restore()


def flag(painter: QPainter, at: QPointF, high: float) -> None:
    """A flag on its pole: protected."""
    painter.save()
    color = painter.pen().color()
    painter.setPen(QPen(color, max(1.0, high / 8)))
    top, foot = at + QPointF(0, -high / 2), at + QPointF(0, high / 2)
    painter.drawLine(top, foot)
    painter.setBrush(color)
    cloth = [top, top + QPointF(high * 0.7, high * 0.25)]
    painter.drawPolygon(QPolygonF([*cloth, top + QPointF(0, high / 2)]))
    painter.restore()


def tick(painter: QPainter, at: QPointF, wide: float) -> None:
    """A tick: proven."""
    painter.save()
    pen = QPen(painter.pen().color(), max(1.5, wide / 5))
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    path = QPainterPath(at + QPointF(-wide / 2, 0))
    path.lineTo(at + QPointF(-wide / 8, wide / 2.5))
    path.lineTo(at + QPointF(wide / 2, -wide / 2.5))
    painter.drawPath(path)
    painter.restore()


def _legend(painter: QPainter, em: float) -> None:
    metrics = QFontMetricsF(painter.font())
    x, y = em, 0.75 * em
    for state, text in (
        (CLEAN, tr("clean")),
        (LIVE, tr("live")),
        (NOT_STILL, tr("not at rest")),
        (MIXED, tr("mixed")),
        ("flag", tr("protected")),
        ("tick", tr("proven")),
    ):
        at = QPointF(x, y)
        if state == "flag":
            flag(painter, at, 0.7 * em)
        elif state == "tick":
            tick(painter, at, 0.55 * em)
        else:
            shape(painter, state, at, 0.3 * em)
        painter.drawText(QPointF(x + 0.6 * em, y + 0.3 * em), text)
        x += metrics.horizontalAdvance(text) + 2 * em
    text = tr("size: changed bytes")
    painter.drawText(QPointF(x, y + 0.3 * em), text)
