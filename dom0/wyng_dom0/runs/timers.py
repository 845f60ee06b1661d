# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""systemd, where it runs: when the next send is, and starting one now.

Asks systemctl for a fixed list of properties and a bounded time; whatever
goes wrong there means that nothing is known, or was started.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone

from wyng_dom0.runs import systemd

_SECONDS = 5.0
_PROPERTIES = "Id,ActiveState,NextElapseUSecRealtime"
# What needs no escaping in the name of a unit.
_PLAIN = re.compile(r"[A-Za-z0-9_.-]+", re.ASCII)
# As systemctl shows times where the zone is UTC.
_MOMENT = re.compile(
    r"[A-Z][a-z]{2} ([0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}) UTC", re.ASCII
)


def can_be_timed(archive: str) -> bool:
    """Can a unit be named after it as it is?"""
    return _PLAIN.fullmatch(archive) is not None


def timer_of(archive: str) -> str:
    """The timer of an archive's sends."""
    return f"qvm-wyng-send@{archive}.timer"


def start_send(archive: str) -> bool:
    """Have systemd start a send, unless one runs; False when it can't.

    Does not wait for it. An archive whose name needs escaping has no unit.
    """
    unit = f"qvm-wyng-send@{archive}.service"
    return can_be_timed(archive) and _start(unit)


def start_requests() -> bool:
    """Have systemd do what was asked for and may be done by itself."""
    return _start("qvm-wyng-requests.service")


def _start(unit: str) -> bool:
    """--no-block: what was started may last for hours."""
    words = ("start", "--no-block", "--", unit)
    answer = systemd.ask(systemd.SYSTEMCTL, *words, seconds=_SECONDS)
    return answer.code == 0


def next_sends(archives: Iterable[str]) -> dict[str, datetime]:
    """Archive -> when its timer starts a send; those without are not in it."""
    names = [name for name in archives if can_be_timed(name)]
    if not names or not systemd.is_there():
        return {}
    return parse_timers(_ask([timer_of(name) for name in names]), names)


def parse_timers(shown: str, archives: Iterable[str]) -> dict[str, datetime]:
    """The times in what `systemctl show` said of some archives' timers."""
    by_timer = {timer_of(name): name for name in archives}
    found = {}
    for block in shown.split("\n\n"):
        values = _values(block)
        name = by_timer.get(values.get("Id", ""))
        moment = _moment(values.get("NextElapseUSecRealtime", ""))
        is_active = values.get("ActiveState") == "active"
        if name is not None and moment is not None and is_active:
            found[name] = moment
    return found


def _values(block: str) -> Mapping[str, str]:
    pairs = (line.partition("=") for line in block.splitlines())
    return {key: value for key, _, value in pairs}


def _moment(shown: str) -> datetime | None:
    match = _MOMENT.fullmatch(shown)
    if match is None:
        return None
    try:
        moment = datetime.strptime(match[1], "%Y-%m-%d %H:%M:%S")
    except ValueError:
        return None
    return moment.replace(tzinfo=timezone.utc)


def _ask(timers: list[str]) -> str:
    """What systemctl says, "" if nothing.

    --timestamp=unix would be easier to read, but systemd before 259 does not
    heed it for this property.
    """
    words = ("show", f"--property={_PROPERTIES}", "--", *timers)
    return systemd.ask(systemd.SYSTEMCTL, *words, seconds=_SECONDS).out
