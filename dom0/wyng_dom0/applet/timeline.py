# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The timeline of sessions: dots over a time axis, by mouse and keyboard.

Shows points and says which was picked; knows no engine. Shapes tell states,
so that no colour is needed to read it.
"""

from typing import List, Optional, Sequence

from PyQt6.QtCore import QEvent, QPointF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import (
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from PyQt6.QtWidgets import QSizePolicy, QToolTip, QWidget

from wyng_dom0.applet import timeline_painting as painting
from wyng_dom0.applet.points import Point
from wyng_dom0.applet.sessions_model import described
from wyng_dom0.applet.timeline_layout import (
    Dot,
    View,
    dot_at,
    dots,
    whole_view,
)
from wyng_dom0.applet.wording import point, size, tip, tr

_ZOOM = 1.5
_NOTCH = 120.0


class Timeline(QWidget):
    """Points in time as dots; `picked` gives one, `activated` one that was
    double-clicked or entered."""

    picked = pyqtSignal(object)
    activated = pyqtSignal(object)

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self.setObjectName("timeline")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(tr("Timeline of the sessions"))
        self.setSizePolicy(
            QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed
        )
        self._points: List[Point] = []
        self._times: List[float] = []
        self._whole = whole_view([], 1.0)
        self._view = self._whole
        self._dots: Optional[List[Dot]] = None
        self._current = -1
        self._dragged: Optional[float] = None

    # What is shown

    def set_points(self, points: Sequence[Point]) -> None:
        """These from now on, all of them in view."""
        kept = self.current_point
        self._points = sorted(points, key=lambda each: each.time)
        self._times = [each.time.timestamp() for each in self._points]
        self._current = -1
        self.show_all()
        if kept is not None:
            self._select_like(kept)

    def show_all(self) -> None:
        """Show all of the time there is."""
        width = max(1.0, painting.plot_width(self))
        self._whole = self._view = whole_view(self._times, width)
        self._changed()

    def zoom(self, factor: float) -> None:
        """Closer or farther, around the current point or the middle."""
        at = (self._view.begin + self._view.end) / 2
        if self._current >= 0:
            at = self._times[self._current]
        self._look(self._view.zoomed(factor, at))

    @property
    def current_point(self) -> Optional[Point]:
        """The point that is marked, or None."""
        return self._points[self._current] if self._current >= 0 else None

    @property
    def shown_dots(self) -> List[Dot]:
        """The dots as they are drawn, from left to right."""
        if self._dots is None:
            cell = painting.cell(self)
            self._dots = dots(self._points, self._times, self._view, cell)
        return self._dots

    def set_current(self, of: Optional[Point]) -> None:
        """Mark a point, and bring it into view; says nothing."""
        found = -1
        if of is not None:
            found = next(
                (at for at, p in enumerate(self._points) if p is of), -1
            )
        self._mark(found)

    def _select_like(self, of: Point) -> None:
        for at, each in enumerate(self._points):
            if (each.session, each.time) == (of.session, of.time):
                self._mark(at)

    def _mark(self, at: int) -> None:
        if at == self._current:
            return
        self._current = at
        if at >= 0:
            self._bring_into_view(self._times[at])
        current = self.current_point
        # A screen reader tells what the mark is on.
        self.setAccessibleDescription(described(current) if current else "")
        self.update()

    def _bring_into_view(self, seconds: float) -> None:
        view = self._view
        if not view.begin <= seconds <= view.end:
            middle = (view.begin + view.end) / 2
            self._look(view.moved(seconds - middle))

    def _look(self, view: View) -> None:
        self._view = view.within(self._whole)
        self._changed()

    def _changed(self) -> None:
        self._dots = None
        self.update()

    def _pick(self, at: int) -> None:
        if 0 <= at < len(self._points):
            self._mark(at)
            self.picked.emit(self._points[at])

    # QWidget

    def sizeHint(self) -> QSize:
        """Wide as there is room, high as its lines are."""
        return painting.size_hint(self)

    def minimumSizeHint(self) -> QSize:
        """The same height, and little width."""
        hint = painting.size_hint(self)
        return QSize(hint.width() // 3, hint.height())

    def paintEvent(self, event: Optional[QPaintEvent]) -> None:
        painting.paint(self, self._view, self.shown_dots, self._current)

    def resizeEvent(self, event: Optional[QResizeEvent]) -> None:
        width = max(1.0, painting.plot_width(self))
        self._whole = whole_view(self._times, width)
        self._look(View(self._view.begin, self._view.end, width))

    def keyPressEvent(self, event: Optional[QKeyEvent]) -> None:
        if event is None:
            return
        key, last = Qt.Key(event.key()), len(self._points) - 1
        span = self._view.end - self._view.begin
        if key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            step = 1 if key == Qt.Key.Key_Right else -1
            at = self._current + step if self._current >= 0 else last
            self._pick(max(0, min(last, at)))
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_End):
            self._pick(0 if key == Qt.Key.Key_Home else last)
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.zoom(_ZOOM)
        elif key == Qt.Key.Key_Minus:
            self.zoom(1 / _ZOOM)
        elif key == Qt.Key.Key_0:
            self.show_all()
        elif key in (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown):
            way = 0.8 if key == Qt.Key.Key_PageDown else -0.8
            self._look(self._view.moved(way * span))
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if self.current_point is not None:
                self.activated.emit(self.current_point)
        else:
            super().keyPressEvent(event)

    def wheelEvent(self, event: Optional[QWheelEvent]) -> None:
        if event is None:
            return
        turned = event.angleDelta()
        if turned.y():
            x = event.position().x() - painting.left(self)
            at = self._view.seconds(x)
            factor = _ZOOM ** (turned.y() / _NOTCH)
            self._look(self._view.zoomed(factor, at))
        elif turned.x():
            pixels = -turned.x() / 2
            self._look(self._view.moved(pixels * self._view.seconds_each))
        event.accept()

    def mousePressEvent(self, event: Optional[QMouseEvent]) -> None:
        if event is None or event.button() != Qt.MouseButton.LeftButton:
            return
        self._dragged = event.position().x()
        found = self._dot_under(event.position())
        if found is not None:
            self._pick(found.last)

    def mouseMoveEvent(self, event: Optional[QMouseEvent]) -> None:
        if event is None or self._dragged is None:
            return
        pixels = self._dragged - event.position().x()
        self._dragged = event.position().x()
        self._look(self._view.moved(pixels * self._view.seconds_each))

    def mouseReleaseEvent(self, event: Optional[QMouseEvent]) -> None:
        self._dragged = None

    def mouseDoubleClickEvent(self, event: Optional[QMouseEvent]) -> None:
        if event is None:
            return
        found = self._dot_under(event.position())
        if found is None:
            self.show_all()
        elif found.count == 1:
            self.activated.emit(self._points[found.last])
        else:
            times = self._times[found.first : found.last + 1]
            closer = whole_view(times, self._view.width)
            self._look(closer)

    def event(self, event: Optional[QEvent]) -> bool:
        if isinstance(event, QHelpEvent):
            found = self._dot_under(QPointF(event.pos()))
            text = self._told(found) if found is not None else ""
            QToolTip.showText(event.globalPos(), text, self)
            return True
        return super().event(event)

    def _dot_under(self, at: QPointF) -> Optional[Dot]:
        shown = self.shown_dots
        x = at.x() - painting.left(self)
        found = dot_at(shown, x, painting.cell(self) / 2)
        return shown[found] if found >= 0 else None

    def _told(self, dot: Dot) -> str:
        some = self._points[dot.first : dot.last + 1]
        if len(some) == 1:
            return tip(described(some[0]))
        text = tr("{0} sessions, {1} to {2}, changed {3} in all").format(
            len(some),
            point(some[0].time),
            point(some[-1].time),
            size(sum(each.changed for each in some)),
        )
        more = tr("Double-click to look closer")
        return tip(f"{text}\n{more}")
