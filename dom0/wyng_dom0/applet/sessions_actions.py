# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The actions of the sessions' window: words, keys, and when they can be done.

What they do is connected by the window, by their ids.
"""

from dataclasses import dataclass
from typing import Dict, Sequence

from PyQt6.QtGui import QAction, QKeySequence
from PyQt6.QtWidgets import QWidget

from wyng_dom0.applet.icons import glyph
from wyng_dom0.applet.points import ALL, NONE, Point
from wyng_dom0.applet.wording import tip, tr

RESTORE, COMPARE, COMPARE_NOW, VERIFY = "restore compare now verify".split()
PROTECT, UNPROTECT, DELETE = "protect unprotect delete".split()
COPY, REFRESH, MEASURE = "copy refresh measure".split()
LINE = ""
ORDER = (
    *(RESTORE, VERIFY, LINE, COMPARE, COMPARE_NOW, LINE),
    *(PROTECT, UNPROTECT, DELETE, LINE, COPY, MEASURE, REFRESH),
)


@dataclass(frozen=True)
class _Row:
    text: str
    sign: str
    more: str
    keys: str


def _rows() -> Dict[str, _Row]:
    return {
        RESTORE: _Row(
            tr("&Restore…"),
            "restore",
            tr("Restore what is chosen, as a copy unless you say otherwise"),
            "Ctrl+R",
        ),
        VERIFY: _Row(
            tr("&Verify"),
            "verify",
            tr("Read it back now and prove that it is whole"),
            "Ctrl+P",
        ),
        COMPARE: _Row(
            tr("Compare &two"),
            "compare",
            tr("Show what differs between two sessions"),
            "Ctrl+D",
        ),
        COMPARE_NOW: _Row(
            tr("Compare with &now"),
            "compare",
            tr("Show what differs from the volume as it is now"),
            "Ctrl+Shift+D",
        ),
        PROTECT: _Row(
            tr("&Protect"),
            "protect",
            tr("Let no rule remove it"),
            "Ctrl+B",
        ),
        UNPROTECT: _Row(
            tr("&Unprotect"),
            "unprotect",
            tr("Let rules remove it again"),
            "Ctrl+Shift+B",
        ),
        DELETE: _Row(
            tr("&Delete…"),
            "delete",
            tr("Show what would go; then remove it for ever"),
            "Del",
        ),
        COPY: _Row(
            tr("&Copy name"),
            "copy",
            tr("Copy the names of the chosen sessions"),
            "Ctrl+C",
        ),
        MEASURE: _Row(
            tr("&Measure"),
            "charts",
            tr("Find out what each session alone holds; that takes a while"),
            "Ctrl+M",
        ),
        REFRESH: _Row(
            tr("R&efresh"), "refresh", tr("Ask the archive anew"), "F5"
        ),
    }


def make_actions(parent: QWidget) -> Dict[str, QAction]:
    """All actions by their ids, with the keys of a window."""
    made = {}
    for name, row in _rows().items():
        action = QAction(glyph(row.sign), row.text, parent)
        action.setObjectName(f"session-{name}")
        action.setShortcut(QKeySequence(row.keys))
        keys = action.shortcut().toString(
            QKeySequence.SequenceFormat.NativeText
        )
        action.setToolTip(tip(f"{row.more} ({keys})"))
        parent.addAction(action)
        made[name] = action
    return made


def show_possible(
    actions: Dict[str, QAction], chosen: Sequence[Point], busy: bool
) -> None:
    """Enable what can be done with the chosen points."""
    one, some = len(chosen) == 1, bool(chosen)
    possible = {
        RESTORE: one,
        VERIFY: some and not busy,
        COMPARE: len(chosen) == 2,
        COMPARE_NOW: one,
        PROTECT: any(p.pinned != ALL for p in chosen) and not busy,
        UNPROTECT: any(p.pinned != NONE for p in chosen) and not busy,
        DELETE: some and not busy,
        COPY: some,
        MEASURE: not busy,
        REFRESH: True,
    }
    for name, action in actions.items():
        action.setEnabled(possible[name])
