# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Passphrases: generated ones, and how hard an own one is to guess.

Pure but for the random source. Keeps nothing of what it is given.
"""

import math
import re
import secrets
from functools import cache
from typing import FrozenSet, List, Optional

from wyng_dom0.words import list_words

GENERATED_WORDS = 7
# Below this somebody with many machines is done within years.
WEAK_BITS = 50
# Longer ones are judged by their beginning.
JUDGED_MAX = 200
# What somebody with many machines tries in a second: each guess takes 128 MiB
# of memory or more and some tenths of a second of a core.
GUESSES_PER_SECOND = 100_000

_ROWS = (
    "abcdefghijklmnopqrstuvwxyz",
    "0123456789",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "qwertzuiop",
    "azertyuiop",
)
_RUN_MIN = 3
# What everybody tries first; of the thousands on such lists those that stand
# for the kinds.
_FIRST_TRIED = frozenset(
    "password passwort passphrase letmein welcome admin administrator master"
    " monkey dragon login secret iloveyou sunshine princess football baseball"
    " shadow superman trustno1 whatever starwars qubes qubesos backup hello"
    " correct horse battery staple correcthorsebatterystaple".split()
)
_YEAR = re.compile("(?:19|20)[0-9]{2}", re.ASCII)
_FEW_BITS = 6.0


def generate_passphrase(words: int = GENERATED_WORDS) -> str:
    """Words drawn by the kernel's random source: 12.9 bits each."""
    known = list_words()
    return " ".join(secrets.choice(known) for _ in range(words))


def guessed_bits(passphrase: str) -> float:
    """About how many bits somebody must guess who knows how people choose.

    The cheapest way to make it out of words, rows of keys, repeats, years
    and single characters. Rather too low than too high; still it knows
    nothing of names and quotations.
    """
    text = passphrase[:JUDGED_MAX]
    best: List[float] = [0.0]
    for end in range(1, len(text) + 1):
        best.append(
            min(
                best[start] + cost
                for start in range(max(0, end - _PART_MAX), end)
                if (cost := _cost(text, start, end)) is not None
            )
        )
    return best[-1]


def seconds_to_guess(bits: float) -> float:
    """How long it takes on the average, see GUESSES_PER_SECOND."""
    return float(2.0 ** min(bits - 1, 400)) / GUESSES_PER_SECOND


_PART_MAX = 32


def _cost(text: str, start: int, end: int) -> Optional[float]:
    """Bits of one part as one thing; None where it is no one thing."""
    part = text[start:end]
    if len(part) == 1:
        return _single(text, start)
    lower = part.lower()
    capital = 0.0 if part == lower else 1.5
    if len(part) >= _RUN_MIN and lower in text[:start].lower():
        return 2.0 + capital
    if lower in _FIRST_TRIED or _YEAR.fullmatch(lower):
        return _FEW_BITS + capital
    if lower in _known():
        return math.log2(len(_known())) + capital
    if len(part) >= _RUN_MIN and _is_run(lower):
        return _FEW_BITS + math.log2(len(part)) + capital
    return None


def _single(text: str, at: int) -> float:
    this = text[at]
    before = text[at - 1] if at else ""
    if this == before:
        return 1.0
    if this == " ":
        return 0.5
    if this.isdigit():
        return 3.3
    if this.isalpha():
        # In a language the next letter is half known.
        inside = before.isalpha() and before.islower() == this.islower()
        return 3.0 if inside else 4.7
    return 5.0


def _is_run(part: str) -> bool:
    if len(set(part)) == 1:
        return True
    return any(part in row or part[::-1] in row for row in _ROWS)


@cache
def _known() -> FrozenSet[str]:
    return frozenset(list_words())
