# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The staging token: under it unfinished uploads answer HAVE to us only."""

from wyng_common.ids import ArchiveId, StagingToken
from wyng_dom0.state import durable
from wyng_dom0.state.places import Places, make_folder_of


def read_or_create(places: Places, archive: ArchiveId) -> StagingToken:
    """This archive's token, drawn and kept durably when there is none.

    A damaged file is replaced: all it costs is sending again.
    """
    path = make_folder_of(places.staging(archive))
    try:
        with open(path, "rb") as file:
            data = file.read(StagingToken.SIZE + 1)
    except FileNotFoundError:
        data = b""
    if len(data) == StagingToken.SIZE:
        return StagingToken(data)
    return renew(places, archive)


def renew(places: Places, archive: ArchiveId) -> StagingToken:
    """Draw a new token; what was staged under the old one is given up."""
    token = StagingToken.random()
    path = make_folder_of(places.staging(archive))
    durable.write_private(path, token)
    return token


def forget(places: Places, archive: ArchiveId) -> None:
    """Forget it, as after arch-delete."""
    path = places.staging(archive)
    if path.parent.exists():
        durable.remove_private(path)
