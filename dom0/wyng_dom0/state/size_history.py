# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What an archive came to over time, at one destination.

A row whenever this machine learned of new sizes there. Bounded: where there
are too many, every other one of the older half goes, so that the past gets
coarser and the newest stays as it is. For people to look at.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timedelta

from wyng_common.ids import ArchiveId
from wyng_dom0.state import json_files, locks
from wyng_dom0.state.json_files import number_of, time_of
from wyng_dom0.state.places import Places

ROWS_MAX = 2000
# What is the same as before is noted again so seldom.
_OLD = timedelta(days=1)
_OF_THE_DISK = ("at", "free", "total", "logical")


@dataclass(frozen=True)
class Size:
    """Bytes, but for `sessions`; `at` is aware.

    `used` by the archive, `free` and `total` of the file system there.
    `live` is what of it is in use, `plain` that before compression, `newest`
    what the newest sessions of all volumes come to and `logical` what all
    sessions do, None where that was not found out.
    """

    at: datetime
    used: int
    free: int
    total: int
    live: int
    plain: int
    sessions: int
    newest: int
    logical: int | None = None


def note_size(
    places: Places, archive: ArchiveId, destination: str, size: Size
) -> None:
    """Durably add a row, if it says something new."""
    path = places.size_history(archive, destination)
    with locks.hold_noted(places, path):
        known = read_sizes(places, archive, destination)
        if known and not _is_new(known[-1], size):
            return
        rows = thinned([*known, size])
        json_files.write_object(path, {"sizes": [asdict(r) for r in rows]})


def read_sizes(
    places: Places, archive: ArchiveId, destination: str
) -> list[Size]:
    """All rows, oldest first; what is damaged is left out."""
    path = places.size_history(archive, destination)
    found = []
    for row in json_files.rows_of(json_files.read_object(path), "sizes"):
        try:
            found.append(_size(row))
        except ValueError:
            continue
    return found[-ROWS_MAX:]


def forget(places: Places, archive: ArchiveId, destination: str) -> None:
    """Forget them, as after arch-delete."""
    json_files.remove(places.size_history(archive, destination))


def thinned(rows: Sequence[Size]) -> list[Size]:
    """At most ROWS_MAX of them: the oldest and the newest half stay."""
    if len(rows) <= ROWS_MAX:
        return [*rows]
    middle = len(rows) // 2
    return [*rows[:middle:2], *rows[middle:]]


def _is_new(last: Size, size: Size) -> bool:
    if size.logical is not None and last.logical != size.logical:
        return True
    if not timedelta(0) <= size.at - last.at < _OLD:
        return True
    same = {name: getattr(last, name) for name in _OF_THE_DISK}
    return replace(size, **same) != last


def _size(row: dict[str, object]) -> Size:
    at = time_of(row, "at")
    if at is None:
        raise ValueError("a row without its time")
    names = [each.name for each in fields(Size)]
    numbers = {
        name: number_of(row, name)
        for name in names
        if name not in ("at", "logical")
    }
    logical = row.get("logical")
    known = None if logical is None else number_of(row, "logical")
    return Size(at=at, logical=known, **numbers)
