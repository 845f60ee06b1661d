# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Noting what a store says of its room, for `status` and `history`."""

from datetime import datetime

from wyng_common.messages import Stat
from wyng_dom0.engine.opened import OpenArchive
from wyng_dom0.state.seen_space import Space, note_space
from wyng_dom0.state.size_history import Size, note_size


def note_room(
    archive: OpenArchive,
    told: Stat,
    now: datetime,
    logical: int | None = None,
) -> None:
    """Durably keep what the archive comes to; `now` is aware.

    `logical` are the bytes of all its sessions, where that is known. Nothing
    is kept of an archive that is only read by its URL.
    """
    access = archive.access
    if access.places is None:
        return
    id, url = access.keys.terms.archive, access.destination.url
    free, total = told.free_bytes, told.total_bytes
    space = Space(free, told.pack_bytes, total, now)
    note_space(access.places, id, url, space)
    newest = [page.newest for page in archive.pages.values()]
    size = Size(
        at=now,
        used=told.pack_bytes,
        free=free,
        total=total,
        live=told.live_bytes,
        plain=told.live_blobs * archive.catalog.settings.chunk_size,
        sessions=sum(p.session_count for p in archive.pages.values()),
        newest=sum(each.size for each in newest if each is not None),
        logical=logical,
    )
    note_size(access.places, id, url, size)
