# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""One file, folder or link as it stands in a volume of files.

Paths and targets are bytes: a file's name need not be text. Owns the bounds.
"""

from dataclasses import dataclass
from enum import Enum

from wyng_common import limits
from wyng_dom0.errors import SourceError

# As the kernel has them, of a path that is handed to it whole.
PATH_BYTES_MAX = 4095
NAME_BYTES_MAX = 255
# Names in a path: what removes a folder holds a descriptor for each level.
DEPTH_MAX = 256
# All extended attributes of one file together, names and values.
XATTR_BYTES_MAX = 64 * limits.KIB
FILES_MAX = 200_000
SIZE_MAX = 10 * 1024 * limits.MIB
# Whoever reads an archive of any age and origin believes no more than this.
ENTRIES_MAX = 1_000_000
# What is kept of all entries together until the last one, see Entry.kept.
KEPT_BYTES_MAX = 256 * limits.MIB


class TooMuch(SourceError):
    """There is more than a volume of files may hold."""


class Kind(Enum):
    """The value is the type flag in a tar."""

    FILE = b"0"
    HARD_LINK = b"1"
    LINK = b"2"
    FOLDER = b"5"


@dataclass(frozen=True, slots=True)
class Entry:
    """`path` is relative and has no trailing '/'. `size` is of a file.

    `target` is what a symbolic link says, or the path of the first name of a
    file that has several. `mode` has the permission bits, those of setuid and
    setgid included.
    """

    path: bytes
    kind: Kind
    mode: int = 0o600
    uid: int = 0
    gid: int = 0
    mtime_ns: int = 0
    size: int = 0
    target: bytes = b""
    xattrs: tuple[tuple[bytes, bytes], ...] = ()

    @property
    def kept(self) -> int:
        """Bytes of it that whoever reads a volume may have to keep: names,
        and the attributes of folders, which get them at the end."""
        names = len(self.path) + len(self.target)
        if self.kind is not Kind.FOLDER:
            return names
        return names + sum(len(n) + len(value) for n, value in self.xattrs)


@dataclass(frozen=True)
class Bounds:
    """How many files, and bytes in them that are really there."""

    files: int = FILES_MAX
    size: int = SIZE_MAX


def shown(path: bytes) -> str:
    """A path as text; what is no UTF-8 in it comes as surrogates."""
    return path.decode("utf-8", "surrogateescape")
