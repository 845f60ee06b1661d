# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What an archive had when this machine last had it open.

Its volumes with their newest sessions, so that they can be shown with
nothing in reach. It is what was seen, not what is: another machine may have
sent since. For people to look at; nothing is decided by it.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from wyng_common import limits
from wyng_common.ids import ArchiveId
from wyng_dom0.state import json_files, locks
from wyng_dom0.state.json_files import number_of, text_of, time_of
from wyng_dom0.state.places import Places


@dataclass(frozen=True)
class SeenVolume:
    """One volume of the archive, by its id there, and its newest session.

    `newest` is "" and `time` None when it has no session. `size` is in
    bytes, `root` the newest session's tree in hex, "" for zeros; `time` is
    aware.
    """

    volume: str
    name: str
    sessions: int
    newest: str = ""
    sequence: int = 0
    time: datetime | None = None
    size: int = 0
    root: str = ""


@dataclass(frozen=True)
class Seen:
    """What was seen at the head of that sequence, at an aware time."""

    head: int
    seen_at: datetime
    volumes: tuple[SeenVolume, ...]


def note_seen(
    places: Places, archive: ArchiveId, destination: str, seen: Seen
) -> None:
    """Durably note it, unless something newer was seen meanwhile."""
    path = places.seen(archive, destination)
    with locks.hold_noted(places, path):
        known = read_seen(places, archive, destination)
        if known is not None and known.head > seen.head:
            return
        json_files.write_object(
            path,
            {
                "head": seen.head,
                "seen_at": seen.seen_at,
                "volumes": [asdict(each) for each in seen.volumes],
            },
        )


def read_seen(
    places: Places, archive: ArchiveId, destination: str
) -> Seen | None:
    """What was seen last; None for nothing, or what is damaged."""
    values = json_files.read_object(places.seen(archive, destination))
    try:
        seen_at = time_of(values, "seen_at")
        if seen_at is None:
            return None
        rows = json_files.rows_of(values, "volumes")[: limits.VOLUMES_MAX]
        volumes = tuple(_volume(row) for row in rows)
        return Seen(number_of(values, "head"), seen_at, volumes)
    except ValueError:
        return None


def forget(places: Places, archive: ArchiveId, destination: str) -> None:
    """Forget it, as after arch-delete."""
    json_files.remove(places.seen(archive, destination))


def by_name(volumes: Sequence[SeenVolume]) -> dict[str, SeenVolume]:
    """Name -> volume."""
    return {each.name: each for each in volumes}


def _volume(row: dict[str, object]) -> SeenVolume:
    return SeenVolume(
        volume=text_of(row, "volume"),
        name=text_of(row, "name"),
        sessions=number_of(row, "sessions"),
        newest=text_of(row, "newest"),
        sequence=number_of(row, "sequence"),
        time=time_of(row, "time"),
        size=number_of(row, "size"),
        root=text_of(row, "root"),
    )
