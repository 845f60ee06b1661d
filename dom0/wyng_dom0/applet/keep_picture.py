# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A picture of what retention rules keep: timelines, one mark a session."""

from typing import List, Optional, Sequence, Tuple

from PyQt6.QtCore import QRectF, QSize, Qt
from PyQt6.QtGui import QPainter, QPaintEvent, QPalette
from PyQt6.QtWidgets import QSizePolicy, QWidget

from wyng_dom0.applet.keeping_rules import DAY, YEAR
from wyng_dom0.applet.wording import tr


def spans() -> "List[Tuple[str, int]]":
    """What each line of the picture shows, from now back, in seconds."""
    return [
        (tr("2 days"), 2 * DAY),
        (tr("6 weeks"), 42 * DAY),
        (tr("2 years"), 2 * YEAR),
        (tr("20 years"), 20 * YEAR),
    ]


def summary(ages: Sequence[int], forever: bool) -> str:
    """The same in a sentence."""
    if forever:
        return tr("Nothing is ever removed: the archive grows and grows.")
    count, oldest = len(ages), ages[-1] if ages else 0
    return tr(
        "After some years about {0} points in time are kept, the oldest"
        " {1} old."
    ).format(count, length(oldest))


def length(seconds: int) -> str:
    """A length of time in the unit that suits it."""
    for step, least, text in (
        (YEAR, 3, tr("{0} years")),
        (YEAR // 12, 3, tr("{0} months")),
        (DAY, 2, tr("{0} days")),
    ):
        # 23.9 months are 24.
        count = int(seconds / step + 0.1)
        if count >= least:
            return text.format(count)
    return tr("{0} hours").format(seconds // 3600)


class KeepPicture(QWidget):
    """Four timelines that end now, at the right."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("keep-picture")
        self.setSizePolicy(
            QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed
        )
        self._ages: List[int] = []

    def show_ages(self, ages: Sequence[int], said: str) -> None:
        """What is kept, ages in seconds; `said` is it for ears."""
        self._ages = list(ages)
        self.setAccessibleName(said)
        self.update()

    def sizeHint(self) -> QSize:
        """Four lines, each two lines of text high."""
        metrics = self.fontMetrics()
        return QSize(
            metrics.averageCharWidth() * 60,
            int(metrics.height() * 1.7) * (len(spans())),
        )

    def paintEvent(self, event: Optional[QPaintEvent]) -> None:
        """Draw in the palette's colours."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        lines = spans()
        high = self.height() / len(lines)
        metrics = self.fontMetrics()
        gap = metrics.averageCharWidth()
        left = max(metrics.horizontalAdvance(name) for name, _ in lines) + gap
        right = metrics.horizontalAdvance("00000") + gap
        for number, (name, span) in enumerate(lines):
            area = QRectF(
                left, number * high, self.width() - left - right, high
            )
            self._draw_line(painter, area, name, span)
        painter.end()

    def _draw_line(
        self, painter: QPainter, area: QRectF, name: str, span: int
    ) -> None:
        palette = self.palette()
        text = palette.color(QPalette.ColorRole.WindowText)
        inside = [age for age in self._ages if age <= span]
        painter.setPen(text)
        flags = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        painter.drawText(
            QRectF(0, area.top(), area.left(), area.height()), flags, name
        )
        beside = area.right() + painter.fontMetrics().averageCharWidth()
        painter.drawText(
            QRectF(beside, area.top(), self.width() - beside, area.height()),
            flags,
            str(len(inside)),
        )
        painter.setPen(palette.color(QPalette.ColorRole.Mid))
        middle = area.center().y()
        painter.drawLine(
            int(area.left()), int(middle), int(area.right()), int(middle)
        )
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(palette.color(QPalette.ColorRole.Highlight))
        wide = painter.fontMetrics().averageCharWidth() / 8
        for x in _places(inside, span, area):
            mark = QRectF(x - wide, area.top() + area.height() * 0.2, 0, 0)
            mark.setWidth(2 * wide)
            mark.setHeight(area.height() * 0.6)
            painter.drawRect(mark)


def _places(ages: Sequence[int], span: int, area: QRectF) -> List[float]:
    """Where marks stand; many at one place are one."""
    places = {round(area.right() - area.width() * age / span) for age in ages}
    return [float(x) for x in sorted(places)]
