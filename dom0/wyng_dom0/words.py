# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The word list: for generated passphrases and for check words.

The list's order is part of the recovery code's form: it never changes.
"""

from functools import cache
from pathlib import Path

_FILE = Path(__file__).with_name("words.txt")


@cache
def list_words() -> tuple[str, ...]:
    """The 7776 words, in order, without the file's notes."""
    lines = _FILE.read_text("ascii").splitlines()
    return tuple(line for line in lines if line and not line.startswith("#"))
