# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The actions of the main window, and the menus and toolbar made of them.

Owns their words, keys and signs. What they do is connected elsewhere, by
their ids.
"""

from dataclasses import dataclass
from typing import Dict, Iterable, List, Sequence

from PyQt6.QtGui import QAction, QKeySequence
from PyQt6.QtWidgets import QMainWindow, QMenu, QToolBar

from wyng_dom0.applet.icons import glyph
from wyng_dom0.applet.wording import tip, tr

LINE = "-"


@dataclass(frozen=True)
class Deed:
    """One action; `rows` says whether it is about ONE row, or SOME, or none."""

    id: str
    text: str
    sign: str
    more: str
    keys: str = ""
    rows: str = ""


ONE, SOME = "one", "some"


def deeds() -> Sequence[Deed]:
    """All actions."""
    return (*_archive_deeds(), *_row_deeds(), *_other_deeds())


def _archive_deeds() -> Sequence[Deed]:
    return (
        Deed(
            "backup-all",
            tr("&Back up everything now"),
            "backup",
            tr("Back up all that is included"),
            "Ctrl+Shift+B",
        ),
        Deed(
            "check",
            tr("&Check the archive"),
            "check",
            tr("See that all of the archive is there and whole"),
        ),
        Deed(
            "charts",
            tr("C&harts…"),
            "charts",
            tr("Sizes over time"),
            "Ctrl+G",
        ),
        Deed(
            "settings",
            tr("&Settings…"),
            "settings",
            tr("Schedule, what is kept, keys and limits"),
            "Ctrl+,",
        ),
        Deed(
            "new-archive",
            tr("&Make an archive…"),
            "new",
            tr("Choose a place and a passphrase for backups"),
            "Ctrl+N",
        ),
        Deed(
            "open-archive",
            tr("&Open an archive…"),
            "open",
            tr("Go on with an archive made earlier or elsewhere"),
            "Ctrl+O",
        ),
        Deed("quit", tr("&Quit"), "quit", tr("End this program"), "Ctrl+Q"),
    )


def _row_deeds() -> Sequence[Deed]:
    return (
        Deed(
            "backup",
            tr("&Back up now"),
            "backup",
            tr("Back up what is selected"),
            "Ctrl+B",
            SOME,
        ),
        Deed(
            "sessions",
            tr("&Earlier versions…"),
            "sessions",
            tr("Look at the sessions of one, and restore from them"),
            "Ctrl+E",
            ONE,
        ),
        Deed(
            "restore",
            tr("&Restore…"),
            "restore",
            tr("Restore the newest session"),
            "Ctrl+R",
            ONE,
        ),
        Deed(
            "include",
            tr("&Include"),
            "include",
            tr("Have it in every backup of everything"),
            "",
            SOME,
        ),
        Deed(
            "exclude",
            tr("E&xclude"),
            "exclude",
            tr("Leave it out of backups of everything"),
            "",
            SOME,
        ),
        Deed(
            "protect",
            tr("&Protect the newest session"),
            "protect",
            tr("Keep it whatever the rules say"),
            "",
            SOME,
        ),
        Deed(
            "verify",
            tr("&Verify the newest session"),
            "verify",
            tr("Read it back and see that it is whole"),
            "",
            SOME,
        ),
    )


def _other_deeds() -> Sequence[Deed]:
    return (
        Deed(
            "refresh",
            tr("Re&fresh"),
            "refresh",
            tr("Ask again how all stands"),
            "F5",
        ),
        Deed(
            "filter",
            tr("F&ind"),
            "verify",
            tr("Show what has some words in its name or state"),
            "Ctrl+F",
        ),
        Deed("about", tr("&About"), "about", tr("What this program is")),
    )


ARCHIVE_MENU = (
    "backup-all",
    "check",
    "charts",
    "settings",
    LINE,
    "new-archive",
    "open-archive",
    LINE,
    "quit",
)
ROW_MENU = (
    "backup",
    LINE,
    "sessions",
    "restore",
    LINE,
    "include",
    "exclude",
    LINE,
    "protect",
    "verify",
)
VIEW_MENU = ("refresh", "filter")
HELP_MENU = ("about",)
TOOLBAR = (
    "backup-all",
    "backup",
    LINE,
    "sessions",
    "restore",
    "verify",
    LINE,
    "charts",
    "settings",
    LINE,
    "refresh",
)


class Actions:
    """The actions of a window by their ids."""

    def __init__(self, window: QMainWindow) -> None:
        self._deeds = {each.id: each for each in deeds()}
        self._made: Dict[str, QAction] = {
            each.id: _made(each, window) for each in self._deeds.values()
        }
        window.addActions(list(self._made.values()))
        short = {
            "backup-all": tr("Back up all"),
            "backup": tr("Back up selected"),
            "sessions": tr("Earlier versions"),
            "restore": tr("Restore"),
            "verify": tr("Verify"),
        }
        for id, text in short.items():
            self._made[id].setIconText(text)

    def __getitem__(self, id: str) -> QAction:
        return self._made[id]

    def fill(self, menu: "QMenu | QToolBar", ids: Iterable[str]) -> None:
        """Put these into a menu or toolbar, LINE between groups."""
        for id in ids:
            if id == LINE:
                menu.addSeparator()
            else:
                menu.addAction(self._made[id])

    def enable_rows(self, count: int) -> None:
        """Enable what takes so many selected rows."""
        for id, deed in self._deeds.items():
            if deed.rows:
                enough = count == 1 if deed.rows == ONE else count > 0
                self._made[id].setEnabled(enough)

    def repaint(self) -> None:
        """Signs in the colours of the palette as it is now."""
        for id, deed in self._deeds.items():
            self._made[id].setIcon(glyph(deed.sign))

    def ids(self) -> List[str]:
        """All ids."""
        return list(self._made)


def _made(deed: Deed, window: QMainWindow) -> QAction:
    action = QAction(glyph(deed.sign), deed.text, window)
    action.setObjectName(deed.id)
    keys = QKeySequence(deed.keys)
    said = deed.more
    if deed.keys:
        action.setShortcut(keys)
        shown = keys.toString(QKeySequence.SequenceFormat.NativeText)
        said = tr("{0} ({1})").format(deed.more, shown)
    action.setToolTip(tip(said))
    action.setStatusTip(deed.more)
    return action
