# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Restoring one session: what and where to, then how far, then where it is."""

from typing import Optional, Sequence

from PyQt6.QtCore import Qt, QTimer
from PyQt6.QtGui import QGuiApplication
from PyQt6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from wyng_dom0.applet.call_strip import CallStrip
from wyng_dom0.applet.desk import Desk
from wyng_dom0.applet.engine import Outcome
from wyng_dom0.applet.icons import glyph
from wyng_dom0.applet.plain_text import heading, letters_wide, plain_label
from wyng_dom0.applet.points import Point
from wyng_dom0.applet.problem import show_problem
from wyng_dom0.applet.restore_check import RestoreCheck
from wyng_dom0.applet.restore_form import RestoreForm
from wyng_dom0.applet.restore_plan import (
    IN_PLACE,
    RestoreChoice,
    result_text,
)
from wyng_dom0.applet.sessions_load import SessionsLoad
from wyng_dom0.applet.wording import point, shown, tr


class RestoreDialog(QDialog):
    """Restore `volume` (or its qube) as of `session`; "" is the newest.

    Closed during a restore it goes on; the main window shows it.
    """

    def __init__(
        self,
        desk: Desk,
        archive: str,
        volume: str,
        session: str = "",
        parent: Optional[QWidget] = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("restore-dialog")
        self.setWindowTitle(tr("Restore"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._desk, self._session = desk, session
        self.is_done = False
        self.form: Optional[RestoreForm] = None
        self._choice: Optional[RestoreChoice] = None
        self._check = RestoreCheck(desk.engine, self)
        self._check.answered.connect(self._take_check)
        self._load = SessionsLoad(desk, archive, volume, self)
        self._load.loaded.connect(self._ask)
        self._load.failed.connect(self._fail_to_load)
        self._lay_out(archive, volume)
        self._load.begin()

    def _lay_out(self, archive: str, volume: str) -> None:
        self.setMinimumWidth(letters_wide(self, 64))
        self._title = heading(shown(volume), name="title")
        self._said = plain_label(tr("Looking at the sessions…"), name="said")
        self.strip = CallStrip(self._desk.engine, archive)
        self.strip.hide()
        self.strip.ended.connect(self._finish)
        self._fault = plain_label(name="fault")
        self._buttons = QDialogButtonBox()
        self._restore = _button("restore-now", tr("&Restore"))
        self._restore.setIcon(glyph("restore"))
        self._restore.setEnabled(False)
        self._restore.clicked.connect(self._begin)
        self._copy = _button("copy-result", tr("C&opy the text"))
        self._copy.clicked.connect(self._copy_result)
        role = QDialogButtonBox.ButtonRole
        self._buttons.addButton(self._restore, role.ActionRole)
        self._buttons.addButton(self._copy, role.ActionRole)
        self._copy.hide()
        self._close = _button("close", tr("Close"))
        self._close.setDefault(True)
        self._buttons.addButton(self._close, role.RejectRole)
        self._buttons.rejected.connect(self.reject)
        self._column = QVBoxLayout(self)
        for each in (self._title, self._said, self.strip, self._fault):
            self._column.addWidget(each)
        self._column.addStretch(1)
        self._column.addWidget(self._buttons)

    # Asking

    def _ask(self) -> None:
        found = _point_of(self._load.points, self._session)
        if found is None:
            self._said.setText(tr("There is no such session any more."))
            return
        subject = self._load.subject
        self._title.setText(
            tr("Restore {0} as of {1}").format(
                shown(subject.name, 60), point(found.time)
            )
        )
        self._said.setText(tr("Session {0}").format(shown(found.session)))
        if self.form is None:
            self.form = RestoreForm(
                *(subject, self._load.points, found),
                volumes=[v for v in self._load.parts if subject.is_data(v)],
            )
            self.form.changed.connect(self._look)
            self._column.insertWidget(2, self.form)
        self._look()

    def _fail_to_load(self, outcome: Outcome) -> None:
        self._said.setText(tr("The sessions could not be had."))
        show_problem(outcome, tr("The sessions could not be had"), self)

    def _look(self) -> None:
        assert self.form is not None
        choice = self.form.choice
        fault = choice.fault()
        self._fault.setText(fault)
        self._check.look(choice)
        self._restore.setEnabled(not fault and not self.strip.is_running)
        # When the layouts know of what was shown and hidden.
        QTimer.singleShot(0, self._grow)

    def _take_check(self, plan: str, against: str) -> None:
        if self.form is None or self.strip.is_running or self.is_done:
            return
        if plan:
            self.form.tell(plan)
        # It may be right by the time it is begun, so that it stays possible.
        self._fault.setText(against or self.form.choice.fault())
        QTimer.singleShot(0, self._grow)

    def _grow(self) -> None:
        self.resize(self.size().expandedTo(self.sizeHint()))

    # Doing

    def _begin(self) -> None:
        if self.form is None or self.strip.is_running:
            return
        choice = self.form.choice
        if choice.fault():
            self._look()
            return
        self._choice = choice
        self._check.stop()
        self.form.hide()
        self._restore.hide()
        self._fault.setText(
            tr("This window may be closed: the restore goes on.")
        )
        self.strip.show()
        QTimer.singleShot(0, self.adjustSize)
        self.strip.start(choice.words(), tr("Restoring…"))

    def _finish(self, outcome: Outcome) -> None:
        assert self._choice is not None and self.form is not None
        self.strip.hide()
        if outcome.good:
            self._show_result(result_text(self._choice, outcome.reports))
            return
        self._fault.setText(unfinished_text(self._choice, outcome))
        self.form.show()
        self._restore.show()
        self._restore.setEnabled(not self._choice.fault())
        show_problem(outcome, tr("Not restored"), self)

    def _show_result(self, text: str) -> None:
        notices = [shown(each) for each in self.strip.notices]
        self._said.setText("\n\n".join([text, *notices[:20]]))
        self._said.setObjectName("result")
        self._said.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self._title.setText(tr("Restored"))
        self.is_done = True
        self._fault.setText("")
        self._copy.show()
        QTimer.singleShot(0, self.adjustSize)

    def _copy_result(self) -> None:
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(self._said.text())
            self._fault.setText(tr("Copied."))


def unfinished_text(choice: RestoreChoice, outcome: Outcome) -> str:
    """What is there after a restore that was cancelled or failed."""
    begun = (
        tr("Cancelled.") if outcome.cancelled else tr("It was not restored.")
    )
    if choice.way != IN_PLACE:
        return f"{begun} {tr('Nothing of the copy is left.')}"
    if choice.subject.is_qube:
        left = tr(
            "If it had begun, the qube can't start until a restore of it is"
            " whole: do it again."
        )
    elif choice.subject.source.startswith("/"):
        left = tr("The file is as it was.")
    else:
        left = tr("If it had begun, the volume is incomplete: do it again.")
    return f"{begun} {left}"


def _point_of(points: Sequence[Point], session: str) -> Optional[Point]:
    """The newest point of that session, of all where none is named."""
    for each in reversed(points):
        if not session or each.session == session:
            return each
    return None


def _button(name: str, text: str) -> QPushButton:
    button = QPushButton(text)
    button.setObjectName(name)
    button.setAutoDefault(False)
    return button
