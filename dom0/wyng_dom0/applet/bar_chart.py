# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Bars beside their names, each in parts; one is chosen by arrow keys."""

from typing import Optional, Tuple

from PyQt6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, pyqtSignal
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
)
from PyQt6.QtWidgets import QSizePolicy, QToolTip, QWidget

from wyng_dom0.applet.axis_ticks import size_ticks
from wyng_dom0.applet.chart_data import BYTES, Bar, Bars
from wyng_dom0.applet.chart_painting import (
    brush,
    elided,
    em_of,
    faint,
    focus_frame,
    hint,
    legend,
)
from wyng_dom0.applet.wording import tip, tr

# In lines of text.
_TOP, _ROW, _BAR = 3.2, 1.9, 1.2
_NAME_LETTERS, _VALUE_LETTERS = 36, 12
_TICKS = 6


class BarChart(QWidget):
    """`chosen` gives the place of the bar that the keyboard is at."""

    chosen = pyqtSignal(int)

    def __init__(self, name: str, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(
            QSizePolicy.Policy.Expanding, QSizePolicy.Policy.MinimumExpanding
        )
        self._chart = Bars((), ())
        self._current = -1

    def show_chart(self, chart: Bars) -> None:
        """This from now on."""
        self._chart, self._current = chart, -1
        self.setMinimumHeight(self.sizeHint().height())
        self.setAccessibleDescription("")
        self.update()

    def told(self, bar: Bar) -> str:
        """A bar in words, as tooltips and screen readers have it."""
        parts = [
            tr("{0}: {1}").format(kind, self._chart.text(part))
            for kind, part in zip(self._chart.kinds, bar.parts, strict=True)
            if part
        ]
        lines = [bar.name, ", ".join(parts)]
        return "\n".join([*lines, bar.more] if bar.more else lines)

    def _choose(self, at: int) -> None:
        bars = self._chart.bars
        if not bars:
            return
        self._current = max(0, min(len(bars) - 1, at))
        self.setAccessibleDescription(self.told(bars[self._current]))
        self.chosen.emit(self._current)
        self.update()

    def row_rect(self, at: int) -> QRectF:
        """Where a bar and its name lie."""
        em = em_of(self)
        top = (_TOP + _ROW * at) * em
        return QRectF(0, top, self.width(), _ROW * em)

    # QWidget

    def sizeHint(self) -> QSize:
        return hint(self, 40, _TOP + _ROW * len(self._chart.bars) + 0.5)

    def minimumSizeHint(self) -> QSize:
        return hint(self, 24, _TOP + _ROW * len(self._chart.bars) + 0.5)

    def paintEvent(self, event: Optional[QPaintEvent]) -> None:
        painter = QPainter(self)
        palette, em = self.palette(), em_of(self)
        painter.fillRect(self.rect(), palette.color(QPalette.ColorRole.Base))
        painter.setPen(palette.color(QPalette.ColorRole.Text))
        if not self._chart.bars:
            painter.drawText(
                QRectF(self.rect()),
                Qt.AlignmentFlag.AlignCenter,
                tr("Nothing to show yet"),
            )
        else:
            kinds = self._chart.kinds
            brushes = [self._brush(number) for number in range(len(kinds))]
            legend(painter, kinds, brushes, QPointF(em, 0.2 * em))
            self._paint_axis(painter)
            self._paint_rows(painter, event)
        focus_frame(painter, self)
        painter.end()

    def _paint_rows(
        self, painter: QPainter, event: Optional[QPaintEvent]
    ) -> None:
        """Only the rows that are to be painted, of however many."""
        height = self.row_rect(0).height()
        first, last = 0, len(self._chart.bars) - 1
        if event is not None:
            top = self.row_rect(0).top()
            seen = event.rect()
            first = max(first, int((seen.top() - top) // height))
            last = min(last, int((seen.bottom() - top) // height))
        for at in range(first, last + 1):
            self._paint_row(painter, at)

    def _span(self) -> Tuple[float, float, float]:
        """Left and right of the bars, and what reaches all the way."""
        metrics = QFontMetricsF(self.font())
        letter, em = metrics.averageCharWidth(), metrics.height()
        longest = max(
            metrics.horizontalAdvance(each.name) for each in self._chart.bars
        )
        left = min(longest, _NAME_LETTERS * letter) + 2 * em
        right = self.width() - _VALUE_LETTERS * letter - em
        return left, max(left + em, right), self._most()

    def _most(self) -> float:
        if self._chart.unit != BYTES:
            return 100.0
        whole = max((each.whole for each in self._chart.bars), default=0)
        return float(size_ticks(int(whole), _TICKS)[-1])

    def _paint_axis(self, painter: QPainter) -> None:
        left, right, most = self._span()
        em, palette = em_of(self), self.palette()
        values = [0.0, 25.0, 50.0, 75.0, 100.0]
        if self._chart.unit == BYTES:
            values = [float(n) for n in size_ticks(int(most), _TICKS)]
        metrics = QFontMetricsF(painter.font())
        end = self.row_rect(len(self._chart.bars) - 1).bottom()
        before = -em
        for value in values:
            x = left + (right - left) * value / most
            painter.setPen(faint(palette))
            painter.drawLine(QPointF(x, (_TOP - 0.3) * em), QPointF(x, end))
            text = self._chart.text(value)
            wide = metrics.horizontalAdvance(text)
            if x - wide / 2 < before + em / 2:
                continue
            painter.setPen(palette.color(QPalette.ColorRole.Text))
            painter.drawText(QPointF(x - wide / 2, (_TOP - 0.6) * em), text)
            before = x + wide / 2

    def _paint_row(self, painter: QPainter, at: int) -> None:
        bar, row = self._chart.bars[at], self.row_rect(at)
        left, right, most = self._span()
        em, palette = em_of(self), self.palette()
        if at == self._current:
            mark = palette.color(QPalette.ColorRole.Highlight)
            mark.setAlpha(60)
            painter.fillRect(row, mark)
        text = palette.color(QPalette.ColorRole.Text)
        painter.setPen(text)
        line = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        names = QRectF(em, row.top(), left - 1.5 * em, row.height())
        name = elided(painter, bar.name, names.width())
        painter.drawText(names, int(line), name)
        x = left
        top = row.top() + (_ROW - _BAR) / 2 * em
        for number, part in enumerate(bar.parts):
            wide = (right - left) * (part or 0) / most
            if wide > 0:
                painter.setPen(QPen(text, 1))
                painter.setBrush(self._brush(number))
                painter.drawRect(QRectF(x, top, wide, _BAR * em))
            x += wide
        painter.setPen(text)
        beside = QRectF(x + em / 2, row.top(), self.width(), row.height())
        painter.drawText(beside, int(line), self._value_text(bar))

    def _brush(self, number: int) -> QBrush:
        last = len(self._chart.kinds) - 1
        if self._chart.last_is_empty and number == last:
            return QBrush(Qt.BrushStyle.NoBrush)
        return brush(number, self.palette())

    def _value_text(self, bar: Bar) -> str:
        """What is told beside a bar: what is free, or else what is there."""
        if self._chart.unit != BYTES:
            return tr("{0} free").format(self._chart.text(bar.last))
        there = bar.whole
        if self._chart.last_is_empty:
            there -= bar.last
        return self._chart.text(there)

    def keyPressEvent(self, event: Optional[QKeyEvent]) -> None:
        if event is None:
            return
        last = len(self._chart.bars) - 1
        steps = {
            Qt.Key.Key_Down: self._current + 1,
            Qt.Key.Key_Up: self._current - 1,
            Qt.Key.Key_Home: 0,
            Qt.Key.Key_End: last,
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
            at = self._row_at(event.position())
            if at is not None:
                self._choose(at)

    def event(self, event: Optional[QEvent]) -> bool:
        if isinstance(event, QHelpEvent):
            at = self._row_at(QPointF(event.pos()))
            text = ""
            if at is not None:
                text = tip(self.told(self._chart.bars[at]))
            QToolTip.showText(event.globalPos(), text, self)
            return True
        return super().event(event)

    def _row_at(self, at: QPointF) -> Optional[int]:
        for row in range(len(self._chart.bars)):
            if self.row_rect(row).contains(at):
                return row
        return None
