# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Which archive is meant where none is named, if `configure` was told one.

By its name here: one archive may be known twice, at two destinations.
"""

from wyng_common.errors import NameFault, WyngError
from wyng_dom0.errors import BadInput
from wyng_dom0.names import check_archive_name
from wyng_dom0.state import json_files
from wyng_dom0.state.places import Places


def read_default(places: Places) -> str:
    """Its name, "" where none was told; raises BadInput.

    What can't be read is not taken for none: another archive would be meant.
    """
    path = places.default_archive
    if not path.exists():
        return ""
    try:
        name = json_files.text_of(json_files.read_object(path), "archive")
        return check_archive_name(name)
    except (ValueError, NameFault, WyngError):
        raise BadInput(
            f"the default archive can't be read: {path} is damaged; remove it,"
            " or set it again: --archive=NAME configure default=on",
            about=str(path),
        ) from None


def write_default(places: Places, name: str) -> None:
    """Durably let it be that one."""
    json_files.write_object(places.default_archive, {"archive": name})


def forget_default(places: Places, name: str) -> None:
    """Durably let the first one made be meant again, if it was that one."""
    if read_default(places) == name:
        json_files.remove(places.default_archive)
