# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The calls that were made and what they said, for a person to look up.

Bounded: the newest calls, and of each the newest objects. Passphrases are in
no call's words, and so in no log.
"""

import json
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Deque, List, Optional

from PyQt6.QtCore import QAbstractListModel, QModelIndex, QObject, Qt

from wyng_dom0.applet.engine import Call, Engine, Object, Outcome
from wyng_dom0.applet.icons import BAD, BUSY, GOOD, MUTED, glyph
from wyng_dom0.applet.problem import AUTHENTICATION
from wyng_dom0.applet.runs import only_differs
from wyng_dom0.applet.wording import shown, tr

CALLS_MAX = 300
SAID_MAX = 200
LINE_MAX = 2000
# They say nothing that anybody looks up, every minute.
_QUIET = (("overview",), ("requests", "list"))
_PASSED_OVER = ("progress", "overall")


@dataclass
class Entry:
    """One call; `code` is None while it goes on."""

    words: "tuple[str, ...]"
    began: datetime
    code: Optional[int] = None
    error: str = ""
    cancelled: bool = False
    ended: Optional[datetime] = None
    said: Deque[str] = field(default_factory=lambda: deque(maxlen=SAID_MAX))

    @property
    def failed(self) -> bool:
        """True when it ended so that somebody should look.

        A call that was ended by the user is none of these, a comparison that
        found a difference neither, nor one that lacked the key: where it is
        wanted the user is asked for it, and the call is made again.
        """
        if not self.code or self.cancelled or self.code == AUTHENTICATION:
            return False
        return not only_differs(self._command(), self.code)

    def _command(self) -> str:
        """The word behind the options, which have their values with them."""
        words = [word for word in self.words if not word.startswith("-")]
        return words[0] if words else ""

    def title(self) -> str:
        """The call in one line."""
        time = self.began.strftime("%H:%M:%S")
        return shown(f"{time}  {' '.join(_plain_words(self))}")

    def text(self) -> str:
        """All that is known of it, as plain text of many lines."""
        lines = [
            "qvm-wyng " + " ".join(self.words),
            tr("Began: {0}").format(self.began.isoformat(" ", "seconds")),
        ]
        if self.ended is None:
            lines.append(tr("It goes on."))
        else:
            lines.append(
                tr("Ended: {0}, code {1}").format(
                    self.ended.isoformat(" ", "seconds"), self.code
                )
            )
        if self.error:
            lines.append(self.error)
        return "\n".join(shown(each) for each in [*lines, "", *self.said])


def _plain_words(entry: Entry) -> "tuple[str, ...]":
    """Without what every call has."""
    ours = ("--json", "--unattended")
    return tuple(word for word in entry.words if word not in ours)


class CallLog(QAbstractListModel):
    """The calls, newest first; `only_failed` hides what went well."""

    def __init__(
        self, engine: Engine, parent: Optional[QObject] = None
    ) -> None:
        super().__init__(parent)
        self._all: Deque[Entry] = deque(maxlen=CALLS_MAX)
        self._shown: List[Entry] = []
        self._only_failed = False
        engine.called.connect(self._begin)

    def entry(self, number: int) -> Entry:
        """A call that is shown."""
        return self._shown[number]

    @property
    def is_busy(self) -> bool:
        """Does any call go on?"""
        return any(each.code is None for each in self._all)

    def show_only_failed(self, on: bool) -> None:
        """Show only what failed, or everything."""
        self._only_failed = on
        self._choose()

    def text(self) -> str:
        """All that is shown, oldest first."""
        return "\n\n".join(each.text() for each in reversed(self._shown))

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:
        """See Qt."""
        return 0 if parent.isValid() else len(self._shown)

    def data(
        self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """See Qt."""
        entry = self._shown[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return entry.title()
        if role == Qt.ItemDataRole.DecorationRole:
            return glyph(*_sign(entry))
        return None

    def _begin(self, call: Call) -> None:
        entry = Entry(call.words, datetime.now())
        self._all.append(entry)
        call.said.connect(lambda said: self._hear(entry, said))
        call.ended.connect(lambda outcome: self._end(entry, outcome))
        self._choose()

    def _hear(self, entry: Entry, said: Object) -> None:
        if said.get("event") in _PASSED_OVER:
            return
        entry.said.append(json.dumps(said)[:LINE_MAX])

    def _end(self, entry: Entry, outcome: Outcome) -> None:
        entry.code, entry.error = outcome.code, outcome.error
        entry.cancelled = outcome.cancelled
        entry.ended = datetime.now()
        if not outcome.code and _plain_words(entry) in _QUIET:
            # Of the questions of every minute those that failed are kept.
            if entry in self._all:
                self._all.remove(entry)
        self._choose()

    def _choose(self) -> None:
        wanted = [
            each
            for each in reversed(self._all)
            if each.failed or not self._only_failed
        ]
        if [id(a) for a in wanted] == [id(b) for b in self._shown]:
            if wanted:
                last = self.index(len(wanted) - 1)
                self.dataChanged.emit(self.index(0), last)
            return
        self.beginResetModel()
        self._shown = wanted
        self.endResetModel()


def _sign(entry: Entry) -> "tuple[str, int]":
    if entry.code is None:
        return "busy", BUSY
    if entry.cancelled or entry.code == AUTHENTICATION:
        return "out", MUTED
    return ("alarm", BAD) if entry.failed else ("ok", GOOD)
