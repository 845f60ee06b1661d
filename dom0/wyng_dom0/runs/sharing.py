# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Sharing a run with those who join it: a socket and a thread.

A joiner is told how the run stands and then all it tells, one JSON object a
line; it may write `pause`, `resume` or `cancel`, a line each. The run never
waits for a joiner: what one does not read is kept up to a bound, progress is
dropped first, and whoever is behind by more than that is let go of.
"""

import json
import os
import selectors
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from wyng_dom0.runs.picture import Picture
from wyng_dom0.state.key_agent import is_same_user

Command = Callable[[str], None]

COMMANDS = ("pause", "resume", "cancel")
JOINERS_MOST = 32
_DROPPED_FIRST = ("progress", "overall")
_BEHIND_SOME = 64 * 1024
_BEHIND_MOST = 4 * 1024 * 1024
_WORDS_MOST = 256
_READ_SIZE = 4096


class Joiner:
    """One who listens. Used by the thread that serves, but for `tell`."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._waiting: deque[bytes] = deque()
        self._behind = 0
        self._most = _BEHIND_MOST
        self._said = b""
        self._deaf = False
        self.lost = False

    def greet(self, lines: Iterable[bytes]) -> None:
        """Have it told how the run stands, however much that is."""
        self._waiting.extend(lines)
        self._behind = sum(map(len, self._waiting))
        self._most = self._behind + _BEHIND_MOST

    def tell(self, line: bytes, is_progress: bool) -> None:
        """Have a line sent; forgotten or the joiner lost if it is behind."""
        if self._deaf or is_progress and self._behind > _BEHIND_SOME:
            return
        self._waiting.append(line)
        self._behind += len(line)
        self.lost = self.lost or self._behind > self._most

    @property
    def is_waiting(self) -> bool:
        """Is there something to send?"""
        return bool(self._waiting)

    def send(self) -> None:
        """Send what it takes now; never waits."""
        while self._waiting and not self.lost:
            try:
                count = self.connection.send(self._waiting[0])
            except BlockingIOError:
                return
            except OSError:
                # It left; what it said before is still to be heard.
                self._deaf = True
                self._waiting.clear()
                return
            self._behind -= count
            if count == len(self._waiting[0]):
                self._waiting.popleft()
            else:
                self._waiting[0] = self._waiting[0][count:]

    def hear(self) -> list[str]:
        """The commands that came; lost when it left or talks nonsense."""
        try:
            data = self.connection.recv(_READ_SIZE)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        *lines, self._said = (self._said + data).split(b"\n")
        self.lost = self.lost or not data or len(self._said) > _WORDS_MOST
        words = [line.decode("ascii", "replace").strip() for line in lines]
        return [word for word in words if word in COMMANDS]


class SharedRun:
    """A run that others can join while the block runs.

    `obey` is called with a command from the thread that serves. Raises
    OSError when the socket can't be made.
    """

    def __init__(self, path: Path, obey: Command) -> None:
        self._path = path
        self._obey = obey
        self._lock = threading.Lock()
        self._picture = Picture()
        self._joiners: dict[int, Joiner] = {}
        self._ended = False
        self._wake_up, self._woken = socket.socketpair()
        self._wake_up.setblocking(False)
        self._woken.setblocking(False)
        self._listener = _listen(path)
        self._thread = threading.Thread(
            target=self._serve, name="joiners", daemon=True
        )

    def __enter__(self) -> "SharedRun":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        self._wake()
        self._thread.join()
        for each in (self._wake_up, self._woken):
            each.close()

    def tell(self, told: Mapping[str, object]) -> None:
        """Let everybody know; returns at once whatever they do."""
        is_progress = told.get("event") in _DROPPED_FIRST
        with self._lock:
            self._picture.take(dict(told))
            if not self._joiners:
                return
            line = _line(told)
            for joiner in self._joiners.values():
                joiner.tell(line, is_progress)
        self._wake()

    def _wake(self) -> None:
        # Full: it is awake, or about to be.
        with suppress(BlockingIOError):
            self._wake_up.send(b"!")

    def _serve(self) -> None:
        with selectors.DefaultSelector() as selector, self._listener:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while not self._ended:
                for key, _ in selector.select():
                    self._attend(selector, key.fileobj)
                self._send_all(selector)
            # The kernel keeps for them what fits; nobody is waited for.
            self._send_all(selector)
            for joiner in self._joiners.values():
                joiner.connection.close()

    def _attend(self, selector: selectors.BaseSelector, what: object) -> None:
        if what is self._woken:
            with suppress(BlockingIOError):
                self._woken.recv(_READ_SIZE)
        elif what is self._listener:
            self._accept(selector)
        elif isinstance(what, socket.socket):
            for word in self._joiners[what.fileno()].hear():
                self._obey(word)

    def _accept(self, selector: selectors.BaseSelector) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        if len(self._joiners) >= JOINERS_MOST or not is_same_user(connection):
            connection.close()
            return
        connection.setblocking(False)
        joiner = Joiner(connection)
        with self._lock:
            joiner.greet(
                _line({**told, "replay": True})
                for told in self._picture.objects()
            )
            self._joiners[connection.fileno()] = joiner
        selector.register(connection, selectors.EVENT_READ)

    def _send_all(self, selector: selectors.BaseSelector) -> None:
        with self._lock:
            for number, joiner in list(self._joiners.items()):
                joiner.send()
                if joiner.lost:
                    selector.unregister(joiner.connection)
                    joiner.connection.close()
                    del self._joiners[number]
                    continue
                wanted = selectors.EVENT_READ
                if joiner.is_waiting:
                    wanted |= selectors.EVENT_WRITE
                selector.modify(joiner.connection, wanted)


def _line(told: Mapping[str, object]) -> bytes:
    return json.dumps(told).encode("ascii") + b"\n"


def _listen(path: Path) -> socket.socket:
    """A socket only this user can reach, bound however long its path is."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    old_mask = os.umask(0o177)
    try:
        path.unlink(missing_ok=True)
        listener.bind(f"/proc/self/fd/{folder}/{path.name}")
        listener.listen(JOINERS_MOST)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    finally:
        os.umask(old_mask)
        os.close(folder)
    return listener
