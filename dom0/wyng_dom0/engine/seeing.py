# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Noting what an open archive has, for `overview` to tell it later.

An archive that is only read by its URL leaves nothing here.
"""

from datetime import datetime, timedelta

from wyng_dom0.archive.page import Page
from wyng_dom0.engine.opened import OpenArchive
from wyng_dom0.state.places import Places
from wyng_dom0.state.seen_volumes import (
    Seen,
    SeenVolume,
    note_seen,
    read_seen,
)

# What is the same as before need not be written again for so long.
_OLD = timedelta(minutes=10)


def note_seen_archive(
    archive: OpenArchive,
    now: datetime,
    places: Places | None = None,
    url: str = "",
) -> None:
    """Durably keep the volumes and their newest sessions; `now` is aware.

    Where the archive has no state yet, `places` and `url` say where it will
    have it. Not of an archive that is older than what was seen here before.
    A volume whose page is lost is kept as it was seen.
    """
    access = archive.access
    places, url = places or access.places, url or access.destination.url
    if places is None or archive.end.rollback:
        return
    id = access.keys.terms.archive
    known = read_seen(places, id, url)
    damaged = {volume.hex() for volume in archive.damaged}
    kept = known.volumes if known else ()
    volumes = [_seen(page) for page in archive.pages.values()]
    volumes += [each for each in kept if each.volume in damaged]
    volumes.sort(key=lambda each: each.name)
    head = (archive.committed or archive.end.tip).sequence
    if known is not None and (known.head, known.volumes) == (
        head,
        tuple(volumes),
    ):
        if timedelta(0) <= now - known.seen_at < _OLD:
            return
    note_seen(places, id, url, Seen(head, now, tuple(volumes)))


def _seen(page: Page) -> SeenVolume:
    newest = page.newest
    if newest is None:
        return SeenVolume(page.volume.hex(), page.name, 0)
    return SeenVolume(
        volume=page.volume.hex(),
        name=page.name,
        sessions=page.session_count,
        newest=newest.name,
        sequence=newest.sequence,
        time=newest.time,
        size=newest.size,
        root=newest.root.hex() if newest.root else "",
    )
