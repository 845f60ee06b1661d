# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The guard while a send reads, and the order in which bases are given up."""

from pathlib import Path
from typing import List

import pytest

from copying_driver import CopyingDriver
from wyng_common.ids import ArchiveId
from wyng_dom0.engine import guard as guard_module
from wyng_dom0.engine.bases import base_of
from wyng_dom0.engine.guard import Bounds, Guard
from wyng_dom0.errors import SourceError
from wyng_dom0.events import Event
from wyng_dom0.snapshots.driver import PoolUsage, SnapshotRef, VolumeAt
from wyng_dom0.state import ledgers, locks
from wyng_dom0.state.changed import EVERYTHING, NOTHING
from wyng_dom0.state.ledgers import Ledger, Mark
from wyng_dom0.state.places import Places
from wyng_dom0.state.volumes import VolumeState, state_of

ARCHIVE = ArchiveId(bytes(16))


class Pool:
    """Volumes with bases in one folder, and a pool that is as full as said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.places = Places(folder / "state")
        self.parts: List[float] = []
        self.driver = CopyingDriver(usage_of=self.usage)
        self.told: List[Event] = []
        self.guard = Guard(self.places, [self.driver], self.told.append)

    def usage(self, pool: str) -> PoolUsage:
        part = self.parts.pop(0) if len(self.parts) > 1 else self.parts[0]
        return PoolUsage(pool, 1 << 30, part, 0.0)

    def add(self, name: str, size: int) -> VolumeAt:
        """A volume whose base holds that much."""
        path = self.folder / name
        path.write_bytes(b"x" * size)
        volume = VolumeAt(name, str(path), str(self.folder))
        state = self.state(name)
        state.make()
        ledger = Ledger(ARCHIVE, bytes(16), 65536, Mark(None, size), NOTHING)
        ledgers.save(state.folder, ledger)
        state.keep_base(base_of(self.driver.take(volume), volume.pool, 0))
        return volume

    def state(self, name: str) -> VolumeState:
        return state_of(self.places, "/source", name)

    def based(self) -> "set[str]":
        """The volumes that still have a base, and its snapshot."""
        found = set()
        for path in self.folder.glob("?"):
            base = self.state(path.name).base()
            ledger = self.state(path.name).ledgers()[0]
            assert (base is None) == (ledger.current == EVERYTHING)
            if base is not None:
                assert Path(base.place).exists()
                found.add(path.name)
        return found


@pytest.fixture
def pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pool:
    monkeypatch.setattr(guard_module, "_LOOK_SECONDS", 0.0)
    return Pool(tmp_path / "pool")


def test_dearest_base_goes_first_and_no_more_than_needed(pool: Pool) -> None:
    for name, size in (("a", 10), ("b", 3000), ("c", 200)):
        pool.add(name, size)
    pool.parts = [0.95, 0.95, 0.89]
    pool.guard.make_room([str(pool.folder)])
    assert pool.based() == {"a", "c"}
    assert len(pool.told) == 1


def test_filling_pool_ends_the_reading_half_way(pool: Pool) -> None:
    volume = pool.add("a", 10)
    pool.parts = [0.89]
    pool.guard.watch(pool.driver, volume)
    assert pool.based() == {"a"}
    pool.parts = [0.93]
    pool.guard.watch(pool.driver, volume)
    assert pool.based() == set()
    pool.parts = [0.95]
    with pytest.raises(SourceError, match="filling"):
        pool.guard.watch(pool.driver, volume)


def test_base_that_is_read_stays_until_its_reader_is_done(pool: Pool) -> None:
    pool.add("a", 10)
    base = pool.state("a").base()
    assert base is not None
    reading = locks.start_reading(pool.places, base.identity)
    pool.parts = [0.95]
    pool.guard.make_room([str(pool.folder)])
    assert pool.based() == set()
    ref = SnapshotRef(base.driver, base.place, base.identity, base.size)
    assert pool.driver.exists(ref)
    reading.release()


def test_volume_that_is_being_harvested_is_left_alone(pool: Pool) -> None:
    pool.add("a", 10)
    pool.add("b", 5)
    pool.parts = [0.95, 0.95, 0.95, 0.5]
    with locks.hold_volume(pool.places, "/source", "a", "test"):
        pool.guard.make_room([str(pool.folder)])
    assert pool.based() == {"a"}


def test_pool_is_looked_at_once_for_many_snapshots(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard_module, "_LOOK_SECONDS", 600.0)
    volume = pool.add("a", 10)
    pool.parts = [0.95, 0.95, 0.5, 0.9]
    pool.guard.make_room([str(pool.folder)])
    assert pool.based() == set()
    # Not by what was seen before room was made.
    pool.guard.admit(pool.driver, volume)
    pool.guard.admit(pool.driver, volume)
    assert pool.parts == [0.9]


def test_read_only_pool_takes_no_snapshot(pool: Pool) -> None:
    volume = pool.add("a", 10)
    pool.driver.usage_of = lambda name: PoolUsage(name, 1, 0.1, 0.0, True)
    with pytest.raises(SourceError, match="read-only"):
        pool.guard.admit(pool.driver, volume)


def test_half_way_is_between_the_bound_and_full() -> None:
    assert Bounds(90, 85).half_way() == Bounds(95, 92)
