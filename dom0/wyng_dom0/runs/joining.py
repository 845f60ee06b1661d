# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Joining runs of this machine: what they tell, and telling them something.

Reads nothing but the state. A run that ends, or is killed, is the end of its
connection; what it tells is taken as it comes and bounded.
"""

import json
import os
import select
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from wyng_dom0.runs.run_files import RunFacts, list_runs, socket_of
from wyng_dom0.state.key_agent import is_same_user
from wyng_dom0.state.places import Places

_LINE_MAX = 1 << 28
_READ_SIZE = 1 << 16
_LOOK_SECONDS = 0.5
_ANSWER_SECONDS = 5.0
_AGAIN_SECONDS = 0.02

Told = dict[str, object]


@dataclass
class Joined:
    """A connection to one run; closed by `close`."""

    facts: RunFacts
    connection: socket.socket
    _rest: bytearray = field(default_factory=bytearray)

    def fileno(self) -> int:
        """For select."""
        return self.connection.fileno()

    def say(self, word: str) -> None:
        """Tell the run something; nothing happens when it is over."""
        try:
            self.connection.sendall(word.encode("ascii") + b"\n")
        except OSError:
            return

    def read(self) -> list[Told] | None:
        """What it told since, perhaps nothing; None when it is over."""
        try:
            data = self.connection.recv(_READ_SIZE)
        except OSError:
            return None
        if not data or len(self._rest) > _LINE_MAX:
            return None
        at = len(self._rest) + data.rfind(b"\n") + 1
        self._rest += data
        if b"\n" not in data:
            return []
        whole, self._rest = bytes(self._rest[:at]), self._rest[at:]
        return [told for line in whole.splitlines() if (told := _parsed(line))]

    def close(self) -> None:
        """Leave."""
        self.connection.close()


def join(places: Places, facts: RunFacts) -> Joined | None:
    """Join a run; None when it is over or lets nobody in."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(_ANSWER_SECONDS)
    try:
        _connect(connection, socket_of(places, facts.run))
    except OSError:
        connection.close()
        return None
    if not is_same_user(connection):
        connection.close()
        return None
    return Joined(facts, connection)


def _connect(connection: socket.socket, path: Path) -> None:
    until = time.monotonic() + _ANSWER_SECONDS
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        while True:
            try:
                connection.connect(f"/proc/self/fd/{folder}/{path.name}")
                return
            except BlockingIOError:
                # Many want in at once, and Linux lets nobody wait for that.
                if time.monotonic() >= until:
                    raise
                time.sleep(_AGAIN_SECONDS)
    finally:
        os.close(folder)


class Watch:
    """Several runs joined at once; those that begin are joined, too.

    With `only`, that run alone. `ended` is a descriptor at whose end the
    watching ends, -1 for none.
    """

    def __init__(
        self, places: Places, only: RunFacts | None = None, ended: int = -1
    ) -> None:
        self._places = places
        self._only = only
        self._ended = ended
        self._joined: dict[str, Joined] = {}
        self._left: set[str] = set()

    def told(self) -> Iterator[tuple[str, Told] | None]:
        """(run, what it told) as it comes; None now and then meanwhile.

        Ends with the one run, or with the descriptor. A run's end is told
        as an object whose event is `run-left`.
        """
        try:
            while True:
                self._join_new()
                if self._only is not None and not self._joined:
                    return
                yield None
                for joined in self._ready():
                    if joined is None:
                        return
                    yield from self._read(joined)
        finally:
            for each in self._joined.values():
                each.close()

    def _join_new(self) -> None:
        runs = [self._only] if self._only else list_runs(self._places)
        self._left &= {each.run for each in runs}
        for facts in runs:
            if facts.run in self._joined or facts.run in self._left:
                continue
            joined = join(self._places, facts)
            if joined is not None:
                self._joined[facts.run] = joined

    def _ready(self) -> list[Joined | None]:
        """Those that have told something; None where all is to end."""
        by_number = {each.fileno(): each for each in self._joined.values()}
        wanted = [*by_number, *([self._ended] if self._ended >= 0 else [])]
        poll = select.poll()
        for number in wanted:
            poll.register(number, select.POLLIN)
        found: list[Joined | None] = []
        for number, _ in poll.poll(_LOOK_SECONDS * 1000):
            if number in by_number:
                found.append(by_number[number])
            elif not os.read(self._ended, _READ_SIZE):
                found.append(None)
        return found

    def _read(self, joined: Joined) -> Iterator[tuple[str, Told]]:
        run = joined.facts.run
        told = joined.read()
        if told is None:
            joined.close()
            del self._joined[run]
            self._left.add(run)
            yield run, {"event": "run-left"}
            return
        for each in told:
            yield run, each


def wait_for(
    joined: Joined, events: tuple[str, ...], seconds: float
) -> str | None:
    """Which of some events it told first, within so many seconds.

    "" when it ended before. None when the time is over.
    """
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if not select.select([joined.connection], [], [], left)[0]:
            return None
        told = joined.read()
        if told is None:
            return ""
        for each in told:
            if each.get("event") in events:
                return str(each["event"])
    return None


def _parsed(line: bytes) -> Told | None:
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None
