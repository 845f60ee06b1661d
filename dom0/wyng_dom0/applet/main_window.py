# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The main window."""

from PyQt6.QtWidgets import QMainWindow

from wyng_dom0.applet.desk import Desk
from wyng_dom0.applet.wording import tr


class MainWindow(QMainWindow):
    """What is backed up, since when, and what must be done."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.setWindowTitle(tr("Backups"))
        self._desk = desk
