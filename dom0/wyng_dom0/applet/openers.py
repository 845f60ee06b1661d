# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Which other window an action of the main window opens.

One window of each kind and subject: a second wish raises the first.
"""

from typing import Callable, Dict, Tuple

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QWidget

from wyng_dom0.applet.charts_window import ChartsWindow
from wyng_dom0.applet.desk import Desk
from wyng_dom0.applet.restore_dialog import RestoreDialog
from wyng_dom0.applet.rows import Row
from wyng_dom0.applet.sessions_window import SessionsWindow
from wyng_dom0.applet.settings_dialog import SettingsDialog
from wyng_dom0.applet.wizard import ArchiveWizard, ExistingArchiveWizard

Subject = Tuple[str, ...]


class Openers:
    """Opens windows for a main window, by the ids of its actions."""

    def __init__(self, desk: Desk, window: QWidget) -> None:
        self._desk, self._window = desk, window
        self._open: Dict[Subject, QWidget] = {}
        self._archive: Dict[str, Callable[[str], QWidget]] = {
            "charts": lambda archive: ChartsWindow(desk, archive, window),
            "settings": lambda archive: SettingsDialog(desk, archive, window),
        }
        self._plain: Dict[str, Callable[[], QWidget]] = {
            "new-archive": lambda: ArchiveWizard(desk, window),
            "open-archive": lambda: ExistingArchiveWizard(desk, window),
        }
        self._rows: Dict[str, Callable[[str, Row], QWidget]] = {
            "sessions": lambda archive, row: SessionsWindow(
                desk, archive, row.main_volume, window
            ),
            "restore": lambda archive, row: RestoreDialog(
                desk, archive, row.main_volume, parent=window
            ),
        }

    def ids(self) -> "set[str]":
        """All actions that open a window."""
        return {*self._archive, *self._plain, *self._rows}

    def open_plain(self, id: str) -> None:
        """Open a window that is about no archive."""
        self._raise((id,), self._plain[id])

    def open_archive(self, id: str, archive: str) -> None:
        """Open a window about an archive."""
        self._raise((id, archive), lambda: self._archive[id](archive))

    def open_row(self, id: str, archive: str, row: Row) -> None:
        """Open a window about a qube or volume of an archive."""
        self._raise(
            (id, archive, row.name), lambda: self._rows[id](archive, row)
        )

    def _raise(self, subject: Subject, make: Callable[[], QWidget]) -> None:
        window = self._open.get(subject)
        if window is None:
            window = self._open[subject] = make()
            window.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            window.destroyed.connect(lambda: self._open.pop(subject, None))
        window.show()
        window.raise_()
        window.activateWindow()
