# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Icons, painted: none is taken from a theme, which may not have it.

Owns colours too: each of them is chosen so that it is read on a light and on
a dark ground.
"""

from typing import Optional

from PyQt6.QtCore import QByteArray, QPointF, QRectF, QSize, Qt
from PyQt6.QtGui import (
    QColor,
    QGuiApplication,
    QIcon,
    QPainter,
    QPalette,
    QPen,
    QPixmap,
    QPolygonF,
)
from PyQt6.QtSvg import QSvgRenderer

from wyng_dom0.applet.glyphs import GLYPHS

SIZES = (16, 22, 24, 32, 48, 64)
GOOD, WARN, BAD, BUSY, MUTED, PLAIN = range(6)
# On a light ground, on a dark one.
_TONES = {
    GOOD: ("#186428", "#7fd18b"),
    WARN: ("#7c4a00", "#f0b35a"),
    BAD: ("#a3121a", "#ff8f87"),
    BUSY: ("#1257a8", "#7cb7ff"),
}
# As Qubes OS paints them.
LABELS = {
    "red": "#cc0000",
    "orange": "#f57900",
    "yellow": "#edd400",
    "green": "#73d216",
    "gray": "#888a85",
    "blue": "#3465a4",
    "purple": "#75507b",
    "black": "#1a1a1a",
}


def is_dark(palette: Optional[QPalette] = None) -> bool:
    """True where text is light on a dark ground."""
    chosen = palette or QGuiApplication.palette()
    ground = chosen.color(QPalette.ColorRole.Window).lightness()
    return ground < chosen.color(QPalette.ColorRole.WindowText).lightness()


def tone(kind: int, palette: Optional[QPalette] = None) -> QColor:
    """One of the six tones on the ground of this palette."""
    chosen = palette or QGuiApplication.palette()
    if kind in _TONES:
        return QColor(_TONES[kind][is_dark(chosen)])
    text = chosen.color(QPalette.ColorRole.WindowText)
    if kind == MUTED:
        ground = chosen.color(QPalette.ColorRole.Window)
        return mixed(text, ground, 0.7)
    return text


def mixed(one: QColor, other: QColor, part: float) -> QColor:
    """A colour between two; `part` is how much is of the first."""
    return QColor.fromRgbF(
        *(
            a * part + b * (1 - part)
            for a, b in zip(one.getRgbF()[:3], other.getRgbF()[:3], strict=True)
        )
    )


def glyph(name: str, kind: int = PLAIN) -> QIcon:
    """The icon of a sign in a tone; a disabled one is paler."""
    icon = QIcon()
    text = tone(kind)
    pale = mixed(text, tone_ground(), 0.35)
    for mode, colour in (
        (QIcon.Mode.Normal, text),
        (QIcon.Mode.Disabled, pale),
    ):
        for size in SIZES:
            icon.addPixmap(glyph_pixmap(name, colour, size), mode)
    return icon


def tone_ground() -> QColor:
    """What is behind text."""
    return QGuiApplication.palette().color(QPalette.ColorRole.Window)


def glyph_pixmap(name: str, colour: QColor, size: int) -> QPixmap:
    """A sign of so many pixels."""
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"'
        f' fill="none" stroke="{colour.name()}" stroke-width="2"'
        ' stroke-linecap="round" stroke-linejoin="round">'
        f"{GLYPHS[name]}</svg>"
    )
    pixmap = empty(size)
    painter = QPainter(pixmap)
    QSvgRenderer(QByteArray(svg.encode())).render(painter)
    painter.end()
    return pixmap


def empty(size: int) -> QPixmap:
    """A square that nothing is painted on yet."""
    pixmap = QPixmap(QSize(size, size))
    pixmap.fill(Qt.GlobalColor.transparent)
    return pixmap


def label_icon(label: str, color: str = "") -> QIcon:
    """A qube in its label's colour, `color` as 0xRRGGBB where the label is
    not one of Qubes' own; a disk where there is neither."""
    chosen = QColor(LABELS.get(label) or color.replace("0x", "#", 1))
    if not chosen.isValid():
        return glyph("volume", MUTED)
    icon = QIcon()
    for size in SIZES:
        icon.addPixmap(_cube(chosen, size))
    return icon


def _cube(colour: QColor, size: int) -> QPixmap:
    """Three faces of a cube; the edge is seen on either ground."""
    pixmap = empty(size)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.scale(size / 24, size / 24)
    edge = tone(PLAIN)
    edge.setAlphaF(0.75)
    painter.setPen(QPen(edge, 1.2))
    faces = (
        (colour.lighter(125), ((12, 2), (21, 7), (12, 12), (3, 7))),
        (colour, ((3, 7), (12, 12), (12, 22), (3, 17))),
        (colour.darker(130), ((21, 7), (21, 17), (12, 22), (12, 12))),
    )
    for shade, points in faces:
        painter.setBrush(shade)
        painter.drawPolygon(QPolygonF([QPointF(x, y) for x, y in points]))
    painter.end()
    return pixmap


def app_icon() -> QIcon:
    """The program's own sign: a qube on its earlier sessions."""
    icon = QIcon()
    for size in SIZES:
        icon.addPixmap(_app_pixmap(size))
    return icon


def _app_pixmap(size: int) -> QPixmap:
    pixmap = empty(size)
    painter = QPainter(pixmap)
    QSvgRenderer(QByteArray(APP_SVG.encode())).render(
        painter, QRectF(0, 0, size, size)
    )
    painter.end()
    return pixmap


# The same as desktop/qubes-wyng-manager.svg, which a test compares.
APP_SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48">
  <g stroke="#16324f" stroke-width="1.5" stroke-linejoin="round">
    <path fill="#9cc3e6" d="M24 27l19 9-19 9-19-9z"/>
    <path fill="#c9dff2" d="M24 21l19 9-19 9-19-9z"/>
    <path fill="#6fa8dc" d="M24 3l14 7-14 7-14-7z"/>
    <path fill="#3465a4" d="M10 10l14 7v15l-14-7z"/>
    <path fill="#204a87" d="M38 10l-14 7v15l14-7z"/>
  </g>
</svg>
"""
