# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The new folder that a volume of files is unpacked into.

    hidden and locked while it is filled -> all of it durable -> named

What a killed run left is hidden, says in its name what it is, and is locked
by nobody: the next run removes it. Nothing that exists is written to or
replaced.
"""

import errno
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from wyng_dom0.errors import TargetError
from wyng_dom0.names import quote
from wyng_dom0.state import durable

MARK = ".wyng-unpacking-"
_NAMES_MOST = 1000
_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass
class NewFolder:
    """A folder being filled: its descriptor, and whose its parent is.

    `path` is what it will be called, once `name` was called.
    """

    fd: int
    hidden: Path
    owner: tuple[int, int]
    path: Path | None = None

    def name(self, wanted: str) -> Path:
        """Make all of it durable, then give it a name that is free."""
        if os.geteuid() == 0:
            os.fchown(self.fd, *self.owner)
        durable.sync_everything()
        target = _named(self.hidden, wanted)
        self.path = target
        return target


@contextmanager
def new_folder(parent: Path) -> Iterator[NewFolder]:
    """A hidden folder, 0700, in `parent`; gone unless it gets a name.

    Raises TargetError where none can be made or written.
    """
    try:
        remove_dead(parent)
        seen = os.stat(parent)
        hidden, fd = _make(parent)
    except OSError as error:
        raise _cannot(parent, error) from None
    made = NewFolder(fd, hidden, (seen.st_uid, seen.st_gid))
    try:
        yield made
    except OSError as error:
        raise _cannot(parent, error) from None
    finally:
        if made.path is None:
            shutil.rmtree(hidden, ignore_errors=True)
        os.close(fd)


def remove_dead(parent: Path) -> None:
    """Remove what killed runs left; what is being filled holds a lock."""
    for name in os.listdir(parent):
        if not name.startswith(MARK):
            continue
        with suppress(OSError):
            fd = os.open(parent / name, _OPEN)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(fd).st_uid == os.geteuid():
                    shutil.rmtree(parent / name)
            finally:
                os.close(fd)


def _make(parent: Path) -> tuple[Path, int]:
    while True:
        hidden = parent / f"{MARK}{secrets.token_hex(4)}"
        os.mkdir(hidden, 0o700)
        fd = os.open(hidden, _OPEN)
        fcntl.flock(fd, fcntl.LOCK_EX)
        if os.fstat(fd).st_nlink:
            return hidden, fd
        # Another run took it for a dead one's before the lock was ours.
        os.close(fd)


def _named(hidden: Path, wanted: str) -> Path:
    """Give it that name, or the next that nothing has."""
    for number in range(1, _NAMES_MOST):
        name = wanted if number == 1 else f"{wanted}-{number}"
        target = hidden.with_name(name)
        if os.path.lexists(target):
            continue
        try:
            # What somebody puts there just now is not replaced either,
            # unless it is an empty folder.
            durable.put_in_place(hidden, target)
        except (NotADirectoryError, FileExistsError):
            continue
        except OSError as error:
            if error.errno != errno.ENOTEMPTY:
                raise
            continue
        return target
    raise TargetError(f"there are too many folders {quote(wanted)} already")


def _cannot(parent: Path, error: OSError) -> TargetError:
    return TargetError(
        f"nothing can be unpacked into {quote(str(parent))}: {error.strerror}",
        about=str(parent),
    )
