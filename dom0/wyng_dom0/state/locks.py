# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Locks of this machine, all by flock: the kernel lets go of a dead holder's.

    drill      who drills, for a whole run; never waited for
    restore    who restores a qube, for a whole run; never waited for
    archive    who writes to it, for a whole run; never waited for
    volume     who takes its next snapshot and compares; a short wait
    making     shared: who makes snapshots; alone: who looks for strays
    ledgers    who reads and writes a volume's ledgers; a moment
    proven     who reads and writes what was proven; a moment
    noted      who reads and writes other notes of an archive; a moment
    request    who restores what was asked for; never waited for
    caller     who decides about a qube's call; never waited for
    requests   who reads and writes what was asked for; a moment
    snapshot   shared: who reads it; alone: who drops it

Taken in this order, those of one kind sorted. No lock is ever broken. Lock
files stay, those of snapshots and of single requests go with them: removing
one while another waits would make two holders, but nobody waits for these.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from wyng_common.ids import ArchiveId
from wyng_dom0.errors import DestinationBusy
from wyng_dom0.names import quote
from wyng_dom0.state.places import Places, make_folder_of, volume_key

_HOLDER_MAX = 200
_VOLUME_WAIT = 20.0
_LEDGERS_WAIT = 60.0
_MAKING_WAIT = 60.0
_POLL = 0.02


@contextmanager
def hold_drill(places: Places) -> Iterator[None]:
    """Nobody else drills while the block runs; DestinationBusy at once."""
    path = places.lock("drill", b"drill")
    with _hold(path, "the scratch of drills", "drill"):
        yield


@contextmanager
def hold_restore(places: Places, qube: str) -> Iterator[None]:
    """Nobody else restores the qube meanwhile; DestinationBusy at once."""
    path = places.lock("restore", qube.encode("utf-8"))
    with _hold(path, f"the qube {quote(qube)}", "receive"):
        yield


@contextmanager
def hold_archive(
    places: Places, archive: ArchiveId, name: str, doing: str
) -> Iterator[None]:
    """Hold the archive while the block runs; raises DestinationBusy at once.

    `name` is what errors call it, `doing` the command, told to others.
    """
    path = places.lock("archive", bytes(archive))
    with _hold(path, f"the archive {quote(name)}", doing):
        yield


@contextmanager
def hold_volume(
    places: Places,
    source: str,
    volume: str,
    doing: str,
    wait: float = _VOLUME_WAIT,
) -> Iterator[None]:
    """Hold one volume of a source; DestinationBusy after `wait` seconds."""
    path = places.lock("volume", volume_key(source, volume))
    with _hold(path, f"the volume {quote(volume)}", doing, wait):
        yield


@contextmanager
def hold_ledgers(places: Places, folder: Path) -> Iterator[None]:
    """Hold the ledgers in a volume's folder for a moment."""
    path = places.lock("ledgers", os.fsencode(folder.name))
    with _hold(path, "the state of a volume", "keeping state", _LEDGERS_WAIT):
        yield


@contextmanager
def hold_proven(places: Places, path: Path) -> Iterator[None]:
    """Hold what is noted of a volume's proofs for a moment."""
    key = os.fsencode(path.parent.name + path.name)
    with _hold(
        places.lock("proven", key),
        "what is noted of proofs",
        "keeping state",
        _LEDGERS_WAIT,
    ):
        yield


@contextmanager
def hold_noted(places: Places, path: Path) -> Iterator[None]:
    """Hold a file of notes about an archive for a moment."""
    key = os.fsencode(path.parent.name + path.name)
    with _hold(
        places.lock("noted", key),
        "what is noted of the archive",
        "keeping state",
        _LEDGERS_WAIT,
    ):
        yield


@contextmanager
def hold_requests(places: Places) -> Iterator[None]:
    """Hold grants, requests, paces and their log for a moment."""
    path = places.lock("requests", b"requests")
    with _hold(path, "the requests", "keeping state", _LEDGERS_WAIT):
        yield


@contextmanager
def hold_caller(places: Places, caller: str) -> Iterator[None]:
    """Be the only one that decides about a qube's call.

    Raises DestinationBusy at once when another one does: the call is lost.
    """
    path = places.lock("caller", caller.encode("ascii"))
    with _hold(path, "the caller", "deciding"):
        yield


@contextmanager
def hold_request(
    places: Places, archive: ArchiveId, qube: str
) -> Iterator[None]:
    """Be the only one that restores what was asked for; DestinationBusy.

    The file goes with the lock: its name is of what a caller made up, and a
    caller makes up many.
    """
    key = bytes(archive) + qube.encode("ascii")
    what = f"the request for {quote(qube)}"
    path = places.lock("request", key)
    with _hold(path, what, "restoring") as fd:
        if not os.fstat(fd).st_nlink:
            # Whoever held it took the file along.
            raise _Taken(f"{what} was in use by another run; try again")
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


@contextmanager
def make_snapshots(places: Places) -> Iterator[None]:
    """Nobody looks for strays while the block runs."""
    path = places.lock("making", b"snapshots")
    with _hold(path, "the snapshots", "", _MAKING_WAIT, fcntl.LOCK_SH):
        yield


@contextmanager
def alone_making(places: Places) -> Iterator[bool]:
    """True: nobody makes snapshots while the block runs; False at once."""
    path = places.lock("making", b"snapshots")
    with ExitStack() as held:
        try:
            lock = _hold(path, "the snapshots", "looking for strays")
            held.enter_context(lock)
        except _Taken:
            yield False
            return
        yield True


@dataclass
class Reading:
    """Somebody reads a snapshot: it is not dropped until `release`."""

    _fd: int

    def release(self) -> None:
        """The snapshot may be dropped; harmless when called again."""
        if self._fd >= 0:
            _let_go(self._fd)
        self._fd = -1


def start_reading(places: Places, identity: str) -> Reading:
    """Keep everybody from dropping a snapshot.

    That it is still there has to be looked at afterwards.
    """
    path = make_folder_of(places.lock("snapshot", identity.encode("utf-8")))
    while True:
        fd = os.open(path, _FLAGS, 0o600)
        fcntl.flock(fd, fcntl.LOCK_SH)
        if os.fstat(fd).st_nlink:
            return Reading(fd)
        # Whoever dropped the snapshot took the file along.
        os.close(fd)


@contextmanager
def alone_with(places: Places, identity: str) -> Iterator[bool]:
    """True: nobody reads the snapshot while the block runs; False at once.

    After True the snapshot is taken to be dropped.
    """
    path = make_folder_of(places.lock("snapshot", identity.encode("utf-8")))
    fd = os.open(path, _FLAGS, 0o600)
    try:
        if not _lock_now(fd, fcntl.LOCK_EX) or not os.fstat(fd).st_nlink:
            # Somebody reads it, or somebody else is dropping it.
            yield False
            return
        yield True
        path.unlink(missing_ok=True)
    finally:
        _let_go(fd)


_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


class _Taken(DestinationBusy):
    """The lock is somebody else's."""


@contextmanager
def _hold(
    path: Path,
    what: str,
    doing: str,
    wait: float = 0.0,
    kind: int = fcntl.LOCK_EX,
) -> Iterator[int]:
    fd = os.open(make_folder_of(path), _FLAGS, 0o600)
    try:
        until = time.monotonic() + wait
        while not _lock_now(fd, kind):
            if time.monotonic() >= until:
                raise _Taken(
                    f"{what} is in use by {_holder(fd)}; try again when it is"
                    " done"
                )
            time.sleep(_POLL)
        if kind == fcntl.LOCK_EX:
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{doing} (process {os.getpid()})".encode(), 0)
        yield fd
    finally:
        _let_go(fd)


def _lock_now(fd: int, kind: int) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _let_go(fd: int) -> None:
    # A child that was forked meanwhile has the lock as well.
    fcntl.flock(fd, fcntl.LOCK_UN)
    os.close(fd)


def _holder(fd: int) -> str:
    said = os.pread(fd, _HOLDER_MAX, 0).decode("utf-8", "replace")
    return said if said and said.isprintable() else "another run"
