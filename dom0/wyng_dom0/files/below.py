# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Opening what lies below a folder, and never anything else.

Every component is opened by itself and no symbolic link is followed, so that
whoever may write below the folder can't lead us out of it.
"""

import os

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A pipe that somebody put there must not make us wait.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def split(path: bytes) -> tuple[bytes, bytes]:
    """(folder, name); the folder is b"" at the top."""
    folder, _, name = path.rpartition(b"/")
    return folder, name


def open_folder(base: int, path: bytes) -> int:
    """A descriptor of the folder at a path below `base`; b"" is itself.

    Raises OSError, ELOOP or ENOTDIR where a component is a link.
    """
    at = os.open(b".", _FOLDER, dir_fd=base)
    for name in path.split(b"/") if path else ():
        try:
            below = os.open(name, _FOLDER, dir_fd=at)
        finally:
            os.close(at)
        at = below
    return at


def open_in(folder: int, name: bytes) -> int:
    """A readable descriptor of what has a name in a folder; no link."""
    return os.open(name, _FILE, dir_fd=folder)


def open_file(base: int, path: bytes) -> int:
    """A readable descriptor of what is at a path below `base`; no link."""
    folder, name = split(path)
    at = open_folder(base, folder)
    try:
        return open_in(at, name)
    finally:
        os.close(at)
