# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""When systemd starts the sends of an archive: read, and written anew.

Owns the drop-ins that say so, one file of its own in the folder of each
unit, so that what the user wrote beside them goes before. Each file is whole
at every moment; systemd heeds them after the reload that follows, and a run
that ends in between is mended by the next one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from wyng_dom0.runs import systemd
from wyng_dom0.runs.timers import next_sends, timer_of
from wyng_dom0.state import durable

UNITS = Path("/etc/systemd/system")
DROP_IN = "50-qvm-wyng-schedule.conf"
_HEAD = (
    "# Written by `qvm-wyng schedule`, which writes it anew. Your own changes\n"
    "# go into a file beside it: systemctl edit.\n"
)


@dataclass(frozen=True)
class Schedule:
    """`calendar` as systemd takes it, "" where it is not known."""

    enabled: bool
    calendar: str
    persistent: bool
    on_battery: bool
    monitor: bool


def read_schedule(archive: str) -> Schedule:
    """What counts now, whoever wrote it."""
    timer = _shown(timer_of(archive))
    service = _shown(f"qvm-wyng-send@{archive}.service")
    calendars = _values(timer, "OnCalendar")
    return Schedule(
        enabled=_is_enabled(timer_of(archive)),
        calendar="; ".join(calendars),
        persistent=_values(timer, "Persistent")[-1:] in (["true"], ["yes"]),
        on_battery=not _values(service, "ConditionACPower"),
        monitor=_is_enabled(_monitor(archive)),
    )


def next_send(archive: str) -> datetime | None:
    """When the next one starts; None for never."""
    return next_sends([archive]).get(archive)


def write_schedule(archive: str, schedule: Schedule) -> None:
    """Durably write it down and let systemd heed it.

    The calendar must be one. Raises Refused with what systemctl says, and
    OSErrors of the files.
    """
    yes = "true" if schedule.persistent else "false"
    _write(
        timer_of(archive),
        f"[Timer]\nOnCalendar=\nOnCalendar={schedule.calendar}\n"
        f"Persistent={yes}\n",
    )
    # An empty condition takes those before it away.
    battery = "[Unit]\nConditionACPower=\n" if schedule.on_battery else ""
    for each in ("send", "monitor"):
        _write(f"qvm-wyng-{each}@{archive}.service", battery)
    systemd.tell("daemon-reload")
    sends = [timer_of(archive), f"qvm-wyng-overdue@{archive}.timer"]
    _switch(sends, schedule.enabled)
    _switch([_monitor(archive)], schedule.enabled and schedule.monitor)


def end_schedule(archive: str) -> bool:
    """Durably start no more sends to an archive, and drop what was written.

    False where none was started. Raises Refused with what systemctl says.
    """
    timers = [timer_of(archive), _monitor(archive)]
    if not any(_is_enabled(each) for each in timers):
        return False
    _switch([*timers, f"qvm-wyng-overdue@{archive}.timer"], False)
    _write(timer_of(archive), "")
    for each in ("send", "monitor"):
        _write(f"qvm-wyng-{each}@{archive}.service", "")
    systemd.tell("daemon-reload")
    return True


def _switch(timers: "list[str]", on: bool) -> None:
    if not on:
        systemd.tell("disable", "--now", "--", *timers)
        return
    systemd.tell("enable", "--", *timers)
    # One that runs goes on with the times it had.
    systemd.tell("restart", "--", *timers)


def _write(unit: str, text: str) -> None:
    folder = UNITS / f"{unit}.d"
    if not text:
        if folder.is_dir():
            durable.remove_private(folder / DROP_IN)
        return
    durable.make_public_folder(folder)
    data = (_HEAD + text).encode("utf-8")
    durable.write_private(folder / DROP_IN, data, mode=0o644)


def _monitor(archive: str) -> str:
    return f"qvm-wyng-monitor@{archive}.timer"


def _is_enabled(unit: str) -> bool:
    words = ("show", "--property=UnitFileState", "--value", "--", unit)
    return systemd.ask(systemd.SYSTEMCTL, *words).out.strip() == "enabled"


def _shown(unit: str) -> str:
    """The unit's file and its drop-ins, in the order in which they count."""
    return systemd.ask(systemd.SYSTEMCTL, "cat", "--", unit).out


def _values(shown: str, key: str) -> "list[str]":
    """All that a key was given since it was last emptied."""
    found: "list[str]" = []
    for value in _given(shown, key):
        found = [*found, value] if value else []
    return found


def _given(shown: str, key: str) -> Iterator[str]:
    for line in shown.splitlines():
        name, equals, value = line.partition("=")
        if equals and name.strip() == key:
            yield value.strip()
