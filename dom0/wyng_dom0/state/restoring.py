# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Which qubes are being restored, so that a killed restore is told.

A note is durable before a qube is made or written over, and goes when it is
whole or gone again. Who holds the qube's lock (locks.hold_restore) may take
its note for a leftover. Asks no qubesd.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from wyng_dom0.state import durable
from wyng_dom0.state.places import Places, make_folder_of

_FILE_MAX = 16 * 1024


@dataclass(frozen=True)
class Restored:
    """A qube on its way; `of` is what the archive calls it.

    `over`: it was there before; `marked`: it is there and says itself that it
    is not whole.
    """

    qube: str
    of: str
    over: bool
    marked: bool = False


def note(places: Places, restored: Restored) -> None:
    """Durably say that a qube is about to be restored."""
    path = make_folder_of(places.restore(restored.qube))
    durable.write_private(path, json.dumps(asdict(restored)).encode("ascii"))


def forget(places: Places, qube: str) -> None:
    """It is whole, or gone; there may be no note."""
    path = places.restore(qube)
    if path.parent.exists():
        durable.remove_private(path)


def noted(places: Places) -> list[Restored]:
    """All that are on their way, or were when their restore was killed.

    A note that can't be read was cut off before anything was done.
    """
    folder = places.restores
    if not folder.is_dir():
        return []
    found = [_read(path) for path in sorted(folder.glob("*.json"))]
    return [each for each in found if each is not None]


def _read(path: Path) -> Restored | None:
    try:
        with open(path, "rb") as file:
            said = json.loads(file.read(_FILE_MAX))
        return Restored(
            str(said["qube"]),
            str(said["of"]),
            over=said["over"] is True,
            marked=said["marked"] is True,
        )
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
