# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""How much room there was at a destination when it was last spoken to.

What the store said of itself: for people to look at, nothing is decided by
it.
"""

import json
from dataclasses import dataclass
from datetime import datetime

from wyng_common.ids import ArchiveId
from wyng_dom0.state import durable
from wyng_dom0.state.places import Places, make_folder_of

_FILE_MAX = 1024


@dataclass(frozen=True)
class Space:
    """Bytes: free and in all on the file system there, and used by the
    archive. `seen_at` is aware."""

    free: int
    used: int
    total: int
    seen_at: datetime


def note_space(
    places: Places, archive: ArchiveId, destination: str, space: Space
) -> None:
    """Durably note it in place of what was seen before."""
    path = make_folder_of(places.space(archive, destination))
    values = {**vars(space), "seen_at": space.seen_at.isoformat()}
    durable.write_private(path, json.dumps(values).encode("ascii"))


def read_space(
    places: Places, archive: ArchiveId, destination: str
) -> Space | None:
    """What was seen last; None for nothing, or what is damaged."""
    try:
        with open(places.space(archive, destination), "rb") as file:
            values = json.loads(file.read(_FILE_MAX))
        return Space(
            free=int(values["free"]),
            used=int(values["used"]),
            total=int(values["total"]),
            seen_at=datetime.fromisoformat(values["seen_at"]).astimezone(),
        )
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def forget(places: Places, archive: ArchiveId, destination: str) -> None:
    """Forget it, as after arch-delete."""
    path = places.space(archive, destination)
    if path.parent.exists():
        durable.remove_private(path)
