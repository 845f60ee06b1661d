# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""How a destination is used, beside where it is: limits and patience."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from wyng_dom0.errors import BadInput
from wyng_dom0.names import quote

_RATE = re.compile(r"([0-9]{1,12})([KMG]?)")
_RATE_MIN = 8 * 1024
_NUMBER = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")
_HOUR = 3600.0


def _never_held() -> float:
    return 0.0


@dataclass(frozen=True)
class Reach:
    """`silence`: seconds without a byte of an answer. `session_limit`:
    seconds after which a call is ended, whatever it does; not counted is
    what `held` gives, for how long the user has held the run until now.
    `rate`: bytes a second in either direction, 0 for no bound.
    `mount_depth`: see Hello."""

    silence: float = 120.0
    session_limit: float = 72 * _HOUR
    rate: int = 0
    mount_depth: int = 0
    bootstrap: bool = False
    held: Callable[[], float] = field(default=_never_held, compare=False)


def parse_rate(text: str) -> int:
    """Bytes a second, as 500K or 2M; raises BadInput."""
    found = _RATE.fullmatch(text)
    number = 0
    if found is not None:
        number = int(found[1]) << (10 * " KMG".index(found[2] or " "))
    if number < _RATE_MIN:
        raise BadInput(
            f"--limit-rate {quote(text)} is not a number of bytes a second,"
            " as 500K or 2M, of at least 8K"
        )
    return number


def parse_seconds(text: str) -> float:
    """--timeout: at least one second; raises BadInput."""
    return _number(text, 1.0, "--timeout", "seconds")


def parse_hours(text: str) -> float:
    """--session-limit, given in hours, as seconds; raises BadInput."""
    return _number(text, 0.0, "--session-limit", "hours") * _HOUR


def _number(text: str, least: float, option: str, unit: str) -> float:
    if not _NUMBER.fullmatch(text) or float(text) < least or not float(text):
        raise BadInput(f"{option} {quote(text)} is no number of {unit}")
    return float(text)
