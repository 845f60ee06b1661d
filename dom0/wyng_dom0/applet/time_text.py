# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What stands at the marks of a time axis, in the user's language."""

from datetime import datetime

from PyQt6.QtCore import QDate, QLocale

from wyng_dom0.applet.wording import tr


def tick_text(unit: str, moment: datetime) -> str:
    """A mark of an axis of this unit; the day is told at midnight."""
    locale = QLocale()
    day = QDate(moment.year, moment.month, moment.day)
    if unit == "year":
        return str(moment.year)
    if unit == "month":
        return locale.toString(day, tr("MMM yyyy"))
    if unit == "day" or (moment.hour, moment.minute) == (0, 0):
        return locale.toString(day, tr("d MMM"))
    return f"{moment.hour:02}:{moment.minute:02}"
