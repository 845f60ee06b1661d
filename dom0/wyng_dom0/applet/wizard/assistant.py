# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Pages one behind the other, with Back, Next and Cancel.

Not Qt's QWizard: leaving a page may take a call of the engine, and closing
must first say what was made already.
"""

from typing import Callable, List, Optional

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QCloseEvent
from PyQt6.QtWidgets import (
    QDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QMessageBox,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from wyng_dom0.applet.plain_text import plain_label
from wyng_dom0.applet.wording import shown, tr

# What a page calls when it may be left, or why it may not.
Go = Callable[[], None]
Stay = Callable[[str], None]
_WIDTH_LETTERS, _HEIGHT_LINES = 128, 38


class Page(QWidget):
    """One page. `changed` says that `is_complete` may be something else."""

    changed = pyqtSignal()

    def __init__(self, name: str, title: str, lead: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.title, self.lead = title, lead
        self.next_text = tr("&Next")
        # Going on is not what Return does.
        self.warns = False
        self.setAccessibleName(title)

    def is_wanted(self) -> bool:
        """False for a page that is passed over."""
        return True

    def is_complete(self) -> bool:
        """True when there is all that is needed to go on."""
        return True

    def may_go_back(self) -> bool:
        """False when what was done here can't be taken back."""
        return True

    def enter(self) -> None:
        """The page is shown now."""

    def leave(self, go: Go, stay: Stay) -> None:
        """The user wants to go on: call `go`, or `stay` with a sentence.

        Either may be called later, from a signal.
        """
        go()

    def stop(self) -> None:
        """The user does not wait for `leave` any more."""


class Assistant(QDialog):
    """Shows pages; subclasses give them, and say what is true already."""

    def __init__(
        self, name: str, title: str, parent: Optional[QWidget]
    ) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setWindowTitle(title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.pages: List[Page] = []
        self._names: List[QLabel] = []
        # Rises with each leaving, so that an answer that is late is known.
        self._leaving = 0
        self._waits = False
        self._done = False
        self._build()

    def add_page(self, page: Page) -> None:
        """Behind those that are there."""
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidget(page)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._stack.addWidget(area)
        self.pages.append(page)
        page.changed.connect(self._page_changed)
        label = QLabel(page.title)
        label.setTextFormat(Qt.TextFormat.PlainText)
        self._names.append(label)
        self._list.addWidget(label)

    def start(self) -> None:
        """Show the first page; once all were added."""
        self._list.addStretch()
        self._show(0)

    @property
    def page(self) -> Page:
        """The page that is shown."""
        return self.pages[self._stack.currentIndex()]

    def already_true(self) -> str:
        """What closing now would leave behind; "" for nothing."""
        return ""

    def finish(self) -> None:
        """The last page was left."""
        self._done = True
        self.accept()

    def say(self, sentence: str) -> None:
        """Show a problem above the buttons; "" for none."""
        self._problem.setText(sentence and "⚠  " + sentence)
        self._problem.setVisible(bool(sentence))

    def go_on(self) -> None:
        """What Next does."""
        if self._waits or not self.page.is_complete():
            return
        self._leaving += 1
        ticket = self._leaving
        self.say("")
        self._set_waits(True)
        self.page.leave(
            lambda: self._left(ticket), lambda why: self._stays(ticket, why)
        )

    def go_back(self) -> None:
        """What Back does."""
        self._give_up_waiting()
        at = self._stack.currentIndex() - 1
        while at > 0 and not self.pages[at].is_wanted():
            at -= 1
        if at >= 0:
            self._show(at)

    def reject(self) -> None:
        """Cancel, Escape and the window's own button."""
        self._give_up_waiting()
        true = self.already_true()
        if self._done or not true:
            self._done = True
            super().reject()
            return
        box = QMessageBox(self)
        box.setObjectName("already-true")
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setIcon(QMessageBox.Icon.Information)
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setWindowTitle(self.windowTitle())
        box.setText(true)
        stay = box.addButton(tr("&Go on"), QMessageBox.ButtonRole.RejectRole)
        leave = box.addButton(
            tr("&Close all the same"), QMessageBox.ButtonRole.DestructiveRole
        )
        box.setDefaultButton(stay)
        box.setEscapeButton(stay)
        if leave is not None:
            leave.setObjectName("close-all-the-same")
            leave.clicked.connect(self._close)
        box.open()

    def closeEvent(self, event: Optional[QCloseEvent]) -> None:
        """The window's own button asks as Cancel does."""
        if self._done or event is None:
            super().closeEvent(event)
            return
        event.ignore()
        self.reject()

    def _close(self) -> None:
        self._done = True
        super().reject()

    def _build(self) -> None:
        self._stack = QStackedWidget()
        self._title = plain_label(name="page-title")
        font = self._title.font()
        font.setPointSizeF(font.pointSizeF() * 1.4)
        font.setBold(True)
        self._title.setFont(font)
        self._lead = plain_label(name="page-lead")
        self._problem = plain_label(name="problem-text")
        self._problem.setVisible(False)
        self._problem.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
        )
        self._bar = QProgressBar()
        self._bar.setRange(0, 0)
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(tr("Waiting for an answer"))
        self._bar.setVisible(False)
        self._list = QVBoxLayout()
        side = QFrame()
        side.setFrameShape(QFrame.Shape.StyledPanel)
        side.setLayout(self._list)
        inner = QVBoxLayout()
        for each in (self._title, self._lead):
            inner.addWidget(each)
        inner.addSpacing(self.fontMetrics().height() // 2)
        inner.addWidget(self._stack, 1)
        inner.addWidget(self._problem)
        inner.addWidget(self._bar)
        outer = QHBoxLayout()
        outer.addWidget(side)
        outer.addLayout(inner, 1)
        layout = QVBoxLayout(self)
        layout.addLayout(outer, 1)
        layout.addLayout(self._buttons())
        metrics = self.fontMetrics()
        self.resize(
            metrics.averageCharWidth() * _WIDTH_LETTERS,
            metrics.height() * _HEIGHT_LINES,
        )

    def _buttons(self) -> QHBoxLayout:
        self.cancel_button = QPushButton(tr("&Cancel"))
        self.back_button = QPushButton(tr("&Back"))
        self.next_button = QPushButton(tr("&Next"))
        row = QHBoxLayout()
        for button, name, does in (
            (self.cancel_button, "cancel", self.reject),
            (self.back_button, "back", self.go_back),
            (self.next_button, "next", self.go_on),
        ):
            button.setObjectName(name)
            button.clicked.connect(does)
            row.addWidget(button)
        row.insertStretch(1)
        self.cancel_button.setAutoDefault(False)
        self.back_button.setAutoDefault(False)
        self.next_button.setDefault(True)
        return row

    def _show(self, at: int) -> None:
        self._stack.setCurrentIndex(at)
        page = self.pages[at]
        self._title.setText(page.title)
        self._lead.setText(page.lead)
        self._lead.setVisible(bool(page.lead))
        self.say("")
        page.enter()
        self.next_button.setDefault(not page.warns)
        self.back_button.setDefault(page.warns)
        self._refresh()
        first = page.nextInFocusChain()
        while first is not None and first is not page:
            if first.focusPolicy() & Qt.FocusPolicy.TabFocus:
                if page.isAncestorOf(first) and first.isEnabled():
                    first.setFocus()
                    break
            first = first.nextInFocusChain()

    def _refresh(self) -> None:
        at = self._stack.currentIndex()
        page = self.pages[at]
        self.next_button.setText(page.next_text)
        close = bool(self.already_true()) or at == len(self.pages) - 1
        self.cancel_button.setText(tr("&Close") if close else tr("&Cancel"))
        self.next_button.setEnabled(not self._waits and page.is_complete())
        self.back_button.setEnabled(at > 0 and page.may_go_back())
        self._bar.setVisible(self._waits)
        for number, (each, label) in enumerate(
            zip(self.pages, self._names, strict=True)
        ):
            label.setVisible(each.is_wanted())
            font = label.font()
            font.setBold(number == at)
            label.setFont(font)
            label.setEnabled(number <= at)
            sign = "▸" if number == at else ("✓" if number < at else "   ")
            label.setText(f"{sign} {shown(each.title)}")

    def _page_changed(self) -> None:
        if self.pages and not self._waits and self.sender() is self.page:
            # It is about what stood there before.
            self.say("")
        self._refresh()

    def _set_waits(self, waits: bool) -> None:
        self._waits = waits
        self._refresh()

    def _left(self, ticket: int) -> None:
        if ticket != self._leaving or self._done:
            return
        self._set_waits(False)
        at = self._stack.currentIndex() + 1
        while at < len(self.pages) and not self.pages[at].is_wanted():
            at += 1
        if at < len(self.pages):
            self._show(at)
        else:
            self.finish()

    def _stays(self, ticket: int, why: str) -> None:
        if ticket == self._leaving and not self._done:
            self._set_waits(False)
            self.say(why)

    def _give_up_waiting(self) -> None:
        if self._waits:
            self._leaving += 1
            self.page.stop()
            self._set_waits(False)
