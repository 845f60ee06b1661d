# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""How often backups run by themselves, and whether on battery."""

from typing import Dict

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from wyng_dom0.applet.inputs import line_edit
from wyng_dom0.applet.plain_text import plain_label
from wyng_dom0.applet.wording import tr

HOURLY, DAILY, WEEKLY, OFF = "hourly", "daily", "weekly", "off"
EVERY = (HOURLY, DAILY, WEEKLY, OFF)
OTHER = "other"


class ScheduleFields(QWidget):
    """One of EVERY, and the battery."""

    changed = pyqtSignal()

    def __init__(self, *, other: bool = False) -> None:
        """With `other` any calendar of systemd's can be typed, too."""
        super().__init__()
        texts = {
            HOURLY: tr("Every &hour"),
            DAILY: tr("Every &day"),
            WEEKLY: tr("Every &week"),
            OFF: tr("&Never by itself"),
        }
        self._radios: Dict[str, QRadioButton] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for every in EVERY:
            radio = QRadioButton(texts[every])
            radio.setObjectName(f"every-{every}")
            radio.toggled.connect(self._say)
            self._radios[every] = radio
            layout.addWidget(radio)
        self._other = line_edit(
            "other-calendar", tr("Calendar"), tr("as Mon..Fri 18:00")
        )
        self._other.textChanged.connect(self._say)
        if other:
            self._add_other(layout)
        self._battery = QCheckBox(tr("On &battery, too"))
        self._battery.setObjectName("on-battery")
        self._battery.toggled.connect(self._say)
        self._note = plain_label(name="schedule-note")
        layout.addSpacing(self.fontMetrics().height() // 2)
        layout.addWidget(self._battery)
        layout.addSpacing(self.fontMetrics().height() // 2)
        layout.addWidget(self._note)
        self._radios[DAILY].setChecked(True)

    @property
    def every(self) -> str:
        """One of EVERY, or a calendar of systemd's."""
        found = next(e for e, r in self._radios.items() if r.isChecked())
        return self._other.text().strip() if found == OTHER else found

    @property
    def on_battery(self) -> bool:
        """Whether it runs without mains, too."""
        return self._battery.isChecked()

    def show_schedule(self, every: str, on_battery: bool) -> None:
        """What is set now."""
        if every not in EVERY and OTHER in self._radios:
            self._other.setText(every)
            every = OTHER
        self._radios.get(every, self._radios[OFF]).setChecked(True)
        self._battery.setChecked(on_battery)

    def _add_other(self, layout: QVBoxLayout) -> None:
        radio = QRadioButton(tr("&At other times:"))
        radio.setObjectName("every-other")
        radio.toggled.connect(self._say)
        self._radios[OTHER] = radio
        row = QHBoxLayout()
        row.addWidget(radio)
        row.addWidget(self._other, 1)
        layout.addLayout(row)

    def _say(self) -> None:
        other = self._radios.get(OTHER)
        self._other.setEnabled(other is not None and other.isChecked())
        off = self._radios[OFF].isChecked()
        self._battery.setEnabled(not off)
        self._note.setText(
            tr("Backups are made when you start them.")
            if off
            else tr(
                "What was missed while the machine was off is made up for."
                " The key is kept on this machine, where only root can read"
                " it: a timer can't type a passphrase."
            )
        )
        self.changed.emit()
