# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a drill restores to: a folder of its own, or a thin volume.

Owns their names and that nothing else is removed. What is restored may be
anybody's secret: a folder is for its owner alone, a thin volume for root. On
Qubes udev leaves volumes alone whose names begin with vm-.
"""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wyng_dom0.errors import SourceError, TargetError
from wyng_dom0.names import HIDDEN_MARK, quote
from wyng_dom0.snapshots import device_mapper, thin_volumes
from wyng_dom0.snapshots.choose import file_drivers, pool_drivers
from wyng_dom0.snapshots.driver import PoolUsage
from wyng_dom0.sources import unfinished
from wyng_dom0.state import scratches
from wyng_dom0.state.places import Places
from wyng_dom0.state.scratches import Scratch

_FOLDER = f"{HIDDEN_MARK}drill-"
_VOLUME = f"vm-drill{HIDDEN_MARK}"
_FILE = "volume"


def usage_of(place: str, places: Places) -> PoolUsage | None:
    """How full the file system of a directory, or a thin pool, is."""
    if place.startswith("/"):
        return file_drivers(places.keeper)[0].usage(place)
    return pool_drivers(places, lambda text: None)[0].usage(place)


@contextmanager
def made_in(place: str, size: int, places: Places) -> Iterator[Path]:
    """A new path in a directory or "vg/pool" to restore `size` bytes to.

    All that lies there is gone when the block is left; where that fails, the
    note of it stays and SourceError is raised. The caller holds the drill's
    lock. Raises TargetError or NotFound where nothing can be made.
    """
    scratch = _named(place)
    scratches.note(places, scratch)
    try:
        yield _make(scratch, place, size)
    finally:
        remove(scratch, places)


def remove(scratch: Scratch, places: Places) -> None:
    """Remove a scratch and then its note; what is gone counts as removed.

    Raises SourceError for what can't be removed, or is called as none of
    ours.
    """
    begins = _FOLDER if scratch.is_folder else _VOLUME
    if not scratch.name.startswith(begins):
        raise SourceError(
            f"{quote(scratch.place)} is no scratch of a drill: it is left"
            " alone",
            about=scratch.place,
        )
    if scratch.is_folder:
        _remove_folder(Path(scratch.place))
    else:
        _remove_volume(scratch, places)
    scratches.forget(places, scratch)


def _named(place: str) -> Scratch:
    token = secrets.token_hex(4)
    if place.startswith("/"):
        return Scratch(str(Path(place) / f"{_FOLDER}{token}"))
    return Scratch(f"{place.split('/')[0]}/{_VOLUME}{token}")


def _make(scratch: Scratch, place: str, size: int) -> Path:
    if not scratch.is_folder:
        vg, pool = place.split("/")
        node = thin_volumes.create_scratch(vg, pool, scratch.name, size)
        return Path(node)
    try:
        os.mkdir(scratch.place, 0o700)
    except OSError as error:
        raise TargetError(
            f"nothing can be restored to {quote(place)}: {error.strerror}",
            about=place,
        ) from None
    return Path(scratch.place, _FILE)


def _remove_folder(path: Path) -> None:
    try:
        # A link of that name is none of ours: rmtree refuses it.
        shutil.rmtree(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise SourceError(
            f"the drill's {quote(str(path))} can't be removed:"
            f" {error.strerror or error}",
            about=str(path),
        ) from None


def _remove_volume(scratch: Scratch, places: Places) -> None:
    vg, lv = scratch.place.split("/")
    node = Path(device_mapper.mapper_path(vg, lv))
    if node.exists():
        # It says of a device that is about to be gone that it is half full.
        unfinished.end(unfinished.marker_of(node, places))
    thin_volumes.remove_scratch(vg, lv)
