# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What brings the store to a host that has nothing but Python.

dom0 sends the source of this module on ssh's command line, so it imports the
standard library alone. It greets, is told the hash of the store's zipapp,
asks for it when it isn't kept here yet, checks it and becomes it. Any
Python 3 must be able to read it, so that an old one can say so.
"""

import hashlib
import os
import sys
from typing import List

GREETING = b"WYNGLOAD"
HAVE, WANT = b"Y", b"N"
DIGITS = 64
SIZE_DIGITS = 8
TOO_OLD, BAD_BYTES = 93, 94
OLDEST = (3, 9)


def load(words: List[str]) -> None:
    """Become the store, with these arguments; never returns."""
    if sys.version_info[:2] < OLDEST:
        sys.exit(TOO_OLD)
    os.write(1, GREETING)
    name = take(DIGITS).decode("ascii")
    size = int(take(SIZE_DIGITS))
    path = keep(name, size, os.path.expanduser("~/.cache/wyng-store"))
    os.execv(sys.executable, [sys.executable, "-I", path] + words)


def take(size: int) -> bytes:
    """Exactly so many bytes of standard input."""
    parts = []
    while size:
        part = os.read(0, min(size, 65536))
        if not part:
            sys.exit(1)
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def keep(name: str, size: int, folder: str) -> str:
    """The path of the zipapp with that hash, fetched when need be."""
    if len(name) != DIGITS or set(name) - set("0123456789abcdef"):
        sys.exit(BAD_BYTES)
    path = os.path.join(folder, name + ".pyz")
    if is_good(path, name):
        os.write(1, HAVE)
        return path
    os.write(1, WANT)
    data = take(size)
    if hashlib.sha256(data).hexdigest() != name:
        sys.exit(BAD_BYTES)
    os.makedirs(folder, 0o700, exist_ok=True)
    part = "%s.%d" % (path, os.getpid())
    with open(part, "wb") as file:
        file.write(data)
    # What is cut off by a crash fails its hash and is fetched again.
    os.replace(part, path)
    return path


def is_good(path: str, name: str) -> bool:
    """Is what is kept there what its name says?"""
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest() == name
    except OSError:
        return False
