# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Rollback pins: the last head dom0 knows of an archive at a destination.

Order of a commit: write_pending, durable -> COMMIT is sent -> promote. A
crash between leaves a pending head that may or may not be the archive's; the
next run compares. Decides nothing about what it is given.
"""

import json
import re
from dataclasses import dataclass, replace

from wyng_common.ids import ArchiveId, CommitHash
from wyng_dom0.errors import BadInput
from wyng_dom0.state import durable
from wyng_dom0.state.places import Places, make_folder_of

_FILE_MAX = 16 * 1024


@dataclass(frozen=True)
class Head:
    """One commit, by its sequence and the hash of its record."""

    sequence: int
    hash: CommitHash


@dataclass(frozen=True)
class Pin:
    """What dom0 knows: the head it saw, and one it may have made since."""

    committed: Head | None = None
    pending: Head | None = None


def read_pin(places: Places, archive: ArchiveId, destination: str) -> Pin:
    """The pin, empty when this archive was never seen at this destination.

    Raises BadInput when the file is damaged: then nothing protects against
    a rollback, and only the user can say what is right.
    """
    path = places.pin(archive, destination)
    try:
        with open(path, "rb") as file:
            data = file.read(_FILE_MAX)
    except FileNotFoundError:
        return Pin()
    try:
        return _decode(data, destination)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise BadInput(
            f"the record of the archive's last head is damaged: compare the"
            " head code that was noted with what --from shows, then remove"
            f" {path}",
            about=archive.hex(),
        ) from None


def write_pending(
    places: Places, archive: ArchiveId, destination: str, head: Head
) -> None:
    """Durably note the head that the COMMIT about to be sent would make."""
    pin = read_pin(places, archive, destination)
    _write(places, archive, destination, replace(pin, pending=head))


def promote(places: Places, archive: ArchiveId, destination: str) -> None:
    """Durably make the pending head the committed one; nothing if none is."""
    pin = read_pin(places, archive, destination)
    if pin.pending is not None:
        _write(places, archive, destination, Pin(committed=pin.pending))


def drop_pending(places: Places, archive: ArchiveId, destination: str) -> None:
    """Durably forget the pending head: its commit is known not to exist."""
    pin = read_pin(places, archive, destination)
    if pin.pending is not None:
        _write(places, archive, destination, replace(pin, pending=None))


def accept_head(
    places: Places, archive: ArchiveId, destination: str, head: Head
) -> None:
    """Durably take this head as seen: it chains, or the user said so."""
    _write(places, archive, destination, Pin(committed=head))


def forget(places: Places, archive: ArchiveId, destination: str) -> bool:
    """Forget all about it, as after arch-delete; False when nothing was."""
    return durable.remove_private(places.pin(archive, destination))


def _write(
    places: Places, archive: ArchiveId, destination: str, pin: Pin
) -> None:
    values = {
        "destination": destination,
        "committed": _encode_head(pin.committed),
        "pending": _encode_head(pin.pending),
    }
    path = make_folder_of(places.pin(archive, destination))
    durable.write_private(path, json.dumps(values).encode("ascii"))


def _encode_head(head: Head | None) -> dict[str, object] | None:
    if head is None:
        return None
    return {"sequence": head.sequence, "hash": head.hash.hex()}


def _decode(data: bytes, destination: str) -> Pin:
    values = json.loads(data)
    if values["destination"] != destination:
        raise ValueError("another destination's pin")
    return Pin(
        _decode_head(values["committed"]), _decode_head(values["pending"])
    )


def _decode_head(values: dict[str, object] | None) -> Head | None:
    if values is None:
        return None
    sequence, digest = values["sequence"], values["hash"]
    if not isinstance(sequence, int) or not 1 <= sequence < 1 << 63:
        raise ValueError("sequence")
    if not isinstance(digest, str) or not re.fullmatch("[0-9a-f]{64}", digest):
        raise ValueError("hash")
    return Head(sequence, CommitHash(bytes.fromhex(digest)))
