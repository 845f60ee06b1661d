# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A driver under test, a volume beside a model of its bytes, and what differs.

Shared by all checks of drivers. Imports nothing of pytest, so that it also
runs in a virtual machine.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from wyng_dom0.snapshots.driver import Driver, SnapshotRef, VolumeAt
from wyng_dom0.snapshots.snapshot import Range

KIB = 1 << 10
MIB = 1 << 20
SIZE = 8 * MIB


class Rig(Protocol):
    """A driver, its pool, and what others do to volumes there.

    What a method did is there for whoever reads the volume next, but need
    not have reached the disk.
    """

    @property
    def driver(self) -> Driver:
        """What is checked."""

    @property
    def pool(self) -> str:
        """As drivers want it."""

    @property
    def grain(self) -> int:
        """Bytes; a change may be told as rounded to these, no more."""

    @property
    def resizes_to(self) -> int:
        """Bytes; sizes are multiples of it."""

    def make(self, name: str, size: int) -> VolumeAt:
        """A new volume of zeros."""

    def remove(self, volume: VolumeAt) -> None:
        """Remove a volume, as its owner would."""

    def write(self, volume: VolumeAt, offset: int, data: bytes) -> None:
        """Overwrite a part."""

    def punch(self, volume: VolumeAt, offset: int, length: int) -> None:
        """Discard a part, which then reads as zeros."""

    def resize(self, volume: VolumeAt, size: int) -> None:
        """Cut the end off, or add zeros there."""

    def rename(self, volume: VolumeAt, name: str) -> VolumeAt:
        """Give the volume another name."""

    def replace(self, volume: VolumeAt, data: bytes) -> VolumeAt:
        """Write `data` at the front of a copy-on-write twin, which then
        takes the volume's place; as a qube does that starts and stops."""

    def strangers(self) -> list[str]:
        """What lies in the pool and is no volume that was made here."""


@dataclass
class Model:
    """A volume beside the bytes it must hold, and where it was touched."""

    rig: Rig
    volume: VolumeAt
    data: bytearray
    touched: list[Range] = field(default_factory=list)

    def write(self, offset: int, data: bytes) -> None:
        self.rig.write(self.volume, offset, data)
        self.data[offset : offset + len(data)] = data
        self.touched.append((offset, len(data)))

    def punch(self, offset: int, length: int) -> None:
        length = min(length, len(self.data) - offset)
        self.rig.punch(self.volume, offset, length)
        self.data[offset : offset + length] = bytes(length)
        self.touched.append((offset, length))

    def resize(self, size: int) -> None:
        self.rig.resize(self.volume, size)
        before = len(self.data)
        self.data[size:] = bytes(max(0, size - before))
        low, high = sorted((before, size))
        # Ends of volumes may be told about more widely.
        self.touched.append((max(0, low - 64 * KIB), high - low + 128 * KIB))

    def replace(self, data: bytes) -> None:
        self.volume = self.rig.replace(self.volume, data)
        self.data[: len(data)] = data
        self.touched.append((0, len(data)))

    def take(self) -> "Taken":
        """Snapshot it; touching begins anew."""
        ref = self.rig.driver.take(self.volume)
        taken = Taken(ref, bytes(self.data), tuple(self.touched))
        self.touched.clear()
        return taken


@dataclass(frozen=True)
class Taken:
    """A snapshot, what it must hold, what was touched since the one before."""

    ref: SnapshotRef
    data: bytes
    touched: tuple[Range, ...]


@contextmanager
def modelled(rig: Rig, size: int = SIZE, name: str = "disk") -> Iterator[Model]:
    """A new volume with some data; it and all snapshots go afterwards."""
    model = Model(rig, rig.make(name, size), bytearray(size))
    try:
        model.write(0, os.urandom(2 * MIB))
        model.write(size - MIB, os.urandom(MIB))
        yield model
    finally:
        rig.driver.drop(rig.driver.list_own(rig.pool))
        rig.remove(model.volume)
    assert rig.strangers() == []
    assert rig.driver.list_own(rig.pool) == []


def content(rig: Rig, volume: VolumeAt, ref: SnapshotRef) -> bytes:
    """All bytes of a snapshot."""
    with rig.driver.open(ref, volume) as snapshot:
        assert snapshot.size == ref.size
        return snapshot.read(0, snapshot.size)


def compare(rig: Rig, old: SnapshotRef, new: SnapshotRef) -> list[Range]:
    """The changed ranges, whose form is checked on the way."""
    with rig.driver.comparing([old, new]) as comparing:
        return _in_form(comparing(old, new))


def _in_form(found: Iterable[Range]) -> list[Range]:
    """All ranges: ascending, disjoint, none empty."""
    ranges, at = list(found), -1
    for offset, length in ranges:
        assert offset > at and length > 0, ranges
        at = offset + length
    return ranges


def missed(old: bytes, new: bytes, ranges: Sequence[Range]) -> list[int]:
    """Where two contents differ outside of the ranges, by 512 bytes."""
    size = max(len(old), len(new))
    one, other = bytearray(old), bytearray(new)
    for data in (one, other):
        data += bytes(size - len(data))
    for offset, length in ranges:
        length = min(length, size - offset)
        one[offset : offset + length] = bytes(length)
        other[offset : offset + length] = bytes(length)
    if one == other:
        return []
    return [
        at
        for at in range(0, size, 512)
        if one[at : at + 512] != other[at : at + 512]
    ]


def surplus(
    touched: Sequence[Range], ranges: Sequence[Range], grain: int
) -> list[Range]:
    """Ranges, in grains, where nothing was touched."""
    grains = {
        index
        for offset, length in touched
        for index in range(offset // grain, -(-(offset + length) // grain))
    }
    return [
        (index * grain, grain)
        for offset, length in ranges
        for index in range(offset // grain, -(-(offset + length) // grain))
        if index not in grains
    ]


def assert_found(rig: Rig, *taken: Taken) -> None:
    """Between any two snapshots one after the other: all, not too much."""
    pairs = list(zip(taken, taken[1:]))
    with rig.driver.comparing([each.ref for each in taken]) as comparing:
        found = [_in_form(comparing(old.ref, new.ref)) for old, new in pairs]
    for (old, new), ranges in zip(pairs, found):
        assert missed(old.data, new.data, ranges) == []
        assert surplus(new.touched, ranges, rig.grain) == []
