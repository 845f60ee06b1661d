# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The folder of another program's archive, read without following a link.

Owns how files of it are opened: by names that were checked, one folder after
another, regular files only, never through a symbolic link, never for
writing. What is read is untrusted.
"""

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

from wyng_dom0.errors import ForeignDamage, NotFound, SourceError
from wyng_dom0.names import quote

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NO_LINKS = errno.ELOOP, errno.ENOTDIR


class Folder:
    """A folder by its descriptor, and what lies below it."""

    def __init__(self, fd: int, shown: str) -> None:
        self._fd = fd
        self.shown = shown

    @contextmanager
    def file(self, parts: Sequence[str]) -> Iterator[BinaryIO]:
        """A regular file below, open for reading.

        NotFound where there is none, ForeignDamage where it is a link or no
        file, SourceError where it can't be read.
        """
        where = "/".join(parts)
        with self._reached(parts[:-1]) as fd:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            opened = _open(parts[-1], flags, fd, where)
        with open(opened, "rb", buffering=0) as file:
            if not stat.S_ISREG(os.fstat(opened).st_mode):
                raise ForeignDamage(f"{quote(where)} is no regular file")
            yield file

    def read(self, parts: Sequence[str], bound: int) -> bytes:
        """All of a file of at most `bound` bytes; ForeignDamage if longer."""
        with self.file(parts) as file:
            untrusted = read_up_to(file, bound + 1)
        if len(untrusted) > bound:
            raise ForeignDamage(
                f"{quote('/'.join(parts))} is larger than {bound} bytes"
            )
        return untrusted

    def has(self, *parts: str) -> bool:
        """Is there something of that name below?"""
        if not all(map(_is_name, parts)):
            return False
        try:
            with self._reached(parts[:-1]) as fd:
                os.stat(parts[-1], dir_fd=fd, follow_symlinks=False)
        except (NotFound, ForeignDamage, OSError):
            return False
        return True

    def folders(self, most: int, *parts: str) -> list[str]:
        """The names of the folders in a folder below, no links; ordered.

        ForeignDamage when there are more than `most` entries.
        """
        found = []
        with self._reached(parts) as fd, os.scandir(fd) as entries:
            for count, entry in enumerate(entries):
                if count >= most:
                    raise ForeignDamage(
                        f"{quote('/'.join((self.shown, *parts)))} has more"
                        f" than {most} entries"
                    )
                if entry.is_dir(follow_symlinks=False):
                    found.append(entry.name)
        return sorted(found)

    @contextmanager
    def _reached(self, parts: Sequence[str]) -> Iterator[int]:
        fd = os.dup(self._fd)
        try:
            for at, part in enumerate(parts):
                where = "/".join(parts[: at + 1])
                below = _open(part, _FOLDER | os.O_NOFOLLOW, fd, where)
                os.close(fd)
                fd = below
            yield fd
        finally:
            os.close(fd)


@contextmanager
def open_folder(path: str) -> Iterator[Folder]:
    """The folder at a path the user named; NotFound, or SourceError."""
    try:
        fd = os.open(path, _FOLDER)
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(
            f"there is no directory {quote(path)}", about=path
        ) from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it has a zero byte"
        raise SourceError(f"{quote(path)} can't be read: {why}") from None
    try:
        yield Folder(fd, path)
    finally:
        os.close(fd)


def read_up_to(file: BinaryIO, most: int) -> bytes:
    """What there is to read, up to so many bytes."""
    pieces = []
    while most > 0:
        try:
            piece = file.read(min(most, 1 << 20))
        except OSError as error:
            raise SourceError(
                f"the old archive can't be read: {error.strerror}"
            ) from None
        if not piece:
            break
        pieces.append(piece)
        most -= len(piece)
    return b"".join(pieces)


def _open(name: str, flags: int, fd: int, where: str) -> int:
    if not _is_name(name):
        raise ForeignDamage(f"{quote(where)} is no name of a file")
    try:
        return os.open(name, flags, dir_fd=fd)
    except FileNotFoundError:
        raise NotFound(f"{quote(where)} is missing", about=where) from None
    except OSError as error:
        if error.errno in _NO_LINKS:
            raise ForeignDamage(
                f"{quote(where)} is a link, or not what it must be"
            ) from None
        raise SourceError(
            f"{quote(where)} can't be read: {error.strerror}"
        ) from None


def _is_name(name: str) -> bool:
    return name not in ("", ".", "..") and not {"/", "\0"} & {*name}
