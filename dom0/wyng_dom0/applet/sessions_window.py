# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The earlier versions of a qube or volume: a timeline over a table.

Owns the window and what is chosen in it. What is done with it are calls of
its own: see sessions_deeds.
"""

from typing import List, Optional

from PyQt6.QtCore import QPoint, QSize, Qt
from PyQt6.QtWidgets import (
    QComboBox,
    QDialog,
    QHBoxLayout,
    QLineEdit,
    QMenu,
    QSizePolicy,
    QToolBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from wyng_dom0.applet.desk import Desk
from wyng_dom0.applet.engine import Outcome
from wyng_dom0.applet.icons import glyph
from wyng_dom0.applet.plain_text import heading, letters_wide, plain_label
from wyng_dom0.applet.points import Point, points_of
from wyng_dom0.applet.problem import show_problem
from wyng_dom0.applet.runs import Run
from wyng_dom0.applet.sessions_actions import (
    LINE,
    ORDER,
    make_actions,
    show_possible,
)
from wyng_dom0.applet.sessions_deeds import SessionsDeeds
from wyng_dom0.applet.sessions_load import SessionsLoad
from wyng_dom0.applet.sessions_model import SessionsModel
from wyng_dom0.applet.sessions_view import SessionsView
from wyng_dom0.applet.timeline import Timeline
from wyng_dom0.applet.wording import shown, size, tip, tr

# Runs that may have made, removed or proven sessions.
_CHANGE_SESSIONS = ("send", "prune", "verify", "arch-check", "migrate", "drill")
_FLAGS = Qt.WindowType.Window


class SessionsWindow(QDialog):
    """The sessions of `volume`, or of the qube that it belongs to."""

    def __init__(
        self,
        desk: Desk,
        archive: str,
        volume: str,
        parent: Optional[QWidget] = None,
    ) -> None:
        super().__init__(parent, _FLAGS)
        self.setObjectName("sessions-window")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.desk = desk
        self.load = SessionsLoad(desk, archive, volume, self)
        self.load.loaded.connect(self._show)
        self.load.failed.connect(self._fail)
        self.model = SessionsModel(self.load.subject)
        self.actions_by_id = make_actions(self)
        self.deeds = SessionsDeeds(self)
        self._make_table()
        self._make_timeline()
        self._lay_out()
        self._name_it()
        self._choose([])
        desk.run_ended.connect(self._heed_run)
        self.load.begin()

    # The parts

    def _make_table(self) -> None:
        self.table = SessionsView(self.model)
        self.table.customContextMenuRequested.connect(self._open_menu)
        self.table.doubleClicked.connect(lambda _: self.deeds.restore())
        chosen = self.table.selectionModel()
        assert chosen is not None
        chosen.selectionChanged.connect(self._heed_selection)
        self._show_columns()

    def _show_columns(self) -> None:
        self.table.show_columns(
            volumes=len(self.load.parts) > 1, sizes=self.load.measured
        )

    def _make_timeline(self) -> None:
        self.timeline = Timeline()
        self.timeline.picked.connect(self.choose_point)
        self.timeline.activated.connect(lambda _: self.deeds.restore())

    def _lay_out(self) -> None:
        em = self.fontMetrics().height()
        self.resize(em * 76, em * 44)
        self._title = heading("", name="title")
        self._title.setSizePolicy(
            QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred
        )
        self._volumes = QComboBox()
        self._volumes.setObjectName("which-volume")
        self._volumes.setAccessibleName(tr("Which volumes"))
        self._volumes.hide()
        self._volumes.currentIndexChanged.connect(lambda _: self._show())
        self._words = QLineEdit()
        self._words.setObjectName("filter")
        self._words.setAccessibleName(tr("Show only"))
        self._words.setPlaceholderText(tr("Filter (Ctrl+F)"))
        self._words.setClearButtonEnabled(True)
        self._words.setMaximumWidth(letters_wide(self, 28))
        self._words.textChanged.connect(self.model.show_only)
        self._said = plain_label(tr("Asking the archive…"), name="said")
        self._details = plain_label(name="details")
        top = QHBoxLayout()
        top.addWidget(self._title, 1)
        top.addWidget(self._volumes)
        top.addWidget(self._words)
        column = QVBoxLayout(self)
        column.addLayout(top)
        column.addWidget(self._toolbar())
        column.addLayout(self._beside_timeline())
        column.addWidget(self.table, 1)
        column.addWidget(self._details)
        column.addWidget(self.deeds.strip)
        column.addWidget(self._said)
        find = self.addAction(tr("Find"))
        assert find is not None
        find.setObjectName("session-find")
        find.setShortcut("Ctrl+F")
        find.triggered.connect(lambda: self._words.setFocus())

    def _toolbar(self) -> QToolBar:
        bar = QToolBar()
        em = self.fontMetrics().height()
        bar.setIconSize(QSize(em, em))
        bar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        for name in ORDER:
            if name == LINE:
                bar.addSeparator()
            else:
                bar.addAction(self.actions_by_id[name])
        return bar

    def _beside_timeline(self) -> QHBoxLayout:
        row, buttons = QHBoxLayout(), QVBoxLayout()
        for sign, text, then in (
            ("closer", tr("Closer (+)"), lambda: self.timeline.zoom(2.0)),
            ("farther", tr("Farther (-)"), lambda: self.timeline.zoom(0.5)),
            ("whole", tr("All of the time (0)"), self.timeline.show_all),
        ):
            button = QToolButton()
            button.setObjectName(f"timeline-{sign}")
            button.setIcon(glyph(sign))
            button.setToolTip(tip(text))
            button.setAccessibleName(text)
            button.setAutoRaise(True)
            button.clicked.connect(then)
            buttons.addWidget(button)
        buttons.addStretch(1)
        row.addWidget(self.timeline, 1)
        row.addLayout(buttons)
        return row

    # What is shown

    def _name_it(self) -> None:
        name = shown(self.load.subject.name, 60)
        self.setWindowTitle(tr("Earlier versions of {0}").format(name))
        self._title.setText(tr("Earlier versions of {0}").format(name))

    def points(self) -> List[Point]:
        """The points of the volumes that are looked at, oldest first."""
        wanted = self._volumes.currentData()
        if wanted and wanted in self.load.parts:
            return points_of([self.load.parts[wanted]])
        return self.load.points

    def _show(self) -> None:
        kept = {(p.session, p.time) for p in self.chosen}
        self._name_it()
        self._fill_volumes()
        self._show_columns()
        points = self.points()
        self.model.show(self.load.subject, points)
        self.timeline.set_points(points)
        self.table.choose_all(p for p in points if (p.session, p.time) in kept)
        self._heed_selection()
        total = sum(each.changed for each in points)
        self._said.setText(
            tr("{0} session(s), changed {1} in all").format(
                len(points), size(total)
            )
            if points
            else tr("No session yet: the next backup makes the first.")
        )

    def _fill_volumes(self) -> None:
        names = list(self.load.parts)
        box, subject = self._volumes, self.load.subject
        known = [box.itemData(at) for at in range(1, box.count())]
        if known == names:
            return
        box.blockSignals(True)
        box.clear()
        box.addItem(tr("All volumes"), "")
        for each in names:
            box.addItem(shown(subject.short(each)), each)
        box.blockSignals(False)
        box.setVisible(len(names) > 1)

    def _fail(self, outcome: Outcome) -> None:
        self._said.setText(tr("The sessions could not be had."))
        show_problem(outcome, tr("The sessions could not be had"), self)

    def say(self, text: str) -> None:
        """Say something in the last line."""
        self._said.setText(text)

    def _heed_run(self, run: Run) -> None:
        if run.archive == self.load.subject.archive:
            if run.command in _CHANGE_SESSIONS:
                self.load.begin()

    # What is chosen

    @property
    def chosen(self) -> List[Point]:
        """The points that are chosen, in the order of the table."""
        return self.table.chosen

    def choose_point(self, of: Point) -> None:
        """Choose this one in the table, and bring it into view."""
        if not self.table.choose(of):
            # The filter hides it.
            self._words.clear()
            self.table.choose(of)

    def _heed_selection(self, *_: object) -> None:
        self._choose(self.chosen)

    def _choose(self, points: List[Point]) -> None:
        current = self.table.current_point
        marked = points[0] if len(points) == 1 else None
        if len(points) > 1 and any(current is each for each in points):
            marked = current
        self.timeline.set_current(marked)
        self._details.setText(details(points))
        self.show_possible()

    def show_possible(self) -> None:
        """Enable what can be done now."""
        busy = self.deeds.strip.is_running
        show_possible(self.actions_by_id, self.chosen, busy)

    def _open_menu(self, at: QPoint) -> None:
        menu = QMenu(self)
        menu.setObjectName("session-menu")
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for name in ORDER:
            if name == LINE:
                menu.addSeparator()
            else:
                menu.addAction(self.actions_by_id[name])
        viewport = self.table.viewport()
        assert viewport is not None
        menu.popup(viewport.mapToGlobal(at))


def details(points: List[Point]) -> str:
    """What the table has no room for: tags with their texts, each volume."""
    if len(points) != 1:
        if not points:
            return tr("Choose a session, in the timeline or in the table.")
        return tr("{0} chosen, changed {1} in all").format(
            len(points), size(sum(each.changed for each in points))
        )
    lines = [
        tr("{0}: {1}, changed {2}").format(
            shown(each.volume, 80), size(each.size), size(each.changed)
        )
        for each in points[0].parts
    ]
    for name, text in points[0].tags:
        lines.append(tr("Tag {0}: {1}").format(shown(name), shown(text) or "–"))
    return "\n".join(lines)
