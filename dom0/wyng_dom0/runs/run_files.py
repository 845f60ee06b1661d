# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Run files: one per run that is going on, locked as long as it lives.

    STATE/runs/RUN.json    what runs, see RunFacts; 0600
    STATE/runs/RUN.sock    where it can be joined, see sharing

The lock says whether a run lives, whatever its process id is by now: the
kernel lets go of a dead one's. What killed runs left is removed by the next
one. Nothing here is durable, for it means nothing after a crash.
"""

import fcntl
import json
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from wyng_dom0.errors import BadInput, NotFound
from wyng_dom0.names import quote
from wyng_dom0.state.durable import (
    TEMPORARY_MARK,
    make_private_folder,
    replace_locked,
)
from wyng_dom0.state.places import Places

# As many as the longest list of volumes needs, and more.
_FILE_MAX = 1 << 28
_RUN = re.compile(r"[a-z][a-z-]*-[0-9a-f]{6}", re.ASCII)


@dataclass(frozen=True)
class RunFacts:
    """What is to be known of a run. `run` is its name; `archive` is "" where
    none is meant, or not known yet; so are `volumes`."""

    run: str
    pid: int
    started: datetime
    command: str
    archive: str = ""
    volumes: tuple[str, ...] = ()
    paused: bool = False


class RunFile:
    """The file of a run of this process, from `begin` to `end`."""

    def __init__(self, places: Places, facts: RunFacts, fd: int) -> None:
        self._places = places
        self._fd = fd
        self.facts = facts

    def change(self, **values: object) -> None:
        """Say something else of the run; OSError when that can't be said."""
        facts = replace(self.facts, **values)  # type: ignore[arg-type]
        fd = replace_locked(file_of(self._places, facts.run), _encode(facts))
        os.close(self._fd)
        self._fd, self.facts = fd, facts

    def end(self) -> None:
        """The run is over: nothing of it is left."""
        _remove(self._places, self.facts.run)
        os.close(self._fd)


def begin(
    places: Places, command: str, archive: str, started: datetime
) -> RunFile:
    """Make the file of a run that begins now; what dead ones left goes.

    Raises OSError, or BadInput when others may write to the folder.
    """
    make_private_folder(places.runs)
    _sweep(places)
    while True:
        run = f"{command}-{secrets.token_hex(3)}"
        if not file_of(places, run).exists():
            break
    facts = RunFacts(run, os.getpid(), started, command, archive)
    fd = replace_locked(file_of(places, run), _encode(facts))
    return RunFile(places, facts, fd)


def file_of(places: Places, run: str) -> Path:
    """The file of a run."""
    return places.runs / f"{run}.json"


def socket_of(places: Places, run: str) -> Path:
    """The socket at which a run is joined."""
    return places.runs / f"{run}.sock"


def list_runs(places: Places) -> list[RunFacts]:
    """What is running now, oldest first."""
    found = [
        facts
        for run in _names(places)
        if (facts := _read_living(file_of(places, run))) is not None
    ]
    return sorted(found, key=lambda each: (each.started, each.run))


def find_run(places: Places, name: str) -> RunFacts:
    """The run of that name, or the only one whose name begins so.

    "" is the only one there is. Raises NotFound, or BadInput where several
    are meant.
    """
    runs = list_runs(places)
    exact = [each for each in runs if each.run == name]
    found = exact or [each for each in runs if each.run.startswith(name)]
    if not found and name:
        raise NotFound(
            f"there is no run {quote(name)}: qvm-wyng status shows those"
            " there are",
            about=name,
        )
    if not found:
        raise NotFound("nothing is running")
    if len(found) > 1:
        names = ", ".join(each.run for each in found[:5])
        raise BadInput(
            f"{len(found)} runs are meant: name one of them ({names})"
        )
    return found[0]


def _names(places: Places) -> Iterator[str]:
    try:
        files = os.listdir(places.runs)
    except FileNotFoundError:
        return
    for file in files:
        if file.endswith(".json") and _RUN.fullmatch(file[: -len(".json")]):
            yield file[: -len(".json")]


def _encode(facts: RunFacts) -> bytes:
    values = {**asdict(facts), "started": facts.started.isoformat()}
    return json.dumps(values).encode("utf-8", "surrogateescape")


def _decode(data: bytes) -> RunFacts | None:
    """None for what this version does not understand."""
    try:
        values = json.loads(data)
        started = datetime.fromisoformat(values["started"])
        return RunFacts(
            run=str(values["run"]),
            pid=int(values["pid"]),
            started=started.astimezone(),
            command=str(values["command"]),
            archive=str(values["archive"]),
            volumes=tuple(map(str, values["volumes"])),
            paused=bool(values["paused"]),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _read_living(path: Path) -> RunFacts | None:
    """What a run file says, if the run lives."""
    while True:
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            if _is_locked(fd):
                with open(fd, "rb", closefd=False) as file:
                    return _decode(file.read(_FILE_MAX))
            if os.fstat(fd).st_nlink:
                return None
        finally:
            os.close(fd)
        # It was replaced meanwhile: the newer one says more.


def _is_locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _sweep(places: Places) -> None:
    """Remove what killed runs left."""
    for run in list(_names(places)):
        if _is_left(file_of(places, run)):
            _remove(places, run)
    for name in os.listdir(places.runs):
        path = places.runs / name
        if name.startswith(TEMPORARY_MARK) and _is_left(path):
            path.unlink(missing_ok=True)
        elif name.endswith(".sock") and not path.with_suffix(".json").exists():
            # A socket is made behind its file and removed before it.
            path.unlink(missing_ok=True)


def _is_left(path: Path) -> bool:
    """True for the file of a run that is dead."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return not _is_locked(fd) and os.fstat(fd).st_nlink > 0
    finally:
        os.close(fd)


def _remove(places: Places, run: str) -> None:
    for path in (socket_of(places, run), file_of(places, run)):
        with suppress(FileNotFoundError):
            path.unlink()
