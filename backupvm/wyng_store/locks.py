# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The two locks of an archive: one writer, many readers.

Both are flock(2) on a file that is never written; a dead process holds
nothing, and no lock is ever broken by age. A lock file that is a hard link
(`cp -al`) would tie two archives together, so its holder replaces it. Knows
nothing of what the locks protect; doc/store.md has the table.
"""

import errno
import fcntl
import os
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, Optional

from wyng_store import durable
from wyng_store.errors import Busy

_POLL_SECONDS = 0.05


class FileLock:
    """One held lock; close() or the end of the process lets it go."""

    def __init__(self, fd: int) -> None:
        self._fd: Optional[int] = fd

    def close(self) -> None:
        """Let go; twice is fine."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def acquire_writer(path: Path) -> FileLock:
    """The exclusive lock; raises Busy at once when another has it."""
    return _acquire(path, fcntl.LOCK_EX, 0.0)


def acquire_reader(path: Path) -> FileLock:
    """The shared lock; waits shortly while something is taken away."""
    return _acquire(path, fcntl.LOCK_SH, 60.0)


@contextmanager
def readers_excluded(path: Path, seconds: float) -> Iterator[None]:
    """Hold the readers' lock alone, so that things may be taken away.

    Waits `seconds` for readers to end; then raises Busy.
    """
    lock = _acquire(path, fcntl.LOCK_EX, seconds)
    try:
        yield
    finally:
        lock.close()


def make_private(path: Path, lock: FileLock) -> FileLock:
    """Replace a hard-linked lock file by one of our own, held throughout."""
    if os.stat(path).st_nlink == 1:
        return lock
    temporary = path.with_name(path.name + ".tmp")
    durable.unlink(temporary)
    fresh = _acquire(temporary, fcntl.LOCK_EX, 0.0)
    durable.rename(temporary, path)
    lock.close()
    return fresh


def _acquire(path: Path, mode: int, seconds: float) -> FileLock:
    deadline = time.monotonic() + seconds
    while True:
        fd = _open(path)
        try:
            fcntl.flock(fd, mode | fcntl.LOCK_NB)
            if _is_named(fd, path):
                return FileLock(fd)
            os.close(fd)
            continue
        except OSError as error:
            os.close(fd)
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
        if time.monotonic() >= deadline:
            raise Busy("another process is using the archive")
        time.sleep(_POLL_SECONDS)


def _open(path: Path) -> int:
    flags = os.O_RDONLY | os.O_CLOEXEC
    try:
        return os.open(path, flags)
    except FileNotFoundError:
        with durable.space_checked(path):
            return os.open(path, flags | os.O_CREAT, 0o600)


def _is_named(fd: int, path: Path) -> bool:
    """Is the locked file still the one at `path`? It may be replaced."""
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except FileNotFoundError:
        return False
