# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What is done with chosen sessions: dialogs opened, calls made in turn."""

from typing import TYPE_CHECKING, Dict, List, Tuple

from PyQt6.QtCore import QObject
from PyQt6.QtGui import QGuiApplication
from PyQt6.QtWidgets import QDialog

from wyng_dom0.applet import command_lines
from wyng_dom0.applet import sessions_actions as ids
from wyng_dom0.applet.call_strip import CallStrip
from wyng_dom0.applet.command_lines import Words
from wyng_dom0.applet.compare_dialog import CompareDialog
from wyng_dom0.applet.delete_dialog import DeleteDialog
from wyng_dom0.applet.engine import Outcome
from wyng_dom0.applet.points import ALL, NONE, Part, Point
from wyng_dom0.applet.problem import show_problem
from wyng_dom0.applet.restore_dialog import RestoreDialog
from wyng_dom0.applet.wording import point, tr

if TYPE_CHECKING:
    from wyng_dom0.applet.sessions_window import SessionsWindow

Job = Tuple[Words, str]


class SessionsDeeds(QObject):
    """Each action's deed, with what is chosen in its window."""

    def __init__(self, window: "SessionsWindow") -> None:
        super().__init__(window)
        self._window = window
        self._subject = window.load.subject
        self._jobs: List[Job] = []
        self._failed = ""
        self.strip = CallStrip(window.desk.engine, self._subject.archive)
        self.strip.hide()
        self.strip.ended.connect(self._next)
        deeds = {
            ids.RESTORE: self.restore,
            ids.COMPARE: self.compare,
            ids.COMPARE_NOW: self.compare_now,
            ids.VERIFY: self.verify,
            ids.PROTECT: lambda: self.protect(True),
            ids.UNPROTECT: lambda: self.protect(False),
            ids.DELETE: self.delete,
            ids.COPY: self.copy_names,
            ids.REFRESH: window.load.begin,
            ids.MEASURE: self.measure,
        }
        for name, deed in deeds.items():
            window.actions_by_id[name].triggered.connect(
                lambda _=False, deed=deed: deed()
            )

    # Dialogs

    def restore(self) -> None:
        """Ask where to, and restore."""
        chosen = self._window.chosen
        if len(chosen) == 1:
            subject = self._window.load.subject
            self._open(
                RestoreDialog(
                    *(self._window.desk, subject.archive, subject.name),
                    session=chosen[0].session,
                    parent=self._window,
                )
            )

    def compare(self) -> None:
        """Show what differs between the two chosen."""
        points = self._window.points()
        meant = {id(each) for each in self._window.chosen}
        chosen = [each for each in points if id(each) in meant]
        if len(chosen) == 2:
            self._compare(chosen[0], chosen[1])

    def compare_now(self) -> None:
        """Show what differs from the volume as it is now."""
        chosen = self._window.chosen
        if len(chosen) == 1:
            self._compare(chosen[0], None)

    def _compare(self, older: Point, newer: "Point | None") -> None:
        window = self._window
        self._open(
            CompareDialog(
                *(window.desk, window.load.subject, window.points()),
                *(older, newer, window),
            )
        )

    def delete(self) -> None:
        """Show what would go, and remove it when the name was typed."""
        window = self._window
        chosen = window.chosen
        if not chosen:
            return
        parts: Dict[str, List[Part]] = window.load.parts
        subject = window.load.subject
        dialog = DeleteDialog(window.desk, subject, parts, chosen, window)
        dialog.deleted.connect(window.load.begin)
        self._open(dialog)

    def _open(self, dialog: QDialog) -> None:
        dialog.open()

    # Calls

    def verify(self) -> None:
        """Read each chosen session back."""
        archive = self._subject.archive
        self._do(
            [
                (
                    command_lines.verify_all(archive, p.session, p.volumes),
                    tr("Verifying the session of {0}…").format(point(p.time)),
                )
                for p in self._window.chosen
            ],
            tr("Not proven"),
        )

    def protect(self, on: bool) -> None:
        """Pin what is chosen, or unpin it."""
        archive, done = self._subject.archive, ALL if on else NONE
        self._do(
            [
                (
                    command_lines.protect(
                        archive, each.session, each.volumes, on=on
                    ),
                    tr("Protecting…") if on else tr("Unprotecting…"),
                )
                for each in self._window.chosen
                if each.pinned != done
            ],
            tr("Not protected") if on else tr("Not unprotected"),
        )

    def copy_names(self) -> None:
        """Put the names of what is chosen into the clipboard."""
        names = [each.session for each in self._window.chosen]
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None and names:
            clipboard.setText("\n".join(names))
            self._window.say(tr("Copied {0} name(s)").format(len(names)))

    def measure(self) -> None:
        """Find out what each session alone holds."""
        self._window.say(tr("Measuring what each session alone holds…"))
        self._window.load.measure()

    def _do(self, jobs: List[Job], failed: str) -> None:
        if not jobs or self.strip.is_running:
            return
        self._jobs, self._failed = jobs, failed
        self.strip.show()
        self._start()

    def _start(self) -> None:
        self.strip.start(*self._jobs.pop(0))
        self._window.show_possible()

    def _next(self, outcome: Outcome) -> None:
        if not outcome.good:
            self._jobs = []
            show_problem(outcome, self._failed, self._window)
        if self._jobs:
            self._start()
            return
        self.strip.hide()
        self._window.show_possible()
        self._window.load.begin()
