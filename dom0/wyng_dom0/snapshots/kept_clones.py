# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Clones of files that stay: how one is made, named, known again, removed.

Owns the names of clones and their identities. A clone lies beside its volume
as a hidden file, and has a name only when it is whole and on the disk: no
crash leaves half of one that looks whole. The name ends with whose it is,
eight hex digits, and 24 by chance. What was done to its inode since
(written, renamed, linked, given away) makes it another one.
"""

import errno
import fcntl
import os
import re
import secrets
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from wyng_dom0.errors import NotFound
from wyng_dom0.names import HIDDEN_MARK
from wyng_dom0.snapshots.filesystem import filesystem_of
from wyng_dom0.state import durable

FICLONE = 0x40049409
GET_FLAGS, SET_FLAGS = 0x80086601, 0x40086602
NO_COW = 0x00800000

_KEPT = f"{HIDDEN_MARK}kept-"
_PARTIAL = f"{HIDDEN_MARK}part-"
_NAME = re.compile(
    rf"\..*({re.escape(_KEPT)}|{re.escape(_PARTIAL)})[0-9a-f]{{32}}", re.DOTALL
)
_VOLUME_NAME_BYTES_MAX = 150
_FLAGS = struct.Struct("=l")
_NO_TMPFILE = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT})


@dataclass(frozen=True)
class Clone:
    """A clone that stays: its path, what tells it from others, its bytes."""

    path: Path
    identity: str
    size: int


def keep_clone(source: int, beside: Path, keeper: str) -> Clone:
    """Clone the open file `source` to stay beside the path `beside`.

    Durable when it returns. The clone has mode 0600 and the source's time
    of change. Raises OSError; then nothing is left.
    """
    # What other programs wrote is in the clone, and on the disk with it.
    durable.sync_file(source)
    path = beside.with_name(_name_for(beside.name, _KEPT, keeper))
    with _nameless(path) as fd:
        _copy_cow(source, fd)
        fcntl.ioctl(fd, FICLONE, source)
        changed = os.fstat(source).st_mtime_ns
        os.utime(fd, ns=(changed, changed))
        durable.name_file(fd, path)
    return _look_at(path)


def _name_for(name: str, mark: str, keeper: str) -> str:
    while len(os.fsencode(name)) > _VOLUME_NAME_BYTES_MAX:
        name = name[:-1]
    return f".{name}{mark}{keeper}{secrets.token_hex(12)}"


@contextmanager
def _nameless(path: Path) -> Iterator[int]:
    """A new file in the folder of `path` that a crash doesn't leave there.

    Where files must have a name, it has one that says it is no clone yet,
    and is locked as long as we live.
    """
    flags = os.O_RDWR | os.O_CLOEXEC
    temporary = None
    try:
        fd = os.open(path.parent, flags | os.O_TMPFILE, 0o600)
    except OSError as error:
        if error.errno not in _NO_TMPFILE:
            raise
        temporary = path.with_name(path.name.replace(_KEPT, _PARTIAL))
        fd = os.open(temporary, flags | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(fd, fcntl.LOCK_EX)
    try:
        os.fchmod(fd, 0o600)
        yield fd
    finally:
        if temporary is not None:
            with suppress(FileNotFoundError):
                os.unlink(temporary)
        os.close(fd)


def _copy_cow(source: int, fd: int) -> None:
    """Let a new file be overwritten in place or not, as the source is.

    btrfs clones no file into one of the other kind, and what kind a new one
    is depends on its folder.
    """
    with suppress(OSError):  # other file systems have no such flags
        theirs, ours = _flags(source), _flags(fd)
        if (theirs ^ ours) & NO_COW:
            fcntl.ioctl(fd, SET_FLAGS, _FLAGS.pack(ours ^ NO_COW))


def _flags(fd: int) -> int:
    buffer = bytearray(_FLAGS.size)
    fcntl.ioctl(fd, GET_FLAGS, buffer, True)
    value: int = _FLAGS.unpack(buffer)[0]
    return value


def open_clone(path: Path, identity: str) -> int:
    """A descriptor of that very clone, which the caller closes.

    Raises NotFound when it is gone or something else lies there, OSError.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        fd = os.open(path, flags)
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(f"the snapshot {path} is gone") from None
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise NotFound(f"{path} is not the snapshot any more") from None
    try:
        if _clone_of(fd, path).identity != identity:
            raise NotFound(f"{path} is not the snapshot it was")
    except BaseException:
        os.close(fd)
        raise
    return fd


def find_clones(folder: Path, keeper: str) -> Iterator[Clone]:
    """A keeper's clones below a folder, and what was left of one half made.

    Links to folders are not followed. What can't be read is left out.
    """
    for parent, _, names in os.walk(folder):
        for name in names:
            if _NAME.fullmatch(name) and name[-32:].startswith(keeper):
                with suppress(OSError, NotFound):
                    yield _look_at(Path(parent, name))


def _look_at(path: Path) -> Clone:
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise NotFound(f"{path} is no snapshot")
        if _PARTIAL in path.name:
            # Raises BlockingIOError while somebody still makes it.
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return _clone_of(fd, path)
    finally:
        os.close(fd)


def remove_clone(path: Path, identity: str) -> None:
    """Unlink that very clone; nothing when it is gone or is another one.

    Whoever has it open reads on. Raises OSError.
    """
    with suppress(NotFound):
        os.close(open_clone(path, identity))
        with suppress(FileNotFoundError):
            os.unlink(path)


def _clone_of(fd: int, path: Path) -> Clone:
    found = os.fstat(fd)
    identity = (
        f"{path.name[-32:]} {filesystem_of(fd).identity or '-'}"
        f" {found.st_ino} {found.st_ctime_ns}"
    )
    return Clone(path, identity, found.st_size)
