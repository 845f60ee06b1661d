# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Markers of targets that are written in place and not yet whole.

A file or device that is written in place looks finished at any moment. A
marker lies beside the file (`.NAME.wyng-partial`), or for a device in the
state, durably, from before the first write until after the last: whoever
finds it knows. Owns the markers; refuses nothing itself.
"""

import hashlib
import json
import os
import stat
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from wyng_dom0.errors import SourceError
from wyng_dom0.names import quote
from wyng_dom0.state import durable
from wyng_dom0.state.places import Places, make_folder_of

MARK = ".wyng-partial"
_NAME_BYTES_MAX = 200
_MARKER_MAX = 16 * 1024
_DEVICES = Path("/sys/dev/block")


@dataclass(frozen=True)
class Restoring:
    """Which session of which volume is being written to a place."""

    archive: str
    volume: str
    session: str

    def __str__(self) -> str:
        return f"session {quote(self.session)} of {quote(self.volume)}"


def marker_of(path: Path, places: Places) -> Path:
    """Where the marker of a target lies; `path` with links resolved."""
    try:
        found = os.stat(path)
    except OSError:
        return hidden_beside(path, MARK)
    if stat.S_ISBLK(found.st_mode):
        return places.unfinished(_device_key(path, found.st_rdev))
    return hidden_beside(path, MARK)


def begin(marker: Path, restoring: Restoring) -> None:
    """Say durably that a target is being written."""
    data = json.dumps(asdict(restoring)).encode("ascii")
    if not marker.parent.exists():
        make_folder_of(marker)
    durable.write_private(marker, data)


def end(marker: Path) -> None:
    """Take the marker away, durably; there may be none."""
    durable.remove_private(marker)


def find(marker: Path) -> Restoring | None:
    """What the marker says; None when there is none.

    One that can't be read still says that something is unfinished.
    """
    try:
        with open(marker, "rb") as file:
            untrusted = json.loads(file.read(_MARKER_MAX))
        return Restoring(
            str(untrusted["archive"]),
            str(untrusted["volume"]),
            str(untrusted["session"]),
        )
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError):
        return Restoring("", "?", "?")


def check_finished(path: Path, places: Places) -> None:
    """Raise SourceError when what lies at `path` is half restored."""
    marker = marker_of(Path(os.path.realpath(path)), places)
    restoring = find(marker)
    if restoring is not None:
        raise SourceError(
            f"{quote(str(path))} is incomplete: restoring {restoring} to it"
            " was interrupted; repeat that, or remove the marker"
            f" {quote(str(marker))} to take it as it is",
            about=str(path),
        )


def hidden_beside(path: Path, mark: str) -> Path:
    """The hidden name of our own that belongs to a file, however long."""
    name = os.fsencode(path.name)
    if len(name) > _NAME_BYTES_MAX:
        digest = hashlib.sha256(name).hexdigest()[:16]
        name = name[: _NAME_BYTES_MAX - 17] + b"-" + digest.encode("ascii")
    return path.with_name(f".{os.fsdecode(name)}{mark}")


def _device_key(path: Path, device: int) -> bytes:
    """What a device is called for as long as it exists: minors are reused."""
    numbers = f"{os.major(device)}:{os.minor(device)}"
    with suppress(OSError):
        uuid = (_DEVICES / numbers / "dm" / "uuid").read_bytes().strip()
        if uuid:
            return uuid
    return os.fsencode(path)
