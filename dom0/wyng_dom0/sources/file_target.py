# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Files as targets: a new one under a hidden name, an old one brought up to
date on a clone of it, or in place where the file system has no clones.

Owns the hidden names. A clone that a killed run left is gone on with by the
next update: whatever it holds is compared with the session anyway. What a
killed whole restore left is removed.
"""

import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from wyng_dom0.errors import DestinationError, TargetError
from wyng_dom0.snapshots import blocks
from wyng_dom0.snapshots.snapshot import Range, data_ranges
from wyng_dom0.sources import unfinished
from wyng_dom0.sources.unfinished import Restoring
from wyng_dom0.sources.write_behind import WriteBehind
from wyng_dom0.sources.writing import (
    Owner,
    check_inside,
    naming,
    set_mtime,
    set_owner,
    write_zeros,
)
from wyng_dom0.state import durable

PARTIAL_MARK = ".wyng-partial-"
UPDATE_MARK = ".wyng-update-"
_LOOPS = Path("/sys/block")
_OPEN = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC


class _File:
    """What is the same of all: bytes in, durable, mode and owner."""

    def __init__(self, path: Path, fd: int, size: int) -> None:
        self._path = path
        self.fd = fd
        self.size = size
        self.finished = False
        self._behind = WriteBehind(fd)

    def data_ranges(self) -> Iterator[Range]:
        """See Target."""
        now = os.fstat(self.fd).st_size
        return data_ranges(self.fd, min(self.size, now))

    def pwrite(self, offset: int, data: "bytes | memoryview") -> None:
        """See Target."""
        check_inside(self._path, self.size, offset, len(data))
        with naming(self._path):
            self._begin()
            durable.write_all(self.fd, data, offset)
            self._behind.wrote(offset, len(data))

    def zero(self, offset: int, length: int) -> None:
        """See Target."""
        check_inside(self._path, self.size, offset, length)
        end = min(offset + length, os.fstat(self.fd).st_size)
        with naming(self._path):
            for start, some in list(data_ranges(self.fd, end, offset)):
                self._begin()
                if not blocks.punch(self.fd, start, some):
                    write_zeros(self.fd, start, some)

    def finish(
        self, owner: Owner, whole: Callable[[Path], None] | None = None
    ) -> bool:
        """See Target."""
        with naming(self._path):
            if os.fstat(self.fd).st_size != self.size:
                self._begin()
            owned = set_owner(self.fd, owner.uid, owner.gid)
            os.fchmod(self.fd, owner.mode & 0o777)
            set_mtime(self.fd, owner.mtime_ns)
            durable.sync_file(self.fd)
            self._settle(whole)
        self.finished = True
        return owned

    def _begin(self) -> None:
        """Called before whatever changes the file."""

    def _settle(self, whole: Callable[[Path], None] | None) -> None:
        """Called when all of it is on the disk."""


class _HiddenFile(_File):
    """A file that gets its name when it is whole."""

    def __init__(
        self, path: Path, hidden: Path, fd: int, size: int, marker: Path
    ) -> None:
        super().__init__(path, fd, size)
        self._hidden = hidden
        self._marker = marker

    def _settle(self, whole: Callable[[Path], None] | None) -> None:
        if whole is not None:
            whole(self._hidden)
        durable.put_in_place(self._hidden, self._path)
        # What was half written is replaced by what is whole.
        unfinished.end(self._marker)


class _FileInPlace(_File):
    """A file that is changed under its name, with a marker beside it."""

    def __init__(
        self,
        path: Path,
        fd: int,
        size: int,
        marker: Path,
        restoring: Restoring,
    ) -> None:
        super().__init__(path, fd, size)
        self._marker = marker
        self._restoring = restoring
        self.begun = unfinished.find(marker) is not None
        self._noted = False

    def _begin(self) -> None:
        if self._noted:
            return
        unfinished.begin(self._marker, self._restoring)
        self._noted = self.begun = True
        os.ftruncate(self.fd, self.size)

    def _settle(self, whole: Callable[[Path], None] | None) -> None:
        # Whoever has it open may be writing to it: it isn't called whole.
        unfinished.end(self._marker)


@contextmanager
def open_new_file(path: Path, size: int, marker: Path) -> Iterator[_File]:
    """A new file that replaces what lies at `path` when it is finished."""
    _check_place(path)
    _clean_leftovers(path)
    hidden, fd = _make_hidden(path, PARTIAL_MARK)
    target = _HiddenFile(path, hidden, fd, size, marker)
    try:
        with naming(path):
            os.ftruncate(fd, size)
        yield target
    finally:
        if not target.finished:
            _unlink(hidden)
        os.close(fd)


@contextmanager
def open_old_file(
    path: Path, size: int, marker: Path, restoring: Restoring
) -> Iterator[_File]:
    """The file at `path`, to be brought up to date.

    On a clone of it where that can be: then the old file stays as it is
    until the new one is whole. Otherwise in place.
    """
    _check_place(path)
    with naming(path):
        old = os.open(path, _OPEN)
    try:
        clone = _clone_of(path, old)
        if clone is not None:
            with _on_clone(path, clone, size, marker) as target:
                yield target
        else:
            with _in_place(path, old, size, marker, restoring) as in_place:
                yield in_place
    finally:
        os.close(old)


@contextmanager
def _on_clone(
    path: Path, clone: tuple[Path, int], size: int, marker: Path
) -> Iterator[_File]:
    hidden, fd = clone
    target = _HiddenFile(path, hidden, fd, size, marker)
    keep = False
    try:
        with naming(path):
            os.ftruncate(fd, size)
        yield target
    except (DestinationError, KeyboardInterrupt) as error:
        keep = True
        error.add_note(
            f"{path} is as it was, and what was brought up to date so far is"
            " kept for the same command"
        )
        raise
    finally:
        if not target.finished and not keep:
            _unlink(hidden)
        os.close(fd)


@contextmanager
def _in_place(
    path: Path, fd: int, size: int, marker: Path, restoring: Restoring
) -> Iterator[_File]:
    with naming(path):
        _lock(path, fd)
    target = _FileInPlace(path, fd, size, marker, restoring)
    try:
        yield target
    except BaseException as error:
        if target.begun:
            error.add_note(
                f"{path} is incomplete: it holds parts of two sessions until"
                " the same command has ended well"
            )
        raise


def _lock(path: Path, fd: int) -> None:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise TargetError(
            f"{path} is locked by another program", about=str(path)
        ) from None


def _clone_of(path: Path, old: int) -> tuple[Path, int] | None:
    """A clone under a hidden name, or the one a killed run left."""
    _clean_leftovers(path, but=UPDATE_MARK)
    left = _adopted(path)
    if left is not None:
        return left
    hidden, fd = _make_hidden(path, UPDATE_MARK)
    try:
        with naming(path):
            if blocks.share_blocks(old, fd):
                return hidden, fd
    except BaseException:
        _unlink(hidden)
        os.close(fd)
        raise
    _unlink(hidden)
    os.close(fd)
    return None


def _adopted(path: Path) -> tuple[Path, int] | None:
    """What a killed update of this file left; live ones hold a lock."""
    for left in _leftovers(path, UPDATE_MARK):
        with suppress(OSError):
            fd = os.open(left, _OPEN)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(fd).st_nlink:
                    return left, fd
            except BaseException:
                os.close(fd)
                raise
            os.close(fd)
    return None


def _make_hidden(path: Path, mark: str) -> tuple[Path, int]:
    while True:
        hidden = unfinished.hidden_beside(path, mark + secrets.token_hex(4))
        with naming(path):
            fd = os.open(hidden, _OPEN | os.O_CREAT | os.O_EXCL, 0o600)
        # Held while it is written: another run's clean-up lets it be.
        fcntl.flock(fd, fcntl.LOCK_EX)
        if os.fstat(fd).st_nlink:
            return hidden, fd
        # Another run took it for a dead one's before the lock was ours.
        os.close(fd)


def _check_place(path: Path) -> None:
    if not path.parent.is_dir():
        raise TargetError(
            f"there is no directory {path.parent} to restore into",
            about=str(path),
        )
    if os.path.lexists(path) and not path.is_file():
        raise TargetError(
            f"{path} is neither a file nor a block device", about=str(path)
        )
    if path.is_relative_to("/dev") and not path.is_relative_to("/dev/shm"):
        raise TargetError(
            f"there is no device {path} to restore to", about=str(path)
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


def _leftovers(path: Path, mark: str) -> list[Path]:
    prefix = unfinished.hidden_beside(path, mark).name
    return [
        path.with_name(name)
        for name in sorted(os.listdir(path.parent))
        if name.startswith(prefix)
    ]


def _clean_leftovers(path: Path, but: str = "") -> None:
    """Remove what killed restores of this file left; live ones hold a lock."""
    for mark in (PARTIAL_MARK, UPDATE_MARK):
        for left in _leftovers(path, mark) if mark != but else ():
            with suppress(OSError):
                _remove_if_dead(left)


def _remove_if_dead(left: Path) -> None:
    fd = os.open(left, _OPEN)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(left)
    finally:
        os.close(fd)


def _unlink(path: Path) -> None:
    with suppress(FileNotFoundError):
        os.unlink(path)
