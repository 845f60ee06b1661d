# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every driver for files, on every file system: what a snapshot promises."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from wyng_dom0.errors import NotFound, SourceError
from wyng_dom0.snapshots import reflink
from wyng_dom0.snapshots.choose import file_drivers, take_best
from wyng_dom0.snapshots.driver import NOBODY, CannotSnapshot, VolumeAt
from wyng_dom0.snapshots.plain import PlainDriver
from wyng_dom0.snapshots.reflink import ReflinkDriver
from wyng_dom0.snapshots.snapshot import Snapshot, data_ranges

MIB = 1 << 20
DRIVERS = file_drivers(NOBODY)
CLONES = {"btrfs", "xfs"}
Volume = tuple[str, Path]


def at(path: Path) -> VolumeAt:
    """The volume at a path, as a directory source gives it."""
    return VolumeAt(path.name, str(path), str(path.parent))


@contextmanager
def taken(path: Path) -> Iterator[Snapshot]:
    """A snapshot by the best driver, which is dropped afterwards."""
    driver, ref = take_best(at(path), DRIVERS)
    try:
        with driver.open(ref, at(path)) as snapshot:
            yield snapshot
    finally:
        driver.drop([ref])
        assert not driver.exists(ref)


@pytest.fixture
def volume(filesystem: "tuple[str, Path]") -> Iterator[Volume]:
    """A sparse volume on each file system: 1 MiB of data, hole, data."""
    kind, point = filesystem
    path = point / "disk.img"
    with open(path, "wb") as file:
        file.write(b"a" * MIB)
        file.seek(8 * MIB)
        file.write(b"b" * MIB)
        file.truncate(16 * MIB + 5)
    yield kind, path
    os.unlink(path)
    assert os.listdir(point) in ([], ["lost+found"]), "left something behind"


def test_best_driver_is_chosen(volume: Volume) -> None:
    kind, path = volume
    with taken(path) as snapshot:
        assert snapshot.point_in_time == (kind in CLONES)
        assert snapshot.driver == ("reflink" if kind in CLONES else "plain")
        assert snapshot.size == 16 * MIB + 5
        assert snapshot.mode == path.stat().st_mode & 0o777
        assert snapshot.read(8 * MIB - 1, 3) == b"\0bb"


def test_clone_does_not_see_later_writes(volume: Volume) -> None:
    kind, path = volume
    with taken(path) as snapshot:
        with open(path, "r+b") as writer:
            writer.write(b"changed")
            writer.truncate(MIB)
        seen = snapshot.read(0, 7)
        if kind in CLONES:
            assert seen == b"a" * 7
            assert snapshot.read(8 * MIB, 2) == b"bb"
            snapshot.check_unchanged_size()
        else:
            assert seen == b"changed"
            with pytest.raises(SourceError, match="changed its size"):
                snapshot.check_unchanged_size()
            with pytest.raises(SourceError, match="'disk.img' changed its"):
                snapshot.read(8 * MIB, 2)


def test_dropped_snapshot_is_gone(volume: Volume) -> None:
    _, path = volume
    before = sorted(os.listdir(path.parent))
    driver, ref = take_best(at(path), DRIVERS)
    own = driver.list_own(str(path.parent))
    assert own == ([ref] if driver.exists(ref) else [])
    for _ in range(2):
        driver.drop([ref])
        assert driver.list_own(str(path.parent)) == []
    assert sorted(os.listdir(path.parent)) == before


def test_holes_are_not_among_the_data(volume: Volume) -> None:
    _, path = volume
    with taken(path) as snapshot:
        ranges = list(snapshot.data_ranges())
    data = sum(length for _, length in ranges)
    assert 2 * MIB <= data < 4 * MIB
    assert ranges == sorted(ranges)
    for offset in (0, MIB - 1, 8 * MIB, 9 * MIB - 1):
        assert any(at <= offset < at + size for at, size in ranges)


@pytest.mark.parametrize("code", sorted(reflink.CANNOT_CLONE))
def test_what_cannot_be_cloned_is_read_plainly(
    tmp_path: Path, mocker: MockerFixture, code: int
) -> None:
    (tmp_path / "a").write_bytes(b"data")
    mocker.patch("fcntl.ioctl", side_effect=OSError(code, "no"))
    with taken(tmp_path / "a") as snapshot:
        assert not snapshot.point_in_time
        assert snapshot.read(0, 4) == b"data"


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_clone_that_fails_is_no_silent_plain_read(
    tmp_path: Path, mocker: MockerFixture, code: int
) -> None:
    (tmp_path / "a").write_bytes(b"data")
    mocker.patch("fcntl.ioctl", side_effect=OSError(code, os.strerror(code)))
    with pytest.raises(SourceError) as caught:
        take_best(at(tmp_path / "a"), DRIVERS)
    assert not isinstance(caught.value, CannotSnapshot)
    assert os.listdir(tmp_path) == ["a"]


def test_folder_we_cannot_write_is_read_plainly(
    tmp_path: Path, mocker: MockerFixture
) -> None:
    (tmp_path / "a").write_bytes(b"data")
    real = os.open

    def only_reads(path: str, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_RDWR:
            raise OSError(errno.EACCES, "Permission denied")
        return real(path, flags, mode)

    mocker.patch("wyng_dom0.snapshots.kept_clones.os.open", only_reads)
    with taken(tmp_path / "a") as snapshot:
        assert snapshot.driver == "plain"


def test_empty_volume_has_no_data(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    with taken(tmp_path / "a") as snapshot:
        assert snapshot.size == 0
        assert list(snapshot.data_ranges()) == []


def test_file_that_grew_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"data")
    driver = PlainDriver()
    ref = driver.take(at(path))
    path.write_bytes(b"more data")
    with driver.open(ref, at(path)) as snapshot:
        assert list(snapshot.data_ranges()) == [(0, 4)]
        with pytest.raises(SourceError, match="changed its size"):
            snapshot.check_unchanged_size()


@pytest.mark.parametrize("driver", DRIVERS, ids=lambda each: each.name)
def test_place_that_leads_elsewhere_by_now_is_refused(
    tmp_path: Path, driver: "PlainDriver | ReflinkDriver"
) -> None:
    """Between locate and take somebody may put a link there."""
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").symlink_to("../secret")
    with pytest.raises(SourceError):
        driver.take(at(tmp_path / "in" / "a"))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a").write_bytes(b"secret")
    (tmp_path / "link").symlink_to("out")
    with pytest.raises(SourceError, match="moved"):
        driver.take(at(tmp_path / "link" / "a"))


@pytest.mark.parametrize("driver", DRIVERS, ids=lambda each: each.name)
def test_volume_that_is_gone_is_not_found(
    tmp_path: Path, driver: "PlainDriver | ReflinkDriver"
) -> None:
    with pytest.raises(NotFound, match="'a' is gone"):
        driver.take(at(tmp_path / "a"))


def test_data_ranges_end_at_the_size(tmp_path: Path) -> None:
    with open(tmp_path / "a", "wb+") as file:
        file.truncate(4 * MIB)
        assert list(data_ranges(file.fileno(), 4 * MIB)) == []
        file.seek(MIB)
        file.write(b"x" * (3 * MIB))
        file.flush()
        assert list(data_ranges(file.fileno(), MIB + 7)) == [(MIB, 7)]


def test_reflink_refuses_what_is_no_file(loop_device: Path) -> None:
    with pytest.raises(CannotSnapshot):
        ReflinkDriver().take(at(loop_device))
