# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Looks at what lies at a path, beside the window.

A mount that hangs would hold the window at each letter that is typed; here
it holds a thread of its own, and nothing is known of the path.
"""

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread
from typing import Optional

from PyQt6.QtCore import QObject, QTimer, pyqtSignal, pyqtSlot

_SETTLE_MILLISECONDS = 200


@dataclass(frozen=True)
class PathFacts:
    """`is_taken`: something is there; `free` bytes in its folder, None where
    there is no such folder."""

    path: str
    is_taken: bool = False
    free: Optional[int] = None


def look_at(path: str) -> PathFacts:
    """What is there now; a path that is not absolute is nowhere."""
    folder = os.path.dirname(path)
    free = None
    if not folder.startswith("/"):
        return PathFacts(path)
    with suppress(OSError, ValueError):
        free = shutil.disk_usage(folder).free
    try:
        return PathFacts(path, os.path.lexists(path), free)
    except ValueError:
        return PathFacts(path)


class _Answer(QObject):
    """Outlives whoever asked: a thread that hangs may still tell it."""

    come = pyqtSignal(object)


class PathLook(QObject):
    """`seen` comes when the path that was asked for last was looked at."""

    seen = pyqtSignal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._wanted = ""
        self._facts = PathFacts("")
        self._answer: Optional[_Answer] = None
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_SETTLE_MILLISECONDS)
        self._soon.timeout.connect(self._begin)

    def look(self, path: str) -> PathFacts:
        """What is known of this path; `seen` comes when more is."""
        if path != self._wanted:
            self._wanted = path
            self._soon.start()
        return self._facts if self._facts.path == path else PathFacts(path)

    def _begin(self) -> None:
        if self._answer is not None:
            # One at a time: where that one hangs, more would.
            return
        answer, path = _Answer(), self._wanted
        answer.come.connect(self._take)
        self._answer = answer
        # Ends with the program, also where it hangs.
        Thread(
            target=lambda: answer.come.emit(look_at(path)), daemon=True
        ).start()

    @pyqtSlot(object)
    def _take(self, facts: PathFacts) -> None:
        self._answer = None
        if facts.path != self._wanted:
            self._soon.start()
            return
        self._facts = facts
        self.seen.emit()
