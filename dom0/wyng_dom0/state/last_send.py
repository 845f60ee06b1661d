# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""When an archive's last whole send began: by it a missed one is noticed.

Whole: every volume that the archive knows went through, changed or not; no
session tells that. Decides nothing about how old is too old.
"""

from datetime import datetime

from wyng_common.ids import ArchiveId
from wyng_dom0.state import durable
from wyng_dom0.state.places import Places, make_folder_of

_FILE_MAX = 64


def note_send(places: Places, archive: ArchiveId, began: datetime) -> None:
    """Durably note a whole send that began at this aware time."""
    path = make_folder_of(places.last_send(archive))
    durable.write_private(path, began.isoformat().encode("ascii"))


def read_send(places: Places, archive: ArchiveId) -> datetime | None:
    """When it began, or None: never, or what is written there is damaged.

    A damaged record reads as none, so that too much is told, never too
    little.
    """
    try:
        with open(places.last_send(archive), "rb") as file:
            found = datetime.fromisoformat(file.read(_FILE_MAX).decode("ascii"))
    except (FileNotFoundError, ValueError):
        return None
    return found if found.tzinfo is not None else None


def forget(places: Places, archive: ArchiveId) -> None:
    """Forget it, as after arch-delete."""
    path = places.last_send(archive)
    if path.parent.exists():
        durable.remove_private(path)
