# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What is kept per volume: which it is, its base snapshot, its ledgers.

A folder each, by a hash of source and name:

    volume.json      source and name
    base.json        the snapshot that all ledgers count to
    ARCHIVE.ledger   see state/ledgers.py

A base that can't be read is none. Decides nothing and drops no snapshot.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from wyng_dom0.state import durable, ledgers
from wyng_dom0.state.ledgers import Ledger
from wyng_dom0.state.places import Places

_FILE_MAX = 64 * 1024


@dataclass(frozen=True)
class Base:
    """The snapshot that the next one is compared with, as a driver's ref.

    `pool` is where it lies, `taken_ns` when it was taken.
    """

    driver: str
    place: str
    identity: str
    size: int
    pool: str
    taken_ns: int


@dataclass(frozen=True)
class VolumeState:
    """What this machine keeps of one volume of a source."""

    folder: Path
    source: str
    volume: str

    def make(self) -> None:
        """Make the folder, durably, if it isn't there."""
        path = self.folder / "volume.json"
        if not path.exists():
            durable.make_private_folder(self.folder)
            values = {"source": self.source, "volume": self.volume}
            durable.write_private(path, json.dumps(values).encode("utf-8"))

    def base(self) -> Base | None:
        """The base snapshot; None when there is none, or it can't be read."""
        return _read_base(self.folder / "base.json")

    def keep_base(self, base: Base) -> None:
        """Durably make this the base; every ledger must count to it."""
        data = json.dumps(asdict(base)).encode("utf-8")
        durable.write_private(self.folder / "base.json", data)

    def forget_base(self) -> None:
        """Durably have no base; every ledger must know nothing before."""
        durable.remove_private(self.folder / "base.json")

    def ledgers(self) -> list[Ledger]:
        """Every archive's ledger; see list_ledgers."""
        return ledgers.list_ledgers(self.folder)

    def forget(self) -> None:
        """Durably remove all of it, the base first."""
        self.forget_base()
        for archive in ledgers.list_archives(self.folder):
            ledgers.remove(self.folder, archive)
        durable.remove_private(self.folder / "volume.json")


def state_of(places: Places, source: str, volume: str) -> VolumeState:
    """What is kept of a volume; it need not exist."""
    return VolumeState(places.volume(source, volume), source, volume)


def list_states(places: Places, source: str | None = None) -> list[VolumeState]:
    """What is kept of every volume, or of one source's, by their names."""
    found = [
        state
        for folder in _folders(places)
        if (state := _read_state(folder)) is not None
        and source in (None, state.source)
    ]
    return sorted(found, key=lambda each: (each.source, each.volume))


def list_bases(places: Places) -> Iterator[Base]:
    """Every base there is, also of a folder that says not whose it is."""
    for folder in _folders(places):
        base = _read_base(folder / "base.json")
        if base is not None:
            yield base


def _folders(places: Places) -> list[Path]:
    try:
        return sorted(each for each in places.volumes.iterdir())
    except FileNotFoundError:
        return []


def _read_state(folder: Path) -> VolumeState | None:
    values = _read_json(folder / "volume.json")
    source, volume = values.get("source"), values.get("volume")
    if not isinstance(source, str) or not isinstance(volume, str):
        return None
    return VolumeState(folder, source, volume)


def _read_base(path: Path) -> Base | None:
    values = _read_json(path)
    try:
        base = Base(**values)  # type: ignore[arg-type]
    except TypeError:
        return None
    texts = (base.driver, base.place, base.identity, base.pool)
    numbers = (base.size, base.taken_ns)
    whole = all(isinstance(each, str) for each in texts) and all(
        type(each) is int and each >= 0 for each in numbers
    )
    return base if whole else None


def _read_json(path: Path) -> "dict[str, object]":
    """The file's object; empty when there is none that can be read."""
    try:
        with open(path, "rb") as file:
            values = json.loads(file.read(_FILE_MAX))
    except (OSError, ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}
