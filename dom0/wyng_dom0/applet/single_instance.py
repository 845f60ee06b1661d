# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""One program for each user and state: a second start raises the first.

A socket in the user's runtime folder, which only the user can reach; a lock
file beside it says whose it is, and ends with its process.
"""

import hashlib
import os
import stat
from pathlib import Path
from typing import Optional

from PyQt6.QtCore import QLockFile, QObject, QThread, pyqtSignal
from PyQt6.QtNetwork import QLocalServer, QLocalSocket

_TRIES, _TRY_MILLISECONDS = 30, 100


class SingleInstance(QObject):
    """Holds the place of the one program; `raised` when another started."""

    raised = pyqtSignal()

    def __init__(
        self, folder: Path, state: Optional[str], parent: Optional[QObject]
    ) -> None:
        """`state` is --meta-dir; raises OSError."""
        super().__init__(parent)
        make_private(folder)
        mark = hashlib.sha256((state or "").encode("utf-8")).hexdigest()[:12]
        self._path = folder / mark
        self._lock = QLockFile(f"{self._path}.lock")
        # Only a dead process's lock is broken, never an old one.
        self._lock.setStaleLockTime(0)
        self._server = QLocalServer(self)
        self._server.setSocketOptions(
            QLocalServer.SocketOption.UserAccessOption
        )
        self._server.newConnection.connect(self._greet)

    def begin(self) -> bool:
        """Be the one; False when there is one already."""
        if not self._lock.tryLock(0):
            return False
        # Left by a process that was killed: the lock says so.
        QLocalServer.removeServer(str(self._path))
        return self._server.listen(str(self._path))

    def raise_other(self) -> bool:
        """Have the other one show itself; False when it does not answer.

        Waits some seconds: this program has no window that stands still.
        """
        for _ in range(_TRIES):
            caller = QLocalSocket()
            caller.connectToServer(str(self._path))
            if caller.waitForConnected(_TRY_MILLISECONDS):
                return True
            # It may have begun a moment ago.
            QThread.msleep(_TRY_MILLISECONDS)
        return False

    def close(self) -> None:
        """Let another be the one."""
        self._server.close()
        self._lock.unlock()

    def _greet(self) -> None:
        """Whoever comes means the same; what it says is not read."""
        while True:
            caller = self._server.nextPendingConnection()
            if caller is None:
                return
            caller.disconnected.connect(caller.deleteLater)
            caller.disconnectFromServer()
            self.raised.emit()


def make_private(folder: Path) -> None:
    """Make a folder that only this user reaches; raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = os.lstat(folder)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise PermissionError(f"{folder} belongs to somebody else")
    if stat.S_IMODE(found.st_mode) & 0o077:
        folder.chmod(0o700)
