# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a restore writes: a file under a temporary name, or a block device.

Owns that nothing half written looks restored. A file gets its name when it
is whole and on the disk; a device can only be written in place, so that an
interrupted one is called incomplete in every error that ends it. Whether
something may be written over is asked and answered before, by commands.
"""

import errno
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from wyng_dom0.errors import TargetError
from wyng_dom0.names import quote
from wyng_dom0.state import durable

PARTIAL_MARK = ".wyng-partial-"
_ZEROS = bytes(1 << 20)
_NAME_BYTES_MAX = 200
_LOOPS = Path("/sys/block")


class Target(Protocol):
    """Something of a known size that is written once, from any thread.

    Every byte must be given by pwrite or zero; ranges never overlap.
    """

    @property
    def size(self) -> int:
        """Bytes of the volume being restored."""

    @property
    def reads_zero(self) -> bool:
        """True when what was not written is known to read as zeros."""

    def pwrite(self, offset: int, data: bytes) -> None:
        """Write bytes; TargetError when they don't fit or fail."""

    def zero(self, offset: int, length: int) -> None:
        """Make a range read as zeros, as a hole where that can be."""

    def finish(
        self, mode: int, uid: int, gid: int, mtime_ns: int | None = None
    ) -> bool:
        """Make it durable, then give it its name.

        `mtime_ns` is when it was last changed, None for now. Returns False
        when the owner could not be set (we are not root).
        """


def exists_at(path: Path) -> bool:
    """True when a restore to `path` would replace something."""
    return os.path.lexists(path)


@contextmanager
def open_target(path: Path, size: int) -> Iterator[Target]:
    """The target at `path` for a volume of `size` bytes.

    A block device is written in place, anything else becomes a new regular
    file. Leaving the block without finish() leaves the old file as it was,
    and adds a note to the error that a device is incomplete. Raises
    TargetError when the place can't be used.
    """
    real = Path(os.path.realpath(path))
    if _is_block_device(real):
        with _open_device(real, size) as device:
            yield device
    else:
        with _open_file(real, size) as file:
            yield file


class _FileTarget:
    """A temporary file beside the target's name."""

    reads_zero = True

    def __init__(self, path: Path, partial: Path, fd: int, size: int) -> None:
        self._path = path
        self._partial = partial
        self._fd = fd
        self.size = size
        self.finished = False

    def pwrite(self, offset: int, data: bytes) -> None:
        _check_inside(self._path, self.size, offset, len(data))
        with _named(self._path):
            durable.write_all(self._fd, data, offset)

    def zero(self, offset: int, length: int) -> None:
        _check_inside(self._path, self.size, offset, length)

    def finish(
        self, mode: int, uid: int, gid: int, mtime_ns: int | None = None
    ) -> bool:
        with _named(self._path):
            owned = _set_owner(self._fd, uid, gid)
            os.fchmod(self._fd, mode & 0o777)
            _set_mtime(self._fd, mtime_ns)
            durable.sync_file(self._fd)
            durable.put_in_place(self._partial, self._path)
        self.finished = True
        return owned


class _DeviceTarget:
    """A block device, opened so that nothing else can claim it."""

    reads_zero = False

    def __init__(self, path: Path, fd: int, size: int) -> None:
        self._path = path
        self._fd = fd
        self.size = size
        self.finished = False

    def pwrite(self, offset: int, data: bytes) -> None:
        _check_inside(self._path, self.size, offset, len(data))
        with _named(self._path):
            durable.write_all(self._fd, data, offset)

    def zero(self, offset: int, length: int) -> None:
        for at in range(offset, offset + length, len(_ZEROS)):
            self.pwrite(at, _ZEROS[: offset + length - at])

    def finish(
        self, mode: int, uid: int, gid: int, mtime_ns: int | None = None
    ) -> bool:
        # A device node's mode and owner are udev's business.
        with _named(self._path):
            durable.sync_file(self._fd)
        self.finished = True
        return True


@contextmanager
def _open_file(path: Path, size: int) -> Iterator[Target]:
    _check_file_place(path)
    _clean_leftovers(path)
    partial = path.with_name(_partial_prefix(path) + secrets.token_hex(4))
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with _named(path):
        fd = os.open(partial, flags, 0o600)
    target = _FileTarget(path, partial, fd, size)
    try:
        with _named(path):
            # Held while it is written: another run's clean-up lets it be.
            fcntl.flock(fd, fcntl.LOCK_EX)
            os.ftruncate(fd, size)
        yield target
    finally:
        if not target.finished:
            with suppress(FileNotFoundError):
                os.unlink(partial)
        os.close(fd)


@contextmanager
def _open_device(path: Path, size: int) -> Iterator[Target]:
    # O_EXCL on a block device: EBUSY while it, or a part of it, is mounted,
    # swapped to or held by another driver; and nobody can mount it after.
    try:
        fd = os.open(path, os.O_RDWR | os.O_EXCL | os.O_CLOEXEC)
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise _error(path, error) from None
        raise TargetError(
            f"the device {path} is mounted or in use", about=str(path)
        ) from None
    target = _DeviceTarget(path, fd, size)
    try:
        _check_device_size(path, os.lseek(fd, 0, os.SEEK_END), size)
        yield target
    except BaseException as error:
        if not target.finished:
            error.add_note(f"{path} is incomplete: it holds no whole volume")
        raise
    finally:
        os.close(fd)


def _check_device_size(path: Path, there: int, size: int) -> None:
    if there < size:
        raise TargetError(
            f"the device {path} has {there} bytes, too few for the volume's"
            f" {size}",
            about=str(path),
        )


def _check_file_place(path: Path) -> None:
    if not path.parent.is_dir():
        raise TargetError(
            f"there is no directory {path.parent} to restore into",
            about=str(path),
        )
    if os.path.lexists(path) and not path.is_file():
        raise TargetError(
            f"{path} is neither a file nor a block device", about=str(path)
        )
    if str(path) in _loop_mounted():
        raise TargetError(
            f"{path} is in use by a loop device: unmount it first",
            about=str(path),
        )


def _loop_mounted() -> set[str]:
    """The files behind loop devices: replacing one would fool its user."""
    files = set()
    for entry in _LOOPS.glob("loop*/loop/backing_file"):
        with suppress(OSError):
            files.add(entry.read_text("utf-8", "surrogateescape").strip("\n"))
    return files


def _partial_prefix(path: Path) -> str:
    name = os.fsencode(path.name)[:_NAME_BYTES_MAX]
    return f".{os.fsdecode(name)}{PARTIAL_MARK}"


def _clean_leftovers(path: Path) -> None:
    """Remove what killed restores of this file left; live ones hold a lock."""
    prefix = _partial_prefix(path)
    for name in os.listdir(path.parent):
        if name.startswith(prefix):
            with suppress(OSError):
                _remove_if_dead(path.with_name(name))


def _remove_if_dead(partial: Path) -> None:
    fd = os.open(partial, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(partial)
    finally:
        os.close(fd)


def _set_owner(fd: int, uid: int, gid: int) -> bool:
    try:
        os.fchown(fd, uid, gid)
    except PermissionError:
        return False
    return True


def _set_mtime(fd: int, mtime_ns: int | None) -> None:
    """As the session has it; a time no file system of here holds is left."""
    if mtime_ns is not None:
        with suppress(OverflowError, OSError):
            os.utime(fd, ns=(mtime_ns, mtime_ns))


def _is_block_device(path: Path) -> bool:
    try:
        return stat.S_ISBLK(os.stat(path).st_mode)
    except OSError:
        return False


def _check_inside(path: Path, size: int, offset: int, length: int) -> None:
    if offset < 0 or offset + length > size:
        raise TargetError(
            f"{length} bytes at {offset} lie outside the {size} of {path}",
            about=str(path),
        )


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Turn what the system says into a sentence that names the target."""
    try:
        yield
    except OSError as error:
        raise _error(path, error) from None


def _error(path: Path, error: OSError) -> TargetError:
    return TargetError(
        f"{quote(str(path))} can't be written: {error.strerror}",
        about=str(path),
    )
