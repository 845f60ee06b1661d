# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Where drills restore to for a while, so that a killed one's is found again.

A note is durable before its scratch is made and goes after it. Whoever holds
the drill's lock (locks.hold_drill) may take every note for a leftover.
Removes no scratch itself.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from wyng_dom0.state import durable
from wyng_dom0.state.places import Places, make_folder_of

_FILE_MAX = 16 * 1024


@dataclass(frozen=True)
class Scratch:
    """A folder by its absolute path, or a thin volume as vg/lv."""

    place: str

    @property
    def is_folder(self) -> bool:
        """False for a thin volume."""
        return self.place.startswith("/")

    @property
    def name(self) -> str:
        """The last part of the place, which says whose it is."""
        return self.place.rpartition("/")[2]


def note(places: Places, scratch: Scratch) -> None:
    """Durably say that a scratch is about to be made."""
    path = make_folder_of(_path(places, scratch))
    durable.write_private(path, json.dumps(asdict(scratch)).encode("ascii"))


def forget(places: Places, scratch: Scratch) -> None:
    """The scratch is gone; there may be no note."""
    path = _path(places, scratch)
    if path.parent.exists():
        durable.remove_private(path)


def noted(places: Places) -> list[Scratch]:
    """Every scratch there is, or was to be; a note that can't be read is none.

    (It was cut off before its scratch was made.)
    """
    folder = places.drills
    if not folder.is_dir():
        return []
    paths = sorted(folder.glob("*.json"))
    return [found for path in paths if (found := _read(path)) is not None]


def _path(places: Places, scratch: Scratch) -> Path:
    return places.drill(os.fsencode(scratch.place))


def _read(path: Path) -> Scratch | None:
    try:
        with open(path, "rb") as file:
            return Scratch(str(json.loads(file.read(_FILE_MAX))["place"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
