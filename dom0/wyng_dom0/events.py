# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a run tells while it goes on: the bar, --json and the applet read it.

Owns the events and their form as JSON. Shows nothing itself. Sizes are bytes.
A listener is called from the thread that runs the command, in order.
"""

from dataclasses import dataclass, fields
from typing import (
    Any,
    Callable,
    Dict,
    Mapping,
    Optional,
    Tuple,
    Type,
    Union,
)

JsonValue = Union[str, int, float, bool, None, Tuple[str, ...]]


@dataclass(frozen=True)
class RunStarted:
    """A command that reports began; `session` is "" where none is made.

    `volumes` are those it is about; what it skips is not among them.

    `total_bytes` is the size of all volumes, 0 where it is not known yet.
    `run` is what pause, resume, cancel and watch call it; whoever shares the
    run puts it in.
    """

    command: str
    archive: str
    volumes: Tuple[str, ...]
    session: str = ""
    total_bytes: int = 0
    run: str = ""


@dataclass(frozen=True)
class RunSized:
    """The size of all volumes of the run is known now."""

    total_bytes: int


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
class Overall:
    """How far all of the run is; comes after what changes it.

    `done_bytes` counts volumes that are done with all of their size, also
    those that failed. `total_bytes` is 0 while it is unknown. Volumes that
    were skipped are in none of the numbers.
    """

    done_bytes: int
    total_bytes: int
    sent_bytes: int
    volumes_done: int
    volumes_total: int


@dataclass(frozen=True)
class VolumeSkipped:
    """A volume is passed over, and why in a few words; no failure.

    `asked_for` is True where the user said so.
    """

    volume: str
    why: str
    asked_for: bool = False


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
class Paused:
    """The run reads nothing until it is resumed; `run` is its name."""

    run: str


@dataclass(frozen=True)
class Resumed:
    """A paused run goes on."""

    run: str


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
    RunStarted,
    RunSized,
    VolumeStarted,
    Progress,
    Overall,
    VolumeSkipped,
    VolumeDone,
    Notice,
    Warning_,
    Paused,
    Resumed,
    RunDone,
]
Listener = Callable[[Event], None]

_NAMES: Dict[Type[Event], str] = {
    RunStarted: "run-started",
    RunSized: "run-sized",
    VolumeStarted: "volume-started",
    Progress: "progress",
    Overall: "overall",
    VolumeSkipped: "volume-skipped",
    VolumeDone: "volume-done",
    Notice: "notice",
    Warning_: "warning",
    Paused: "paused",
    Resumed: "resumed",
    RunDone: "run-done",
}


def to_dict(event: Event) -> Dict[str, JsonValue]:
    """The event as one JSON object: its kind under "event", then its fields."""
    result: Dict[str, JsonValue] = {"event": _NAMES[type(event)]}
    for field in fields(event):
        result[field.name] = getattr(event, field.name)
    return result


def from_dict(values: Mapping[str, object]) -> Optional[Event]:
    """The event that to_dict made this of, read from JSON.

    What has other fields, or is no event, is None: a run of another version
    may have told it.
    """
    for kind, name in _NAMES.items():
        if values.get("event") != name:
            continue
        given = {
            field.name: _frozen(values[field.name])
            for field in fields(kind)
            if field.name in values
        }
        try:
            return kind(**given)
        except TypeError:
            return None
    return None


def _frozen(value: object) -> Any:
    return tuple(value) if isinstance(value, list) else value


def ignore(event: Event) -> None:
    """The listener of those who don't listen."""
