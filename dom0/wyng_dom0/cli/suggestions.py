# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What was probably meant by a word that is none here. Pure."""

import difflib
from collections.abc import Iterable

# Commands of borg, restic, qvm-backup and others, and what does that here.
_ELSEWHERE = {
    "backup": "send",
    "create": "send",
    "destroy": "delete",
    "dump": "receive",
    "extract": "receive",
    "init": "arch-init",
    "ls": "list",
    "move": "rename",
    "mv": "rename",
    "remove": "delete",
    "restore": "receive",
    "rm": "delete",
    "save": "send",
    "snapshots": "list",
}


def suggest(word: str, known: Iterable[str], prefix: str = "") -> str:
    """The end of a sentence about a word that is mistyped, or ""."""
    close = difflib.get_close_matches(word, list(known), 1)
    return f": did you mean {prefix}{close[0]}?" if close else ""


def suggest_command(word: str, commands: Iterable[str]) -> str:
    """The same of a command, which may be one of another program."""
    if word in _ELSEWHERE:
        return f": did you mean {_ELSEWHERE[word]}?"
    return suggest(word, commands)
