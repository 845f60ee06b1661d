# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Options that an archive always has, as `configure` was told.

Beside the archive's definition, for config.yaml is the user's own. Texts as
they are typed; what they mean is checked by whoever sets them.
"""

from collections.abc import Collection, Mapping

from wyng_common.ids import ArchiveId
from wyng_dom0.errors import BadInput
from wyng_dom0.state import json_files, locks
from wyng_dom0.state.places import Places


def read_options(places: Places, archive: ArchiveId) -> dict[str, str]:
    """Option -> text; raises BadInput when they can't be read.

    Not taken for none: what rules keep would be lost.
    """
    path = places.archive_options(archive)
    if not path.exists():
        return {}
    values = json_files.read_object(path)
    if not values or not all(isinstance(v, str) for v in values.values()):
        raise BadInput(
            f"the archive's options can't be read: {path} is damaged; remove"
            " it and set them again with configure",
            about=str(path),
        )
    return {key: str(value) for key, value in values.items()}


def change_options(
    places: Places,
    archive: ArchiveId,
    values: Mapping[str, str],
    dropped: Collection[str],
) -> None:
    """Durably set some and take others back to their defaults."""
    path = places.archive_options(archive)
    with locks.hold_noted(places, path):
        known = {**read_options(places, archive), **values}
        left = {k: v for k, v in sorted(known.items()) if k not in dropped}
        if left:
            json_files.write_object(path, left)
        else:
            json_files.remove(path)


def forget(places: Places, archive: ArchiveId) -> None:
    """Forget them, as after arch-delete."""
    json_files.remove(places.archive_options(archive))
