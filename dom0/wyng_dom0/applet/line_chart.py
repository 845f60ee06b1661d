# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Sizes over time as lines, which end in their names.

A line is told by its colour, its dashes and its marker. Arrow keys walk along
the first line.
"""

from bisect import bisect_right
from datetime import datetime, timezone
from typing import List, Optional, Tuple

from PyQt6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PyQt6.QtGui import (
    QBrush,
    QFontMetricsF,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
    QPolygonF,
)
from PyQt6.QtWidgets import QSizePolicy, QToolTip, QWidget

from wyng_dom0.applet.axis_ticks import seconds_of, size_ticks, time_ticks
from wyng_dom0.applet.chart_data import Lines, Series
from wyng_dom0.applet.chart_painting import (
    colour,
    elided,
    em_of,
    faint,
    focus_frame,
    hint,
    marker,
    pen,
)
from wyng_dom0.applet.line_scale import Scale
from wyng_dom0.applet.time_text import tick_text
from wyng_dom0.applet.wording import point, size, tip, tr

_NAME_LETTERS, _VALUE_LETTERS, _TICK_LETTERS = 24, 13, 12
_TICKS = 6


class LineChart(QWidget):
    """Draws Lines."""

    def __init__(self, name: str, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(
            QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding
        )
        self._chart = Lines(())
        self._current = -1

    def show_chart(self, chart: Lines) -> None:
        """This from now on."""
        self._chart, self._current = chart, -1
        self.setAccessibleDescription("")
        self.update()

    # Places

    def _plot(self) -> QRectF:
        metrics = QFontMetricsF(self.font())
        letter, em = metrics.averageCharWidth(), metrics.height()
        left = _VALUE_LETTERS * letter
        right = self.width() - (_NAME_LETTERS + 2) * letter
        return QRectF(
            *(left, 1.5 * em),
            *(max(em, right - left), max(em, self.height() - 3.5 * em)),
        )

    def _time_span(self) -> Tuple[float, float]:
        first = min(each.at[0] for each in self._chart.series)
        last = max(each.at[-1] for each in self._chart.series)
        # One moment alone stands in the middle of a day.
        return (first, last) if last > first else (first - 43200, last + 43200)

    def _most(self) -> int:
        most = max(max(each.sizes) for each in self._chart.series)
        return size_ticks(most, _TICKS)[-1]

    def _scale(self) -> Scale:
        return Scale(self._plot(), *self._time_span(), self._most())

    # QWidget

    def sizeHint(self) -> QSize:
        return hint(self, 44, 18)

    def minimumSizeHint(self) -> QSize:
        return hint(self, 24, 10)

    def paintEvent(self, event: Optional[QPaintEvent]) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        palette = self.palette()
        painter.fillRect(self.rect(), palette.color(QPalette.ColorRole.Base))
        painter.setPen(palette.color(QPalette.ColorRole.Text))
        if not self._chart.series:
            painter.drawText(
                QRectF(self.rect()),
                Qt.AlignmentFlag.AlignCenter,
                tr("Nothing to show yet"),
            )
        else:
            self._paint_sizes(painter)
            self._paint_times(painter)
            # The sum last, over the others.
            for number in reversed(range(len(self._chart.series))):
                self._paint_line(painter, number)
            self._paint_names(painter)
            self._paint_current(painter)
        focus_frame(painter, self)
        painter.end()

    def _paint_sizes(self, painter: QPainter) -> None:
        em, palette, scale = em_of(self), self.palette(), self._scale()
        plot = scale.plot
        for value in size_ticks(scale.most, _TICKS):
            y = scale.y(value)
            painter.setPen(faint(palette))
            painter.drawLine(QPointF(plot.left(), y), QPointF(plot.right(), y))
            painter.setPen(palette.color(QPalette.ColorRole.Text))
            box = QRectF(0, y - em, plot.left() - em / 2, 2 * em)
            right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(box, int(right), size(value))

    def _paint_times(self, painter: QPainter) -> None:
        em, palette, scale = em_of(self), self.palette(), self._scale()
        plot = scale.plot
        metrics = QFontMetricsF(painter.font())
        count = plot.width() / (_TICK_LETTERS * metrics.averageCharWidth())
        text = palette.color(QPalette.ColorRole.Text)
        painter.setPen(text)
        painter.drawLine(plot.bottomLeft(), plot.bottomRight())
        ticks = time_ticks(scale.begin, scale.end, max(2, int(count)))
        for moment in ticks.moments:
            x = scale.x(seconds_of(moment))
            painter.setPen(text)
            painter.drawLine(
                QPointF(x, plot.bottom()), QPointF(x, plot.bottom() + em / 4)
            )
            label = tick_text(ticks.unit, moment)
            wide = metrics.horizontalAdvance(label)
            painter.drawText(
                QPointF(x - wide / 2, plot.bottom() + 1.3 * em), label
            )

    def _paint_line(self, painter: QPainter, number: int) -> None:
        series, em = self._chart.series[number], em_of(self)
        points = self._steps(series)
        if number == 0:
            plot = self._plot()
            area = colour(0, self.palette())
            area.setAlpha(40)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QBrush(area))
            ground = [
                QPointF(points[-1].x(), plot.bottom()),
                QPointF(points[0].x(), plot.bottom()),
            ]
            painter.drawPolygon(QPolygonF([*points, *ground]))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        width = em / 7 if number == 0 else em / 10
        painter.setPen(pen(number, self.palette(), max(1.5, width)))
        painter.drawPolyline(QPolygonF(points))

    def _steps(self, series: Series) -> List[QPointF]:
        """A step at each session, to the end; one for each pixel at most."""
        found: List[QPointF] = []
        scale = self._scale()
        for at, reached in zip(series.at, series.sizes, strict=True):
            place = scale.place(at, reached)
            if found and place.x() - found[-1].x() < 0.5:
                found[-1] = QPointF(found[-1].x(), place.y())
                continue
            if found:
                found.append(QPointF(place.x(), found[-1].y()))
            found.append(place)
        found.append(QPointF(scale.x(scale.end), found[-1].y()))
        return found

    def _paint_names(self, painter: QPainter) -> None:
        """Each name at the end of its line, none over another."""
        em, scale = em_of(self), self._scale()
        plot = scale.plot
        ends = [
            (scale.y(each.sizes[-1]), number)
            for number, each in enumerate(self._chart.series)
        ]
        lowest = plot.top() - em
        for y, number in sorted(ends):
            y = lowest = max(y, lowest + 1.15 * em)
            series = self._chart.series[number]
            painter.setPen(QPen(colour(number, self.palette()), em / 8))
            painter.setBrush(colour(number, self.palette()))
            at = QPointF(plot.right() + 0.7 * em, y)
            marker(painter, number, at, em / 4)
            painter.setPen(self.palette().color(QPalette.ColorRole.Text))
            room = self.width() - plot.right() - 1.6 * em
            name = elided(painter, series.name, room)
            painter.drawText(at + QPointF(0.6 * em, 0.35 * em), name)

    def _paint_current(self, painter: QPainter) -> None:
        if self._current < 0:
            return
        at = self._chart.series[0].at[self._current]
        em, scale = em_of(self), self._scale()
        plot, x = scale.plot, scale.x(at)
        text = self.palette().color(QPalette.ColorRole.Text)
        painter.setPen(QPen(text, 1, Qt.PenStyle.DashLine))
        painter.drawLine(QPointF(x, plot.top()), QPointF(x, plot.bottom()))
        reached = self._chart.series[0].sizes[self._current]
        painter.setPen(QPen(text, 1))
        painter.setBrush(colour(0, self.palette()))
        painter.drawEllipse(scale.place(at, reached), em / 4, em / 4)
        label = "  ".join(self._told(self._current).split("\n")[:2])
        wide = QFontMetricsF(painter.font()).horizontalAdvance(label)
        left = min(max(x - wide / 2, plot.left()), self.width() - wide - em / 2)
        painter.drawText(QPointF(left, 0.8 * em), label)

    def _told(self, at: int) -> str:
        """All lines at a moment of the first, in words."""
        when = self._chart.series[0].at[at]
        lines = [point(datetime.fromtimestamp(when, timezone.utc))]
        for each in self._chart.series:
            place = bisect_right(each.at, when) - 1
            reached = each.sizes[place] if place >= 0 else 0
            lines.append(tr("{0}: {1}").format(each.name, size(reached)))
        return "\n".join(lines)

    def _choose(self, at: int) -> None:
        if not self._chart.series:
            return
        last = len(self._chart.series[0].at) - 1
        self._current = max(0, min(last, at))
        self.setAccessibleDescription(self._told(self._current))
        self.update()

    def keyPressEvent(self, event: Optional[QKeyEvent]) -> None:
        if event is None:
            return
        steps = {
            Qt.Key.Key_Right: self._current + 1,
            Qt.Key.Key_Left: self._current - 1,
            Qt.Key.Key_Home: 0,
            Qt.Key.Key_End: 1 << 30,
            Qt.Key.Key_PageDown: self._current + 10,
            Qt.Key.Key_PageUp: self._current - 10,
        }
        at = steps.get(Qt.Key(event.key()))
        if at is None:
            super().keyPressEvent(event)
        else:
            self._choose(at)

    def mousePressEvent(self, event: Optional[QMouseEvent]) -> None:
        if event is not None:
            at = self._moment_at(event.position().x())
            if at is not None:
                self._choose(at)

    def event(self, event: Optional[QEvent]) -> bool:
        if isinstance(event, QHelpEvent):
            at = self._moment_at(event.pos().x())
            text = tip(self._told(at)) if at is not None else ""
            QToolTip.showText(event.globalPos(), text, self)
            return True
        return super().event(event)

    def _moment_at(self, x: float) -> Optional[int]:
        """The step of the first line that holds at a place."""
        if not self._chart.series:
            return None
        plot, (begin, end) = self._plot(), self._time_span()
        when = begin + (x - plot.left()) / plot.width() * (end - begin)
        at = bisect_right(self._chart.series[0].at, when) - 1
        return max(0, at)
