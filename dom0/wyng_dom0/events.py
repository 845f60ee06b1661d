# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a run tells while it goes on: the bar, --json and the applet read it.

Owns the events and their form as JSON. Shows nothing itself. Sizes are bytes.
A listener is called from the thread that runs the command, in order.
"""

from dataclasses import dataclass, fields
from typing import Callable, Dict, Optional, Tuple, Union

JsonValue = Union[str, int, float, bool, None, Tuple[str, ...]]


@dataclass(frozen=True)
class RunStarted:
    """A command that reports began; `session` is "" where none is made."""

    command: str
    archive: str
    volumes: Tuple[str, ...]
    session: str = ""


@dataclass(frozen=True)
class VolumeStarted:
    """Work on one volume begins; `total_bytes` is its whole size."""

    volume: str
    total_bytes: int


@dataclass(frozen=True)
class Progress:
    """How far one volume is; holes count as done, sent is what travelled."""

    volume: str
    done_bytes: int
    total_bytes: int
    sent_bytes: int = 0


@dataclass(frozen=True)
class VolumeDone:
    """One volume is finished; `error` is one sentence or None.

    `changed` is False when no session was made because nothing differed.
    `sequence` is 0 where the command makes no session.
    """

    volume: str
    total_bytes: int = 0
    changed_bytes: int = 0
    sent_bytes: int = 0
    session: str = ""
    sequence: int = 0
    changed: bool = True
    point_in_time: bool = True
    error: Optional[str] = None


@dataclass(frozen=True)
class Notice:
    """Something the user may want to know."""

    text: str


@dataclass(frozen=True)
class Warning_:
    """Something the user should act on; the run goes on."""

    text: str


@dataclass(frozen=True)
class RunDone:
    """The last event. `head_code` lets a new machine judge freshness."""

    command: str
    archive: str
    sent_bytes: int = 0
    volumes_done: int = 0
    volumes_failed: int = 0
    head_code: str = ""


Event = Union[
    RunStarted, VolumeStarted, Progress, VolumeDone, Notice, Warning_, RunDone
]
Listener = Callable[[Event], None]

_NAMES: Dict[type, str] = {
    RunStarted: "run-started",
    VolumeStarted: "volume-started",
    Progress: "progress",
    VolumeDone: "volume-done",
    Notice: "notice",
    Warning_: "warning",
    RunDone: "run-done",
}


def to_dict(event: Event) -> Dict[str, JsonValue]:
    """The event as one JSON object: its kind under "event", then its fields."""
    result: Dict[str, JsonValue] = {"event": _NAMES[type(event)]}
    for field in fields(event):
        result[field.name] = getattr(event, field.name)
    return result


def ignore(event: Event) -> None:
    """The listener of those who don't listen."""
