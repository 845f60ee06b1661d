# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Sizes, ages and rates in words, as all windows and the tray say them.

Texts are looked up by gettext, in the files of the domain DOMAIN where the
system keeps them; doc/packaging.md says how they are gathered.
"""

import gettext
import html
from datetime import datetime
from typing import Optional

from PyQt6.QtCore import QLocale

from wyng_dom0.names import one_line

DOMAIN = "qubes-wyng-manager"
_texts: gettext.NullTranslations = gettext.translation(DOMAIN, fallback=True)


def tr(text: str) -> str:
    """A text of this package in the user's language; a constant, so that
    those who translate find it."""
    return _texts.gettext(text)


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
    """The text for a number, `{0}`, in the user's language, which may have
    other forms than two. Both are constants, not translated yet."""
    return _texts.ngettext(one, many, count).format(count)


def rate(bytes_per_second: float) -> str:
    """Bytes in a second."""
    return tr("{0}/s").format(size(int(bytes_per_second)))


def duration(seconds: Optional[float]) -> str:
    """About how long, in its largest unit; a dash where nobody knows."""
    if seconds is None:
        return "–"
    for step, text in (
        (86400, tr("{0} d")),
        (3600, tr("{0} h")),
        (60, tr("{0} min")),
    ):
        if seconds >= step:
            return text.format(int(seconds // step))
    return tr("{0} s").format(int(seconds))


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
