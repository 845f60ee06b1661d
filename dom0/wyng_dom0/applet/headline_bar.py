# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The headline on the screen: a sign, a sentence, more of it, a button."""

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QStyle,
    QVBoxLayout,
    QWidget,
)

from wyng_dom0.applet.headline import NOTHING, Headline
from wyng_dom0.applet.icons import glyph, tone
from wyng_dom0.applet.plain_text import plain_label


class HeadlineBar(QFrame):
    """Shows one Headline; `taken` gives it when its button is pressed."""

    taken = pyqtSignal(object)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("headline")
        self._said = Headline("", "", "waiting", 0)
        self._sign = QLabel()
        self._text = plain_label(name="headline-text")
        font = self._text.font()
        font.setBold(True)
        font.setPointSizeF(font.pointSizeF() * 1.25)
        self._text.setFont(font)
        self._more = plain_label(name="headline-more")
        self._button = QPushButton()
        self._button.setObjectName("headline-button")
        self._button.clicked.connect(lambda: self.taken.emit(self._said))
        for label in (self._text, self._more):
            label.setTextInteractionFlags(
                Qt.TextInteractionFlag.TextSelectableByMouse
            )
        words = QVBoxLayout()
        words.setSpacing(self.fontMetrics().height() // 4)
        words.addWidget(self._text)
        words.addWidget(self._more)
        line = QHBoxLayout(self)
        line.setSpacing(self.fontMetrics().height())
        line.addWidget(self._sign, 0, Qt.AlignmentFlag.AlignVCenter)
        line.addLayout(words, 1)
        line.addWidget(self._button, 0, Qt.AlignmentFlag.AlignVCenter)

    def show_headline(self, said: Headline) -> None:
        """Show this one."""
        same_sign = (said.sign, said.tone) == (self._said.sign, self._said.tone)
        if said != self._said:
            self._said = said
            self._text.setText(said.text)
            self._more.setText(said.more)
            self._more.setVisible(bool(said.more))
            self._button.setText(said.label)
            self._button.setVisible(said.offer != NOTHING)
        if not same_sign or self._sign.pixmap().isNull():
            self.repaint_sign()

    def repaint_sign(self) -> None:
        """The sign in the colours of the palette as it is now."""
        style = self.style()
        assert style is not None
        edge = style.pixelMetric(QStyle.PixelMetric.PM_LargeIconSize)
        icon = glyph(self._said.sign, self._said.tone)
        self._sign.setPixmap(icon.pixmap(edge))
        palette = self._text.palette()
        palette.setColor(self._text.foregroundRole(), tone(self._said.tone))
        self._text.setPalette(palette)
