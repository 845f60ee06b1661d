# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The requests of backup qubes on the screen: approve, deny, block."""

from datetime import datetime, timezone
from typing import Dict, List

from PyQt6.QtCore import QSize, Qt, pyqtSignal
from PyQt6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QStyle,
    QVBoxLayout,
    QWidget,
)

from wyng_dom0.applet import command_lines, requests
from wyng_dom0.applet.command_lines import Words
from wyng_dom0.applet.desk import Desk
from wyng_dom0.applet.engine import Outcome
from wyng_dom0.applet.icons import WARN, glyph
from wyng_dom0.applet.plain_text import heading, plain_label
from wyng_dom0.applet.problem import show_problem
from wyng_dom0.applet.reading import texts_of
from wyng_dom0.applet.requests import Request, grants_in, requests_in
from wyng_dom0.applet.unlocking import keyed_call
from wyng_dom0.applet.wording import shown, tip, tr


class RequestCard(QFrame):
    """One request; `decided` gives it and approve, deny or block."""

    decided = pyqtSignal(str, object)

    def __init__(self, request: Request, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("request")
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self._request = request
        sign = QLabel()
        style = self.style()
        assert style is not None
        edge = style.pixelMetric(QStyle.PixelMetric.PM_SmallIconSize)
        sign.setPixmap(glyph("request", WARN).pixmap(edge))
        words = QVBoxLayout()
        words.addWidget(
            heading(requests.sentence(request), name="request-text")
        )
        now = datetime.now(timezone.utc)
        self._standing = plain_label(
            requests.standing(request, now), name="request-standing"
        )
        words.addWidget(self._standing)
        words.addWidget(plain_label(requests.meaning()))
        buttons = QVBoxLayout()
        for verb, text, more in (
            ("approve", tr("&Approve"), tr("Restore it as a new qube")),
            ("deny", tr("&Deny"), tr("Not this one")),
            (
                "block",
                tr("&Block"),
                tr("{0} may ask for nothing any more").format(
                    shown(request.vm)
                ),
            ),
        ):
            buttons.addWidget(self._button(verb, text, more))
        line = QHBoxLayout(self)
        line.addWidget(sign, 0, Qt.AlignmentFlag.AlignTop)
        line.addLayout(words, 1)
        line.addLayout(buttons)

    def show_request(self, request: Request) -> None:
        """Show how it stands now."""
        self._request = request
        now = datetime.now(timezone.utc)
        self._standing.setText(requests.standing(request, now))

    def wait(self, waiting: bool) -> None:
        """Take no other decision while one is carried out."""
        for button in self.findChildren(QPushButton):
            button.setEnabled(not waiting)

    def _button(self, verb: str, text: str, more: str) -> QPushButton:
        button = QPushButton(glyph(verb), text)
        button.setObjectName(f"request-{verb}")
        button.setAutoDefault(False)
        button.setToolTip(tip(more))
        button.setAccessibleDescription(more)
        button.clicked.connect(lambda: self.decided.emit(verb, self._request))
        return button


class RequestsPanel(QWidget):
    """All requests; `came` says that there are some that were not there."""

    came = pyqtSignal(list)
    told = pyqtSignal(str)

    def __init__(self, desk: Desk, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("requests")
        self._desk = desk
        self._cards: Dict[str, RequestCard] = {}
        self._none = plain_label(requests.headline(0), name="requests-none")
        self._none.setEnabled(False)
        self._problems = plain_label(name="requests-problems")
        self._grants = plain_label(name="requests-grants")
        inside = QWidget()
        self._column = QVBoxLayout(inside)
        self._column.setAlignment(Qt.AlignmentFlag.AlignTop)
        for widget in (self._none, self._problems, self._grants):
            self._column.addWidget(widget)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidget(inside)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(area)
        desk.requests_changed.connect(self.show_requests)
        self.show_requests()

    def sizeHint(self) -> QSize:
        """See Qt: room for a request."""
        letters = self.fontMetrics()
        return QSize(letters.averageCharWidth() * 80, letters.height() * 14)

    def show_requests(self) -> None:
        """Show those that the desk knows."""
        report = self._desk.requests
        wanted = {each.key: each for each in requests_in(report)}
        for key in [each for each in self._cards if each not in wanted]:
            card = self._cards.pop(key)
            self._column.removeWidget(card)
            card.deleteLater()
        fresh: List[Request] = []
        for key, request in wanted.items():
            if key in self._cards:
                self._cards[key].show_request(request)
            else:
                self._add(key, request)
                fresh.append(request)
        self._none.setVisible(not wanted)
        problems = [shown(each) for each in texts_of(report, "problems")]
        self._problems.setText("\n".join(problems))
        self._problems.setVisible(bool(problems))
        self._grants.setText(requests.grants_text(grants_in(report)))
        if fresh:
            self.came.emit(fresh)

    def _add(self, key: str, request: Request) -> None:
        card = RequestCard(request, self)
        card.decided.connect(self._decide)
        self._cards[key] = card
        self._column.insertWidget(0, card)

    def _decide(self, verb: str, request: Request) -> None:
        card = self._cards.get(request.key)
        if card is not None:
            card.wait(True)
        qube, vm = shown(request.qube), shown(request.vm)
        said = {
            "approve": tr("Restoring {0} as a new qube…").format(qube),
            "deny": tr("Denying the restore of {0}…").format(qube),
            "block": tr("Blocking {0}…").format(vm),
        }[verb]
        self.told.emit(said)
        keyed_call(
            self._desk.engine,
            request.archive,
            _words(verb, request),
            self,
            lambda outcome: self._finish(outcome, request),
        )

    def _finish(self, outcome: Outcome, request: Request) -> None:
        self.told.emit("")
        self._desk.refresh_soon()
        card = self._cards.get(request.key)
        if card is not None:
            card.wait(False)
        if not outcome.good and not outcome.cancelled:
            show_problem(outcome, tr("The request could not be met"), self)


def _words(verb: str, request: Request) -> Words:
    if verb == "block":
        return command_lines.block(request.vm)
    return command_lines.decide(verb, request.archive, request.qube)
