# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Presets of what is kept, and which moments each of them keeps.

Pure. The arithmetic is wyng_dom0.keeping, which is a prune's own.
"""

from dataclasses import dataclass
from typing import Dict, List, Mapping, Tuple

from wyng_dom0.keeping import chosen_by
from wyng_dom0.rules import RuleValue, parse_rules

HOUR, DAY, YEAR = 3600, 86400, 31_557_600
COUNTS = ("hourly", "daily", "weekly", "monthly", "yearly")
ALL, SHORT, USUAL, LONG, OWN = "all", "short", "usual", "long", "own"
PRESETS: Dict[str, Dict[str, int]] = {
    SHORT: {"hourly": 24, "daily": 7, "weekly": 4},
    USUAL: {"hourly": 48, "daily": 30, "monthly": 24},
    LONG: {
        "hourly": 48,
        "daily": 60,
        "weekly": 52,
        "monthly": 60,
        "yearly": 20,
    },
    ALL: {},
}
COUNT_MAX = 10_000
# As `apdays`: nothing is too old, nothing is thinned.
KEEP_ALL = "0:0:1:1"
_YEARS = 21
# Beyond what `hourly` reaches one moment a day is all that rules look at.
_HOURLY_MOST = 60 * 24
_STEPS = {"hourly": HOUR, "daily": DAY, "weekly": 7 * DAY, "off": 7 * DAY}


@dataclass(frozen=True)
class Made:
    """A session that would have been made."""

    time_ns: int
    sequence: int
    offset: int = 0


def kept_ages(
    counts: Mapping[str, int], every: str, now: int, years: int = _YEARS
) -> List[int]:
    """Ages in seconds of all that is kept, newest first.

    As if sessions had been made `every` so often for `years`; `now` in
    seconds since 1970. Rules that keep nothing keep everything.
    """
    step = _STEPS.get(every, DAY)
    ages = _ages(counts, step, years)
    if not any(counts.values()):
        return ages
    moments = [
        Made((now - age) * 10**9, number)
        for number, age in enumerate(reversed(ages))
    ]
    rules = parse_rules(values_of(counts))
    assert rules is not None
    # The newest stays, whatever rules say.
    kept = {*chosen_by(moments, rules, moments[-1]), moments[-1].sequence}
    last = moments[-1].sequence
    return [ages[last - number] for number in sorted(kept, reverse=True)]


def values_of(counts: Mapping[str, int]) -> Dict[str, RuleValue]:
    """Rules as the engine's options have them, without what is 0.

    Without any a rule that keeps everything: no rule at all would thin.
    """
    found: Dict[str, RuleValue] = {}
    found.update({f"keep-{key}": str(n) for key, n in counts.items() if n})
    return found or {"apdays": KEEP_ALL}


def words_of(counts: Mapping[str, int]) -> Tuple[str, ...]:
    """The same as words of a command line."""
    return tuple(f"--{key}={value}" for key, value in values_of(counts).items())


def preset_of(counts: Mapping[str, int]) -> str:
    """The preset that says just that, else OWN."""
    given = {key: n for key, n in counts.items() if n}
    found = [name for name, each in PRESETS.items() if each == given]
    return found[0] if found else OWN


def _ages(counts: Mapping[str, int], step: int, years: int) -> List[int]:
    """Newest first; hours only as far back as they matter."""
    end = years * YEAR
    near = end
    if step < DAY and any(counts.values()):
        near = (max(counts.get("hourly", 0), _HOURLY_MOST) + 48) * HOUR
    elif step < DAY:
        near = _HOURLY_MOST * HOUR
    fine = list(range(0, min(near, end), step))
    coarse = max(step, DAY)
    return fine + list(range(fine[-1] + coarse, end, coarse))
