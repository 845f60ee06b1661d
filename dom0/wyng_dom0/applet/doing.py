# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the main window's actions start: calls of the engine.

Each says at once that it was asked for, and tells of its end: a run by its
card, all else in the status bar, a failure in a box.
"""

from typing import Sequence

from PyQt6.QtCore import QObject, QTimer, pyqtSignal
from PyQt6.QtWidgets import QWidget

from wyng_dom0.applet import command_lines
from wyng_dom0.applet.command_lines import Words
from wyng_dom0.applet.desk import Desk
from wyng_dom0.applet.engine import Object, Outcome
from wyng_dom0.applet.problem import show_problem
from wyng_dom0.applet.reading import text_of
from wyng_dom0.applet.rows import Row
from wyng_dom0.applet.unlocking import keyed_call
from wyng_dom0.applet.wording import counted, shown, tr

_LATE_MILLISECONDS = 3000


class Doing(QObject):
    """Starts things for a window; `told` is a sentence about them."""

    told = pyqtSignal(str)

    def __init__(self, desk: Desk, window: QWidget) -> None:
        super().__init__(window)
        self._desk = desk
        self._window = window

    def back_up(self, archive: str, names: Sequence[str] = ()) -> None:
        """Back up these, or all that is included."""
        if names:
            said = tr("Starting a backup of {0}…").format(_some(names))
        else:
            said = tr("Starting a backup of everything…")
        words = command_lines.send(archive, names)
        self._start(archive, words, said, tr("The backup failed"), "")

    def verify(self, archive: str, rows: Sequence[Row]) -> None:
        """Read the newest sessions of these back."""
        said = tr("Starting to verify {0}…").format(_names(rows))
        words = command_lines.verify_all(archive, "newest", _volumes(rows))
        self._start(archive, words, said, tr("The verification failed"), "")

    def look(self, archive: str) -> None:
        """Open the archive, so that what it has is known here."""
        self._start(
            archive,
            command_lines.list_volumes(archive),
            tr("Opening the archive {0}…").format(shown(archive)),
            tr("The archive could not be opened"),
            tr("What the archive {0} has is known now.").format(shown(archive)),
        )

    def check(self, archive: str) -> None:
        """See that all of the archive is there."""
        self._start(
            archive,
            command_lines.check_archive(archive),
            tr("Starting to check the archive {0}…").format(shown(archive)),
            tr("The check of the archive found a problem"),
            tr("The archive {0} is all there.").format(shown(archive)),
        )

    def protect(self, archive: str, rows: Sequence[Row]) -> None:
        """Keep the newest sessions of these whatever the rules say."""
        self._start(
            archive,
            command_lines.protect(archive, "newest", _volumes(rows), on=True),
            tr("Protecting {0}…").format(_names(rows)),
            tr("It could not be protected"),
            tr("The newest session of {0} is protected.").format(_names(rows)),
        )

    def include(self, archive: str, rows: Sequence[Row], on: bool) -> None:
        """Have these in backups of everything, or leave them out."""
        names = [row.name for row in rows]
        if on:
            done = tr("Included from now on: {0}.").format(_names(rows))
        else:
            done = tr("Left out from now on: {0}.").format(_names(rows))
        self._start(
            archive,
            command_lines.include(archive, names, on=on),
            tr("Noting the choice…"),
            tr("The choice could not be noted"),
            done,
        )

    def _start(
        self, archive: str, words: Words, said: str, failed: str, done: str
    ) -> None:
        self.told.emit(said)
        ending = _Ending(self, failed, done)
        # By functions that hold it: a signal holds no object by its method.
        call = keyed_call(
            self._desk.engine,
            archive,
            words,
            self._window,
            lambda outcome: ending.take(outcome),
        )
        call.said.connect(lambda said: ending.hear(said))

    def finish(
        self, outcome: Outcome, failed: str, done: str, run: str
    ) -> None:
        """Tell how a call ended; what was a run has a card that tells it."""
        self._desk.refresh_soon()
        self.told.emit(done if outcome.good else "")
        if outcome.good or outcome.cancelled:
            return
        if not run:
            show_problem(outcome, failed, self._window)
        elif run not in self._desk.runs:
            # It may have been over before anybody listened to it.
            late = QTimer(self)  # which goes with the window
            late.setSingleShot(True)
            late.timeout.connect(
                lambda: self._tell_unseen(outcome, failed, run)
            )
            late.timeout.connect(late.deleteLater)
            late.start(_LATE_MILLISECONDS)

    def _tell_unseen(self, outcome: Outcome, failed: str, run: str) -> None:
        if run not in self._desk.runs:
            show_problem(outcome, failed, self._window)


class _Ending:
    """Knows whether a call became a run, which tells of itself."""

    def __init__(self, doing: Doing, failed: str, done: str) -> None:
        self._doing, self._failed, self._done = doing, failed, done
        self._run = ""

    def hear(self, said: Object) -> None:
        if said.get("event") == "run-started":
            self._run = text_of(said, "run")

    def take(self, outcome: Outcome) -> None:
        self._doing.finish(outcome, self._failed, self._done, self._run)


def _volumes(rows: Sequence[Row]) -> "list[str]":
    return [name for row in rows for name in row.volumes]


def _names(rows: Sequence[Row]) -> str:
    return _some([row.name for row in rows])


def _some(names: Sequence[str]) -> str:
    if len(names) == 1:
        return shown(names[0])
    return counted(len(names), "{0} item", "{0} items")
