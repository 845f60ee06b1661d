# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Which snapshots may be dropped, and which never."""

from pathlib import Path

import pytest

from copying_driver import CopyingDriver, copies_in
from wyng_dom0.engine.bases import base_of, drop_unread, take_strays_away
from wyng_dom0.snapshots.driver import SnapshotRef, VolumeAt
from wyng_dom0.state import locks
from wyng_dom0.state.places import Places
from wyng_dom0.state.volumes import state_of


@pytest.fixture
def snapshot(tmp_path: Path) -> "tuple[CopyingDriver, SnapshotRef]":
    (tmp_path / "v").write_bytes(b"data")
    driver = CopyingDriver()
    volume = VolumeAt("v", str(tmp_path / "v"), str(tmp_path))
    return driver, driver.take(volume)


def test_new_snapshot_is_no_stray_while_somebody_makes_them(
    tmp_path: Path, snapshot: "tuple[CopyingDriver, SnapshotRef]"
) -> None:
    driver, ref = snapshot
    places = Places(tmp_path / "state")
    with locks.make_snapshots(places):
        assert take_strays_away(places, [str(tmp_path)], [driver]) == 0
    assert driver.exists(ref)
    assert take_strays_away(places, [str(tmp_path)], [driver]) == 1
    assert copies_in(tmp_path) == []


def test_base_is_no_stray_whatever_became_of_its_name(
    tmp_path: Path, snapshot: "tuple[CopyingDriver, SnapshotRef]"
) -> None:
    driver, ref = snapshot
    places = Places(tmp_path / "state")
    state = state_of(places, "/source", "v")
    state.make()
    state.keep_base(base_of(ref, str(tmp_path), 0))
    (state.folder / "volume.json").write_bytes(b"damaged")
    assert take_strays_away(places, [str(tmp_path)], [driver]) == 0
    assert driver.exists(ref)


def test_snapshot_that_somebody_reads_is_not_dropped(
    tmp_path: Path, snapshot: "tuple[CopyingDriver, SnapshotRef]"
) -> None:
    driver, ref = snapshot
    places = Places(tmp_path / "state")
    readers = [locks.start_reading(places, ref.identity) for _ in range(2)]
    for reader in readers:
        assert drop_unread(places, driver, [ref]) == 0
        assert driver.exists(ref)
        reader.release()
    assert drop_unread(places, driver, [ref]) == 1
    assert not driver.exists(ref)
    assert list((tmp_path / "state/locks").glob("snapshot-*")) == []
