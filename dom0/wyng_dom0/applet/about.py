# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What this program is."""

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QMessageBox, QWidget

from wyng_common import __version__
from wyng_dom0.applet.icons import app_icon
from wyng_dom0.applet.wording import tr


class AboutBox(QMessageBox):
    """Name, version, licence, where to read more; opened, not waited for."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("about-box")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWindowTitle(tr("About"))
        self.setIconPixmap(app_icon().pixmap(64))
        self.setText(tr("Qubes Wyng Manager {0}").format(__version__))
        self.setInformativeText(
            tr(
                "Shows and steers the backups that qvm-wyng makes.\n\n"
                "Read more: man qubes-wyng-manager, man qvm-wyng.\n\n"
                "Free software under the GNU General Public License,"
                " version 2 or later."
            )
        )
        self.setStandardButtons(QMessageBox.StandardButton.Close)
