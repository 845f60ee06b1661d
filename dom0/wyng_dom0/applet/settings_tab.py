# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What every tab of the settings is: one archive, one call at a time."""

from typing import Callable, Sequence

from PyQt6.QtWidgets import QWidget

from wyng_dom0.applet.asking import Asking
from wyng_dom0.applet.copy_details import SaidLine
from wyng_dom0.applet.desk import Desk
from wyng_dom0.applet.engine import Object, Outcome
from wyng_dom0.applet.problem import show_problem
from wyng_dom0.applet.unlocking import keyed_call
from wyng_dom0.applet.wording import shown, tr


class SettingsTab(QWidget):
    """`title` is the tab's. Subclasses load in `show_archive`."""

    title = ""

    def __init__(self, desk: Desk, name: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.desk = desk
        self.archive = ""
        self._busy = False
        self.said = SaidLine(f"{name}-said")

    @property
    def is_busy(self) -> bool:
        """True while a change is under way."""
        return self._busy

    def show_status(self, status: Object) -> None:
        """What the engine says of all archives."""

    def show_archive(self, archive: str) -> None:
        """Show what is set for this one; loads it."""
        self.archive = archive

    def enable(self) -> None:
        """Called when `is_busy` has changed."""

    def ask(
        self, words: Sequence[str], then: Callable[[Outcome], None]
    ) -> None:
        """A call that needs no key; `then` only for the archive it was of."""
        archive = self.archive

        def take(outcome: Outcome) -> None:
            if archive == self.archive:
                then(outcome)

        Asking(self.desk.engine, words, self, take)

    def change(
        self,
        words: Sequence[str],
        what: str,
        then: Callable[[Outcome], None],
        *,
        done: str = "",
        holds: bool = True,
    ) -> None:
        """One change. A failure is shown as `what`; `then` comes always."""
        if self._busy:
            return
        self.begin()

        def take(outcome: Outcome) -> None:
            self.finish(outcome, what, done)
            then(outcome)

        engine, archive = self.desk.engine, self.archive
        keyed_call(engine, archive, words, self, take, holds=holds)

    def begin(self) -> None:
        """A change is under way."""
        self._busy = True
        self.said.setText(tr("Changing…"))
        self.enable()

    def finish(self, outcome: Outcome, what: str, done: str) -> None:
        """It is over; say how it went."""
        self._busy = False
        self.said.setText(done if outcome.good else "")
        if not outcome.good:
            self.said.setText(
                tr("⚠  Nothing was changed: {0}").format(shown(outcome.error))
            )
            show_problem(outcome, what, self)
        self.enable()
        self.desk.refresh_soon()
