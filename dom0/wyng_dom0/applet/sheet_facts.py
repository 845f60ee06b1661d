# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What is read off the engine's own recovery sheet, which is lines of text."""

from typing import Dict, Sequence, Tuple

_FACTS = ("archive id", "destination", "head code")


def facts_in(lines: Sequence[str]) -> Dict[str, str]:
    """The facts on the engine's own sheet, by their words."""
    found: Dict[str, str] = {}
    for line in lines:
        for fact in _FACTS:
            if line.strip().startswith(fact + "  "):
                found.setdefault(fact, line.strip()[len(fact) :].strip())
    return found


def slots_in(lines: Sequence[str]) -> Tuple[str, ...]:
    """The key slots on the engine's own sheet, a line each."""
    return tuple(each for each in lines if each.startswith("slot "))
