# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Ledgers: what may have changed of a volume since an archive's session.

One file per volume and archive, which says: between the tree it counts from
and the volume's base snapshot, nothing differs outside these chunks. It is a
sentence about contents, so that it holds whatever became of the archive; it
is of use only while the archive's newest session has that tree.

A send sets what it reads aside as in flight and begins anew in one durable
step. Decides nothing about when that is: see engine/harvest.py.
"""

import hashlib
import struct
from dataclasses import dataclass, replace
from pathlib import Path

from wyng_common.ids import ArchiveId, BlobId
from wyng_dom0.state import durable
from wyng_dom0.state.changed import (
    BITS_BYTES_MAX,
    EVERYTHING,
    NOTHING,
    Changed,
    pack,
    unpack,
)

_MAGIC = b"wyng ledger 1\n"
_DIGEST = hashlib.sha256().digest_size
# magic, archive, volume, chunk size, then per mark: kind, root, size.
_HEAD = struct.Struct(">14s16s16sI")
_MARK = struct.Struct(">B32sQ")
_LENGTHS = struct.Struct(">BII")
_FILE_MAX = 2 * BITS_BYTES_MAX + (1 << 20)
SUFFIX = ".ledger"


@dataclass(frozen=True)
class Mark:
    """The content of one session: its tree's root, None for zeros, and size."""

    root: BlobId | None
    size: int


@dataclass(frozen=True)
class Flight:
    """What a send reads, set aside at the moment of its snapshot.

    `pending` is what its commit would make the newest session, once known.
    """

    changed: Changed
    pending: Mark | None = None


@dataclass(frozen=True)
class Ledger:
    """What differs, at most, between `since` and the base snapshot.

    Without a flight that is `current`. With one, it is `flight` up to the
    moment of that flight's snapshot, and `current` from there. `since` None
    means before the first session. `volume` is the volume's id in the
    archive, `chunk_size` the archive's.
    """

    archive: ArchiveId
    volume: bytes
    chunk_size: int
    since: Mark | None = None
    current: Changed = EVERYTHING
    flight: Flight | None = None

    def with_changes(self, changed: Changed) -> "Ledger":
        """After a harvest found more."""
        return replace(self, current=self.current | changed)

    def forgetful(self) -> "Ledger":
        """When nothing is known any more; a send under way goes on.

        What it reads is a snapshot whose changes were known.
        """
        return replace(self, current=EVERYTHING)

    def resolved(self, newest: Mark | None) -> "Ledger":
        """Without a flight, told which session the archive has as newest.

        Only for whoever holds the archive: no flight is under way then.
        """
        flight = self.flight
        if flight is not None and flight.pending is not None:
            if flight.pending == newest:
                return replace(self, since=newest, flight=None)
        if newest is None or newest != self.since:
            return replace(self, since=newest, current=EVERYTHING, flight=None)
        if flight is None:
            return self
        return replace(self, current=self.current | flight.changed, flight=None)

    def set_aside(self) -> "Ledger":
        """With all that is known in flight, and nothing since."""
        assert self.flight is None
        if not self.current:
            return self
        return replace(self, current=NOTHING, flight=Flight(self.current))

    def about_to_commit(self, pending: Mark) -> "Ledger":
        """Before the COMMIT that would make `pending` the newest session."""
        flight = self.flight or Flight(NOTHING)
        return replace(self, flight=replace(flight, pending=pending))

    def stepped_back(self, changed: Changed, to: Mark) -> "Ledger":
        """Before the newest session goes, which leaves `to` as the newest.

        `changed` is what differs between the two. Said of the one and of the
        other: whichever the archive has afterwards is counted from.
        """
        assert self.flight is None
        return replace(
            self,
            current=self.current | changed,
            flight=Flight(NOTHING, pending=to),
        )

    def settled(self, newest: Mark) -> "Ledger":
        """After all in flight was found to be, or made, the newest session."""
        return replace(self, since=newest, flight=None)

    @property
    def unsent(self) -> Changed:
        """All that may differ from the session it counts from."""
        return self.current | (self.flight.changed if self.flight else NOTHING)


def path_in(folder: Path, archive: ArchiveId) -> Path:
    """Where an archive's ledger of the volume of that folder lies."""
    return folder / f"{archive.hex()}{SUFFIX}"


def read_ledger(
    folder: Path, archive: ArchiveId, volume: bytes, chunk_size: int
) -> Ledger:
    """The ledger; one that knows nothing if there is none such.

    That is so too when it is damaged or of another volume of the archive.
    """
    fresh = Ledger(archive, volume, chunk_size)
    try:
        found = load(path_in(folder, archive))
    except (OSError, ValueError):
        return fresh
    same = (found.archive, found.volume, found.chunk_size)
    return found if same == (archive, volume, chunk_size) else fresh


def list_ledgers(folder: Path) -> list[Ledger]:
    """Every archive's ledger of a volume, sorted by archive.

    A damaged one is there as one of no volume that knows nothing.
    """
    ledgers = []
    for archive in list_archives(folder):
        try:
            found = load(path_in(folder, archive))
            if found.archive != archive:
                raise ValueError("another archive's")
        except (OSError, ValueError):
            found = Ledger(archive, bytes(16), 1 << 16)
        ledgers.append(found)
    return ledgers


def list_archives(folder: Path) -> list[ArchiveId]:
    """The archives that have a ledger of a volume, sorted."""
    found = []
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        try:
            found.append(ArchiveId(bytes.fromhex(path.stem)))
        except ValueError:
            continue
    return found


def load(path: Path) -> Ledger:
    """A ledger from its file; OSError, or ValueError when it is damaged."""
    with open(path, "rb") as file:
        data = file.read(_FILE_MAX + 1)
    if len(data) > _FILE_MAX or len(data) < _DIGEST:
        raise ValueError("no ledger")
    body, digest = data[:-_DIGEST], data[-_DIGEST:]
    if hashlib.sha256(body).digest() != digest:
        raise ValueError("a damaged ledger")
    try:
        return _decode(body)
    except (struct.error, IndexError):
        raise ValueError("a malformed ledger") from None


def save(folder: Path, ledger: Ledger) -> None:
    """Write the ledger whole, durably; the folder must exist.

    One that is the same already is not written again.
    """
    path = path_in(folder, ledger.archive)
    body = _encode(ledger)
    data = body + hashlib.sha256(body).digest()
    if _holds(path, data):
        return
    durable.write_private(path, data)


def remove(folder: Path, archive: ArchiveId) -> bool:
    """Durably forget a ledger; False when there was none."""
    return durable.remove_private(path_in(folder, archive))


def _holds(path: Path, data: bytes) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(len(data) + 1) == data
    except OSError:
        return False


def _encode(ledger: Ledger) -> bytes:
    flight = ledger.flight
    current = pack(ledger.current)
    flying = pack(flight.changed) if flight else b""
    return b"".join(
        (
            _HEAD.pack(
                _MAGIC, ledger.archive, ledger.volume, ledger.chunk_size
            ),
            _encode_mark(ledger.since),
            _encode_mark(flight.pending if flight else None),
            _LENGTHS.pack(flight is not None, len(current), len(flying)),
            current,
            flying,
        )
    )


def _decode(body: bytes) -> Ledger:
    magic, archive, volume, chunk_size = _HEAD.unpack_from(body)
    at = _HEAD.size
    since = _decode_mark(body, at)
    pending = _decode_mark(body, at + _MARK.size)
    at += 2 * _MARK.size
    flies, current, flying = _LENGTHS.unpack_from(body, at)
    at += _LENGTHS.size
    if magic != _MAGIC or at + current + flying != len(body):
        raise ValueError("no ledger of this version")
    flight = None
    if flies:
        flight = Flight(unpack(body[at + current :]), pending)
    return Ledger(
        ArchiveId(archive),
        volume,
        chunk_size,
        since,
        unpack(body[at : at + current]),
        flight,
    )


def _encode_mark(mark: Mark | None) -> bytes:
    if mark is None:
        return _MARK.pack(0, bytes(32), 0)
    if mark.root is None:
        return _MARK.pack(1, bytes(32), mark.size)
    return _MARK.pack(2, mark.root, mark.size)


def _decode_mark(body: bytes, at: int) -> Mark | None:
    kind, root, size = _MARK.unpack_from(body, at)
    if kind == 0:
        return None
    return Mark(BlobId(root) if kind == 2 else None, size)
