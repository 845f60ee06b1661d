# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What is shown instead of a table: the first steps, or that it is early."""

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import (
    QCommandLinkButton,
    QHBoxLayout,
    QLabel,
    QStyle,
    QVBoxLayout,
    QWidget,
)

from wyng_dom0.applet.icons import app_icon, glyph
from wyng_dom0.applet.plain_text import plain_label
from wyng_dom0.applet.wording import tr


class FirstPage(QWidget):
    """No archive yet: two ways to get one."""

    def __init__(self, make: QAction, open: QAction, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("first-page")
        title = plain_label(tr("Nothing is backed up yet"))
        font = title.font()
        font.setPointSizeF(font.pointSizeF() * 1.6)
        title.setFont(font)
        said = plain_label(
            tr(
                "Backups go to an archive: a directory on a disk, a backup"
                " qube, or another machine. All that leaves this machine is"
                " sealed first, names too."
            )
        )
        sign = QLabel()
        edge = self._icon_edge() * 2
        sign.setPixmap(app_icon().pixmap(edge))
        inner = QVBoxLayout()
        inner.setSpacing(self.fontMetrics().height())
        inner.addStretch(2)
        inner.addWidget(sign)
        inner.addWidget(title)
        inner.addWidget(said)
        inner.addWidget(
            _link(
                "first-make",
                "new",
                tr("&Make an archive"),
                tr("Choose where it lies, what is backed up and how often."),
                make,
            )
        )
        inner.addWidget(
            _link(
                "first-open",
                "open",
                tr("&Open an archive that exists"),
                tr("Restore from it, or go on with it on this machine."),
                open,
            )
        )
        inner.addStretch(3)
        outer = QHBoxLayout(self)
        outer.addStretch(1)
        outer.addLayout(inner, 4)
        outer.addStretch(1)

    def _icon_edge(self) -> int:
        style = self.style()
        assert style is not None
        return style.pixelMetric(QStyle.PixelMetric.PM_LargeIconSize)


def _link(
    name: str, sign: str, text: str, more: str, action: QAction
) -> QCommandLinkButton:
    button = QCommandLinkButton(text, more)
    button.setObjectName(name)
    button.setIcon(glyph(sign))
    button.setAccessibleDescription(more)
    button.clicked.connect(action.trigger)
    button.setEnabled(action.isEnabled())
    action.changed.connect(lambda: button.setEnabled(action.isEnabled()))
    return button


class LookingPage(QWidget):
    """The first report is on its way."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("looking-page")
        label = plain_label(tr("Looking how your backups stand…"))
        label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        QVBoxLayout(self).addWidget(label)
