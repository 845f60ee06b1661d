# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The only fsync and rename of dom0.

Owns the order of writes: contents synced, then the name, then the folder.
Knows nothing of what it writes. OSErrors pass through to the caller, with the
path that was being written: a full disk says which of them is full.
"""

import errno
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Optional

from wyng_dom0.errors import BadInput

TEMPORARY_MARK = ".wyng-tmp-"


def write_private(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Make `path` hold exactly `data`: all of it or what it held before.

    Durable when it returns. The file has mode 0600 whatever the umask,
    unless others are to read it; the folder must exist. Safe against other
    writers of the same path: the last one wins whole.
    """
    with _named(path):
        _remove_leftovers(path)
        temporary, fd = _make_temporary(path)
        try:
            os.fchmod(fd, mode)
            write_all(fd, data)
            os.fsync(fd)
            os.rename(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        finally:
            os.close(fd)
        sync_folder(path.parent)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """An OSError of the block says what was written when it came."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def _make_temporary(path: Path) -> "tuple[Path, int]":
    """A new file beside `path`, locked until its descriptor is closed."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    while True:
        temporary = path.with_name(
            f"{TEMPORARY_MARK}{path.name}-{secrets.token_hex(4)}"
        )
        fd = os.open(temporary, flags, 0o600)
        fcntl.flock(fd, fcntl.LOCK_EX)
        if os.fstat(fd).st_nlink:
            return temporary, fd
        # Another run took it for a dead one's before the lock was ours.
        os.close(fd)


def _remove_leftovers(path: Path) -> None:
    """Remove what killed runs left of this file; live ones hold a lock."""
    for name in os.listdir(path.parent):
        if not name.startswith(f"{TEMPORARY_MARK}{path.name}-"):
            continue
        left = path.with_name(name)
        try:
            fd = os.open(left, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left.unlink(missing_ok=True)
        except BlockingIOError:
            continue
        finally:
            os.close(fd)


def create_private(path: Path, data: bytes) -> bool:
    """As write_private, but only where nothing is; False when it exists."""
    with _named(path):
        _remove_leftovers(path)
        temporary, fd = _make_temporary(path)
        try:
            write_all(fd, data)
            os.fsync(fd)
            os.link(temporary, path)
        except FileExistsError:
            return False
        finally:
            temporary.unlink(missing_ok=True)
            os.close(fd)
        sync_folder(path.parent)
    return True


def replace_locked(path: Path, data: bytes) -> int:
    """Make `path` hold exactly `data`, and lock it; the lock's descriptor.

    The caller closes it, which lets go. Whole at every moment, but not
    durable: what it says is of use only as long as this process lives.
    """
    temporary, fd = _make_temporary(path)
    try:
        write_all(fd, data)
        os.rename(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        os.close(fd)
        raise
    return fd


def remove_private(path: Path) -> bool:
    """Unlink durably; False when there was nothing."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    sync_folder(path.parent)
    return True


def make_private_folder(path: Path) -> Path:
    """Make the folder and those above it, each 0700; durable; returns it.

    One that exists stays as it is, unless others may write to it: then it
    is refused, for whoever can rename there can replace our keys.
    """
    if not path.parent.exists():
        make_private_folder(path.parent)
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        _check_private_folder(path)
        return path
    sync_folder(path.parent)
    return path


def make_public_folder(path: Path) -> None:
    """Make one folder that all may read, durably; its parent must exist."""
    try:
        os.mkdir(path, 0o755)
    except FileExistsError:
        return
    os.chmod(path, 0o755)
    sync_folder(path.parent)


def _check_private_folder(path: Path) -> None:
    found = os.stat(path)
    if not stat.S_ISDIR(found.st_mode):
        raise BadInput(f"{path} is not a folder", about=str(path))
    sticky = found.st_mode & stat.S_ISVTX
    if found.st_mode & 0o022 and not sticky:
        raise BadInput(
            f"others may write to the folder {path}: take that right away",
            about=str(path),
        )


def write_all(
    fd: int, data: "bytes | memoryview", offset: Optional[int] = None
) -> None:
    """Write every byte, at `offset` or where the file stands."""
    view = memoryview(data)
    while view:
        if offset is None:
            written = os.write(fd, view)
        else:
            written = os.pwrite(fd, view, offset)
            offset += written
        view = view[written:]


def sync_file(fd: int) -> None:
    """Make contents, size and mode durable; a failure is never retried."""
    os.fsync(fd)


def sync_everything() -> None:
    """Make all that was written durable, where it is too many files to name.

    Slow beside other writers, and still faster than each file by itself.
    """
    os.sync()


def put_in_place(temporary: Path, target: Path) -> None:
    """Give a file that sync_file was called on its final name, durably.

    What had the name before is gone in the same step.
    """
    os.rename(temporary, target)
    sync_folder(target.parent)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable.

    Some file systems can't sync a folder and say EINVAL: those keep names
    durable by themselves or not at all, so there is nothing more to do.
    """
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(fd)


def name_file(fd: int, target: Path) -> None:
    """Give an open file a further name, or its first, durably and whole.

    Contents first, so that the name never leads to less than all of it.
    Raises FileExistsError where something has that name.
    """
    os.fsync(fd)
    # Python follows the link to the file only where it is given a folder.
    folder = os.open("/proc/self/fd", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.link(str(fd), target, src_dir_fd=folder, follow_symlinks=True)
    finally:
        os.close(folder)
    os.fsync(fd)
    sync_folder(target.parent)
