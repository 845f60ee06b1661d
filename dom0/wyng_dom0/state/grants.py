# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Which qube may ask for restores and sends of which archive.

A file for each archive, `requests/allowed/ARCHIVE.json`: the qube's name and
the uuid that it had when the user allowed it. The files of qrexec's policy are
made from these, see request_policy. What is damaged allows nothing.
"""

import re
from dataclasses import asdict, dataclass
from datetime import datetime

from wyng_common.errors import NameFault
from wyng_common.hosts import check_qube
from wyng_common.ids import ArchiveId
from wyng_dom0.state import durable
from wyng_dom0.state.json_files import moment_of, read_object, write_object
from wyng_dom0.state.places import Places

_ID = re.compile("[0-9a-f]{32}")


@dataclass(frozen=True)
class Grant:
    """One archive's qube. `by_itself`: its restores wait for nobody."""

    archive: ArchiveId
    vm: str
    uuid: str
    by_itself: bool
    since: datetime


def read_grant(places: Places, archive: ArchiveId) -> Grant | None:
    """Who may ask for this archive; None for nobody."""
    values = read_object(places.grant(archive))
    vm, uuid = values.get("vm"), values.get("uuid")
    since = moment_of(values.get("since"))
    if not (isinstance(vm, str) and isinstance(uuid, str) and uuid):
        return None
    try:
        check_qube(vm)
    except NameFault:
        return None
    if since is None:
        return None
    by_itself = values.get("by_itself") is True
    return Grant(archive, vm, uuid, by_itself, since)


def write_grant(places: Places, grant: Grant) -> None:
    """Durably let the qube ask."""
    values = asdict(grant)
    del values["archive"]
    write_object(places.grant(grant.archive), values)


def remove_grant(places: Places, archive: ArchiveId) -> bool:
    """Durably let nobody ask any more; False when nobody might."""
    path = places.grant(archive)
    return path.parent.exists() and durable.remove_private(path)


def list_grants(places: Places) -> list[Grant]:
    """All of them, by qube."""
    try:
        names = [each.stem for each in places.grants.glob("*.json")]
    except OSError:
        return []
    found = [
        read_grant(places, ArchiveId(bytes.fromhex(name)))
        for name in names
        if _ID.fullmatch(name)
    ]
    return sorted(
        (each for each in found if each is not None),
        key=lambda each: (each.vm, each.archive.hex()),
    )
