# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The options that an archive always has, as if they stood in config.yaml."""

from wyng_dom0.commands.standing_options import FLAGS, LISTS, ON, STANDING
from wyng_dom0.errors import BadInput, NotFound
from wyng_dom0.state import definitions
from wyng_dom0.state.archive_options import read_options
from wyng_dom0.state.places import Places
from wyng_dom0.state.user_config import ConfigValue


def standing_options(
    places: Places, archive: str | None
) -> dict[str, ConfigValue]:
    """Those of the archive of that name, or of the default one.

    None of an archive that can't be found, which the command says itself.
    Raises BadInput where they can't be read.
    """
    if not (places.root / "options").is_dir():
        return {}
    try:
        if archive is None:
            definition = definitions.load_default(places)
        else:
            definition = definitions.load(places, archive)
    except (BadInput, NotFound):
        return {}
    known = read_options(places, definition.archive)
    # What a later version set means nothing to this one.
    return {
        key: _value(key, text) for key, text in known.items() if key in STANDING
    }


def _value(key: str, text: str) -> ConfigValue:
    if key in FLAGS:
        return text == ON
    return text.split(",") if key in LISTS else text
