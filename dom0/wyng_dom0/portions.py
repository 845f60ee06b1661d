# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""How much of a long job is to be done: a time at most, a share. Pure."""

import re

from wyng_dom0.errors import BadInput
from wyng_dom0.names import quote

_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400}
_TIME = re.compile(r"(?:[0-9]{1,6}(?:min|[shd]))+", re.ASCII)
_SHARE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)%?", re.ASCII)


def parse_time(text: str) -> int:
    """Seconds of `90s`, `45min`, `1h30min` or `2d`; more than 0."""
    seconds = 0
    if _TIME.fullmatch(text):
        parts = re.findall("([0-9]+)(min|[shd])", text)
        seconds = sum(int(number) * _SECONDS[unit] for number, unit in parts)
    if not seconds:
        raise BadInput(
            "--max-time takes numbers with s, min, h or d, as in 1h30min; not"
            f" {quote(text)}"
        )
    return seconds


def parse_percent(name: str, value: str) -> int:
    """1 to 100, perhaps with a %; `name` is the option's."""
    if not re.fullmatch("[0-9]{1,3}%?", value) or not (
        1 <= int(value.rstrip("%")) <= 100
    ):
        raise BadInput(f"--{name} takes 1 to 100 percent; not {quote(value)}")
    return int(value.rstrip("%"))


def parse_share(text: str) -> float:
    """The share that `1%` or `0.5%` is: more than 0, 1.0 at most."""
    found = _SHARE.fullmatch(text)
    percent = float(found.group(1)) if found else 0.0
    if not 0 < percent <= 100:
        raise BadInput(
            f"--sample takes a percentage up to 100, as in 1%; not"
            f" {quote(text)}"
        )
    return percent / 100
