# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Unpacking a volume of files into an empty folder of our own.

Whatever the volume says, nothing is made outside of the folder, nothing that
is there is written to, and nothing made there leads out: every folder on the
way is opened by itself and must be one, files are made new, a link may climb
only first and no higher than the folder. No device, no setuid bit. What is
left out for that is told; links that are can be read in a file beside.

Raises OSError for what the system refuses: then all of it has failed.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from wyng_dom0.errors import IntegrityError
from wyng_dom0.files.below import open_folder, split
from wyng_dom0.files.entry import Entry, Kind, shown
from wyng_dom0.files.reader import Piece
from wyng_dom0.state import durable

LINKS_NAME = b"links-not-made.txt"
_MODE = 0o777
_FOLDER_MODE = 0o700
_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# Those of the user, and access lists; no rights that a program gets by them.
_XATTRS = (b"user.", b"system.posix_acl_")
LEADS_OUT = "a link that leads out of it, listed in links-not-made.txt"
TWICE = "named twice"
NO_FIRST_NAME = "another name of a file that is not there"
NO_XATTRS = "some of its extended attributes"


@dataclass(frozen=True)
class Owners:
    """Who gets what is made: the archive's owners, or one; None: us."""

    kept: bool = False
    one: tuple[int, int] | None = None

    def of(self, entry: Entry) -> tuple[int, int] | None:
        """(user, group), or None to leave it."""
        return (entry.uid, entry.gid) if self.kept else self.one


@dataclass
class Unpacking:
    """Unpacks entries in the order of a volume into the folder `top`."""

    top: int
    owners: Owners = Owners()
    # (path, what) of all that was left out, or is not as it was.
    left_out: list[tuple[bytes, str]] = field(default_factory=list)
    files: int = 0
    size: int = 0
    _folders: list[Entry] = field(default_factory=list)
    _links: list[Entry] = field(default_factory=list)

    def take(self, entry: Entry, content: Iterator[Piece]) -> None:
        """Make one entry."""
        folder, name = split(entry.path)
        with self._parent(folder) as parent:
            try:
                self._make(parent, name, entry, content)
            except FileExistsError:
                self.left_out.append((entry.path, TWICE))

    def finish(self) -> None:
        """Modes and times of folders, when nothing is put there any more."""
        if self._links:
            self._list_links()
        for entry in reversed(self._folders):
            fd = open_folder(self.top, entry.path)
            try:
                self._dress(fd, entry)
            finally:
                os.close(fd)

    def _make(
        self, parent: int, name: bytes, entry: Entry, content: Iterator[Piece]
    ) -> None:
        if entry.kind is Kind.FOLDER:
            os.mkdir(name, _FOLDER_MODE, dir_fd=parent)
            self._folders.append(entry)
        elif entry.kind is Kind.FILE:
            self._write(parent, name, entry, content)
        elif entry.kind is Kind.LINK:
            self._link(parent, name, entry)
        else:
            self._hard_link(parent, name, entry)

    def _write(
        self, parent: int, name: bytes, entry: Entry, content: Iterator[Piece]
    ) -> None:
        fd = os.open(name, _FILE, 0o600, dir_fd=parent)
        try:
            at = 0
            for piece in content:
                if isinstance(piece, int):
                    at += piece
                    continue
                # What is all zeros is left a hole.
                if piece.strip(b"\0"):
                    durable.write_all(fd, piece, at)
                at += len(piece)
            os.ftruncate(fd, at)
            self._dress(fd, entry)
        finally:
            os.close(fd)
        self.files += 1
        self.size += at

    def _link(self, parent: int, name: bytes, entry: Entry) -> None:
        if not stays_inside(entry.path, entry.target):
            self.left_out.append((entry.path, LEADS_OUT))
            self._links.append(entry)
            return
        os.symlink(entry.target, name, dir_fd=parent)
        owner = self.owners.of(entry)
        if owner is not None:
            os.chown(name, *owner, dir_fd=parent, follow_symlinks=False)

    def _hard_link(self, parent: int, name: bytes, entry: Entry) -> None:
        folder, first = split(entry.target)
        try:
            there = open_folder(self.top, folder)
        except OSError:
            self.left_out.append((entry.path, NO_FIRST_NAME))
            return
        try:
            seen = os.stat(first, dir_fd=there, follow_symlinks=False)
            if not stat.S_ISREG(seen.st_mode):
                raise FileNotFoundError(first)
            os.link(
                *(first, name),
                src_dir_fd=there,
                dst_dir_fd=parent,
                follow_symlinks=False,
            )
        except FileNotFoundError:
            self.left_out.append((entry.path, NO_FIRST_NAME))
        finally:
            os.close(there)

    def _dress(self, fd: int, entry: Entry) -> None:
        """Owner, mode, attributes and time of what is open."""
        owner = self.owners.of(entry)
        if owner is not None:
            os.fchown(fd, *owner)
        is_whole = True
        for name, value in entry.xattrs:
            given = name.startswith(_XATTRS) and _set_xattr(fd, name, value)
            is_whole = is_whole and given
        if not is_whole:
            self.left_out.append((entry.path, NO_XATTRS))
        os.fchmod(fd, entry.mode & _MODE)
        with suppress(OverflowError, OSError):
            # A time that no file system of here holds is left.
            os.utime(fd, ns=(entry.mtime_ns, entry.mtime_ns))

    @contextmanager
    def _parent(self, folder: bytes) -> Iterator[int]:
        """The folder, made where the volume has no entry of it."""
        try:
            fd = open_folder(self.top, folder)
        except FileNotFoundError:
            self._make_folders(folder)
            fd = open_folder(self.top, folder)
        except OSError:
            raise IntegrityError(
                "this is no volume of files: one lies below what is no folder"
            ) from None
        try:
            yield fd
        finally:
            os.close(fd)

    def _make_folders(self, path: bytes) -> None:
        at = b""
        for name in path.split(b"/"):
            parent = open_folder(self.top, at)
            try:
                with suppress(FileExistsError):
                    os.mkdir(name, _FOLDER_MODE, dir_fd=parent)
                    _give(open_folder(parent, name), self.owners.one)
            finally:
                os.close(parent)
            at = at + b"/" + name if at else name

    def _list_links(self) -> None:
        """A file that says where the links led that were not made."""
        with suppress(FileExistsError):
            fd = os.open(LINKS_NAME, _FILE, 0o600, dir_fd=self.top)
            try:
                for entry in self._links:
                    line = f"{shown(entry.path)} -> {shown(entry.target)}\n"
                    data = line.encode("utf-8", "surrogateescape")
                    durable.write_all(fd, data)
                if self.owners.one is not None:
                    os.fchown(fd, *self.owners.one)
            finally:
                os.close(fd)


def stays_inside(path: bytes, target: bytes) -> bool:
    """Can a link at a path below a folder never lead out of it?

    It may climb only at its beginning, where each folder on the way is a real
    one: a '..' behind a name would climb from wherever that name leads.
    """
    if target.startswith(b"/") or not target:
        return False
    parts = [each for each in target.split(b"/") if each not in (b"", b".")]
    depth = path.count(b"/")
    climbs = 0
    while climbs < len(parts) and parts[climbs] == b"..":
        climbs += 1
    return climbs <= depth and b".." not in parts[climbs:]


def _give(fd: int, owner: tuple[int, int] | None) -> None:
    try:
        if owner is not None:
            os.fchown(fd, *owner)
    finally:
        os.close(fd)


def _set_xattr(fd: int, name: bytes, value: bytes) -> bool:
    try:
        os.setxattr(fd, name, value)
    except OSError:
        return False
    return True
