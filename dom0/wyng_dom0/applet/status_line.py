# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The status bar: what was just asked for; the archive, its room, its next
run."""

from datetime import datetime

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QLabel, QStatusBar, QWidget

from wyng_dom0.applet.rows import ArchiveFacts
from wyng_dom0.applet.wording import age, point, shown, size, tip, tr, until

_TOLD_MILLISECONDS = 15_000


class StatusLine(QStatusBar):
    """The bar below the table."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("status")
        self._archive = self._field("status-archive", tr("Archive"))
        self._space = self._field("status-space", tr("Free space"))
        self._next = self._field("status-next", tr("Next run"))

    def tell(self, said: str) -> None:
        """Say something for a while; "" takes it away."""
        if said:
            self.showMessage(said, _TOLD_MILLISECONDS)
        else:
            self.clearMessage()

    def show_archive(self, facts: ArchiveFacts, now: datetime) -> None:
        """Show what is known of this archive."""
        for field in (self._archive, self._space, self._next):
            field.setVisible(bool(facts.name))
        self._archive.setText(
            tr("Archive: {0}").format(shown(facts.name)),
        )
        self._archive.setToolTip(tip(facts.destination))
        if facts.free is None:
            self._space.setText(tr("Free space: not known yet"))
            self._space.setToolTip("")
        else:
            self._space.setText(
                tr("Free: {0}; archive: {1}").format(
                    size(facts.free), size(facts.used)
                )
            )
            self._space.setToolTip(
                tip(tr("As seen {0}").format(age(facts.space_seen, now)))
            )
        if facts.next_run is None:
            self._next.setText(tr("No schedule"))
            self._next.setToolTip("")
        else:
            said = tr("Next run: {0}").format(until(facts.next_run, now))
            self._next.setText(said)
            self._next.setToolTip(tip(point(facts.next_run)))

    def _field(self, name: str, accessible: str) -> QLabel:
        label = QLabel()
        label.setObjectName(name)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setAccessibleName(accessible)
        self.addPermanentWidget(label)
        return label
