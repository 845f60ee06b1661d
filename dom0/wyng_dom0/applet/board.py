# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the main window and the tray show, made of the desk's reports.

Owns which archive is looked at. Asks nothing of the engine itself.
"""

from dataclasses import replace
from datetime import datetime, timezone
from typing import List, Optional

from PyQt6.QtCore import QObject, QTimer, pyqtSignal

from wyng_dom0.applet import overview
from wyng_dom0.applet.desk import Desk
from wyng_dom0.applet.engine import Outcome
from wyng_dom0.applet.headline import Headline, cannot_tell, headline
from wyng_dom0.applet.reading import texts_of
from wyng_dom0.applet.rows import ArchiveFacts, Row, archives_of, with_runs
from wyng_dom0.applet.wording import shown

_PROBLEMS_SHOWN = 3
# Runs speak ten times a second; eyes read less.
_SETTLE_MILLISECONDS = 250
# Ages grow without anything being said.
_AGE_MILLISECONDS = 30_000

LOOKING, EMPTY, READY, TROUBLE = range(4)


class Board(QObject):
    """The archives, the one that is looked at, its rows and its headline.

    `changed` says that any of it may be another.
    """

    changed = pyqtSignal()

    def __init__(self, desk: Desk, parent: Optional[QObject] = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._chosen = ""
        self._trouble: Optional[Outcome] = None
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_SETTLE_MILLISECONDS)
        self._soon.timeout.connect(self.changed)
        self._aging = QTimer(self)
        self._aging.setInterval(_AGE_MILLISECONDS)
        self._aging.timeout.connect(self.changed)
        self._aging.start()
        desk.status_changed.connect(self.changed)
        desk.runs_changed.connect(self._settle)
        desk.trouble.connect(self._take_trouble)

    @property
    def state(self) -> int:
        """LOOKING before the first report, EMPTY with no archive, READY; or
        TROUBLE when there never was a report."""
        if self._desk.status:
            return READY if self.archives else EMPTY
        return TROUBLE if self._trouble else LOOKING

    @property
    def archives(self) -> List[ArchiveFacts]:
        """All archives known here."""
        return archives_of(self._desk.status)

    @property
    def archive(self) -> ArchiveFacts:
        """The one that is looked at, at first the default one; one without a
        name if there is none."""
        known = self.archives
        for each in known:
            if each.name == self._chosen:
                return each
        default = [each for each in known if each.is_default]
        return [*default, *known, ArchiveFacts("")][0]

    @property
    def rows(self) -> List[Row]:
        """The rows of that archive, as they stand with the runs of now."""
        return self.rows_of(self.archive)

    def rows_of(self, archive: ArchiveFacts) -> List[Row]:
        """The rows of any archive."""
        found = self.resting_rows_of(archive)
        return with_runs(found, archive.name, self._desk.live_runs())

    def resting_rows_of(self, archive: ArchiveFacts) -> List[Row]:
        """The same as if nothing ran."""
        return overview.rows_in(self._desk.status, archive)

    def headline(self, now: Optional[datetime] = None) -> Headline:
        """The sentence about the archive that is looked at."""
        return self.headline_of(self.archive, now)

    def headline_of(
        self, archive: ArchiveFacts, now: Optional[datetime] = None
    ) -> Headline:
        """The sentence about any archive."""
        moment = now or datetime.now(timezone.utc)
        rows = self.rows_of(archive)
        said = headline(archive, rows, self._desk.live_runs(), moment)
        if self._trouble is None:
            more = [said.more, *self.problems[:_PROBLEMS_SHOWN]]
            return replace(said, more="\n".join(t for t in more if t))
        old = cannot_tell(self._trouble.error)
        return replace(old, more=f"{old.more}\n{said.text}")

    def resting_headline_of(self, archive: ArchiveFacts) -> Headline:
        """The sentence about any archive as if nothing ran."""
        rows = self.resting_rows_of(archive)
        return headline(archive, rows, [], datetime.now(timezone.utc))

    @property
    def problems(self) -> List[str]:
        """What of the last report could not be told, and why."""
        found = texts_of(self._desk.status, "problems")
        return [shown(each) for each in found]

    @property
    def trouble(self) -> str:
        """Why the last report could not be had; "" where it was."""
        return self._trouble.error if self._trouble else ""

    def choose(self, name: str) -> None:
        """Look at another archive."""
        if name != self._chosen:
            self._chosen = name
            self.changed.emit()

    def _settle(self) -> None:
        if not self._soon.isActive():
            self._soon.start()

    def _take_trouble(self, outcome: Outcome) -> None:
        before, self._trouble = self._trouble, outcome
        if outcome.good:
            self._trouble = None
        if self._trouble or before:
            self.changed.emit()
