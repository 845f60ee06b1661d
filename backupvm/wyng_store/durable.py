# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The only module of the store that makes things durable or visible.

Every fsync, rename, link and unlink of the store is here, so that tests can
stop the process at each, and so that an order of writes can be read off its
caller. It knows no format and decides nothing.

A full disk raises Full. A failed fsync raises DurabilityLost, which nobody
may catch to try again.
"""

import ctypes
import errno
import os
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, Union

from wyng_store.errors import DurabilityLost, Full

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
# What link(2) gives where a file system has no hard links.
_KEEP_SIZE, _PUNCH_HOLE = 1, 2
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)

Data = Union[bytes, bytearray, memoryview]


class UnsyncedDirectory(UserWarning):
    """A file system that can't fsync a directory; said once."""


@contextmanager
def space_checked(path: "os.PathLike[str]") -> Iterator[None]:
    """Turn the errors of a full disk or quota into Full."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_SPACE:
            raise Full(f"no space left for {os.fspath(path)}") from error
        raise


def sync_file(fd: int, path: Path) -> None:
    """fsync; raises DurabilityLost, also when the disk turned out full."""
    try:
        os.fsync(fd)
    except OSError as error:
        raise DurabilityLost(str(path), error.errno or 0) from error


def sync_directory(path: Path) -> None:
    """fsync a directory, so that the names in it are durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise DurabilityLost(str(path), error.errno or 0) from error
        warnings.warn(
            "this file system can't make directories durable",
            UnsyncedDirectory,
            stacklevel=1,
        )
    finally:
        os.close(fd)


def write_all(fd: int, data: Data) -> None:
    """write(2) until all of `data` is written; raises OSError."""
    written = os.write(fd, data)
    if written < len(data):
        rest = memoryview(data)[written:]
        while rest:
            rest = rest[os.write(fd, rest) :]


def write_synced(path: Path, data: Data) -> None:
    """Make a file that must not exist yet, with `data`, fsynced.

    Its name is durable only after sync_directory. On Full nothing is left.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with space_checked(path):
        fd = os.open(path, flags, 0o600)
        try:
            write_all(fd, data)
            sync_file(fd, path)
        except OSError:
            path.unlink()
            raise
        finally:
            os.close(fd)


def rename(old: Path, new: Path) -> None:
    """rename(2): replaces `new` at once or not at all."""
    with space_checked(new):
        os.rename(old, new)


def link_exclusive(old: Path, new: Path) -> bool:
    """Give `old` the second name `new`; False when `new` was taken.

    Where there are no hard links the caller's lock must stand in for
    link(2): then it is a check and a rename.
    """
    with space_checked(new):
        try:
            os.link(old, new)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            if new.exists():
                return False
            os.rename(old, new)
    return True


def can_link(place: Path) -> bool:
    """Are there hard links here? Tried on two names of its own."""
    one, other = place / "one", place / "other"
    one.touch()
    try:
        os.link(one, other)
    except OSError:
        return False
    return True


def can_sync_directory(place: Path) -> bool:
    """Can a directory be made durable here?"""
    fd = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    except OSError:
        return False
    finally:
        os.close(fd)
    return True


def reserve_file(path: Path, size: int) -> None:
    """Make a file at `path` that takes `size` bytes, all or nothing."""
    temporary = path.with_name(path.name + ".tmp")
    unlink(temporary)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with space_checked(path):
        fd = os.open(temporary, flags, 0o600)
        try:
            os.posix_fallocate(fd, 0, size)
            sync_file(fd, temporary)
        except OSError:
            unlink(temporary)
            raise
        finally:
            os.close(fd)
    rename(temporary, path)
    sync_directory(path.parent)


def punch(fd: int, offset: int, length: int) -> bool:
    """Give back the bytes of a range, which read as zeros then; False where
    the file system can't. The file keeps its length."""
    library = ctypes.CDLL(None, use_errno=True)
    # Where off_t is 64 bits wide there may be only one of the two.
    call = getattr(library, "fallocate64", None) or library.fallocate
    call.argtypes = [ctypes.c_int, ctypes.c_int] + [ctypes.c_int64] * 2
    if call(fd, _PUNCH_HOLE | _KEEP_SIZE, offset, length) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL):
        return False
    raise OSError(number, os.strerror(number))


def unlink(path: Path) -> None:
    """Remove a name; one that is gone already is fine."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return


def make_directory(path: Path) -> None:
    """Make a directory, durable in its parent; one that exists is fine."""
    with space_checked(path):
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:
            return
    sync_directory(path.parent)


def replace_file(path: Path, data: Data) -> None:
    """Put `data` at `path`, durably, whatever is there: by rename."""
    temporary = path.with_name(path.name + ".tmp")
    unlink(temporary)
    write_synced(temporary, data)
    rename(temporary, path)
    sync_directory(path.parent)


def create_file(path: Path, data: Data) -> bool:
    """Put `data` at `path`, durably; False when the name was taken."""
    temporary = path.with_name(path.name + ".tmp")
    unlink(temporary)
    write_synced(temporary, data)
    created = link_exclusive(temporary, path)
    unlink(temporary)
    sync_directory(path.parent)
    return created
