# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Sizes, ages and rates in words, as all windows and the tray say them.

Pure; texts go through Qt's translation.
"""

import html
from datetime import datetime
from typing import Optional

from PyQt6.QtCore import QCoreApplication, QLocale

from wyng_dom0.names import one_line

_STEPS = ((86400, "d"), (3600, "h"), (60, "min"))


def tr(text: str) -> str:
    """A text of this package in the user's language."""
    return QCoreApplication.translate("wyng", text)


def shown(untrusted_text: str, most: int = 1000) -> str:
    """A name or sentence on one line, with no control or bidi characters.

    What is longer than `most` is cut in the middle.
    """
    text = one_line(untrusted_text)
    if len(text) <= most:
        return text
    half = (most - 1) // 2
    return f"{text[:half]}…{text[-half:]}"


def tip(untrusted_text: str) -> str:
    """The same for a tooltip, which Qt may take for rich text."""
    lines = untrusted_text.split("\n")
    text = "<br>".join(html.escape(one_line(line)) for line in lines)
    # Left to guess, Qt would show the escapes of a text without a tag.
    return f"<qt>{text}</qt>"


def size(count: Optional[int]) -> str:
    """Bytes as people read them; a dash where nobody knows."""
    if count is None:
        return "–"
    return QLocale().formattedDataSize(count, 1)


def percent(part: float) -> str:
    """A part of 1 in whole percent, rounded down: 100 is all of it."""
    return tr("{0} %").format(int(part * 100))


def counted(count: int, one: str, many: str) -> str:
    """One of two texts that were translated; `{0}` is the number."""
    return one if count == 1 else many.format(count)


def rate(bytes_per_second: float) -> str:
    """Bytes in a second."""
    return tr("{0}/s").format(size(int(bytes_per_second)))


def duration(seconds: Optional[float]) -> str:
    """About how long, in its largest unit; a dash where nobody knows."""
    if seconds is None:
        return "–"
    for step, unit in _STEPS:
        if seconds >= step:
            return f"{int(seconds // step)} {tr(unit)}"
    return f"{int(seconds)} {tr('s')}"


def age(moment: Optional[datetime], now: datetime) -> str:
    """How long ago; "never" for none, and a clock set back is "just now"."""
    if moment is None:
        return tr("never")
    seconds = (now - moment).total_seconds()
    if seconds < 60:
        return tr("just now")
    return tr("{0} ago").format(duration(seconds))


def until(moment: Optional[datetime], now: datetime) -> str:
    """How long until then; a dash for none."""
    if moment is None:
        return "–"
    seconds = (moment - now).total_seconds()
    return tr("in {0}").format(duration(seconds)) if seconds > 0 else tr("now")


def point(moment: Optional[datetime]) -> str:
    """A moment to the minute, in the user's own time zone."""
    if moment is None:
        return "–"
    return moment.astimezone().strftime("%Y-%m-%d %H:%M")
