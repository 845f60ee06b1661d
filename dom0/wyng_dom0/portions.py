# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""How much is to be done at most: a time, a share, files of dom0. Pure."""

import re

from wyng_dom0.errors import BadInput
from wyng_dom0.names import quote

_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400}
_TIME = re.compile(r"(?:[0-9]{1,6}(?:min|[shd]))+", re.ASCII)
_SHARE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)%?", re.ASCII)

_LIMIT = re.compile("([0-9]{1,15})([KMGT]?)(?:,([0-9]{1,7}))?", re.I | re.ASCII)
# No restore believes in more.
_FILES_MAX = 1_000_000


def parse_limit(text: str) -> tuple[int, int]:
    """(bytes, files) of `20G` or `20G,500000`; 0 files: not said."""
    found = _LIMIT.fullmatch(text)
    files = int(found[3] or 0) if found else -1
    if found is None or found[3] and not 0 < files <= _FILES_MAX:
        raise BadInput(
            "--files-limit takes a size, and behind a comma a number of files"
            f" up to {_FILES_MAX}, as in 20G,500000; not {quote(text)}"
        )
    power = "KMGT".index(found[2].upper()) + 1 if found[2] else 0
    return int(found[1]) << (10 * power), files


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
