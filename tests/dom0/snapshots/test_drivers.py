# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every driver, on every file system: what a snapshot promises."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from wyng_dom0.errors import SourceError
from wyng_dom0.snapshots import reflink
from wyng_dom0.snapshots.choose import take_snapshot
from wyng_dom0.snapshots.plain import PlainDriver
from wyng_dom0.snapshots.reflink import CannotClone, ReflinkDriver
from wyng_dom0.snapshots.snapshot import data_ranges

MIB = 1 << 20
CLONES = {"btrfs", "xfs"}
Volume = tuple[str, Path, int]


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
    fd = os.open(path, os.O_RDONLY)
    yield kind, path, fd
    os.close(fd)
    os.unlink(path)
    assert os.listdir(point) in ([], ["lost+found"]), "left something behind"


def test_best_driver_is_chosen(volume: Volume) -> None:
    kind, path, fd = volume
    with take_snapshot("disk.img", fd, str(path.parent)) as snapshot:
        assert snapshot.point_in_time == (kind in CLONES)
        assert snapshot.driver == ("reflink" if kind in CLONES else "plain")
        assert snapshot.size == 16 * MIB + 5
        assert snapshot.mode == path.stat().st_mode & 0o777
        assert snapshot.read(8 * MIB - 1, 3) == b"\0bb"
        assert snapshot.changed_ranges() is None


def test_clone_does_not_see_later_writes(volume: Volume) -> None:
    kind, path, fd = volume
    with take_snapshot("disk.img", fd, str(path.parent)) as snapshot:
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


def test_snapshot_has_no_name_and_holds_no_space(volume: Volume) -> None:
    _, path, fd = volume
    before = sorted(os.listdir(path.parent))
    with take_snapshot("disk.img", fd, str(path.parent)):
        assert sorted(os.listdir(path.parent)) == before


def test_holes_are_not_among_the_data(volume: Volume) -> None:
    _, path, fd = volume
    with take_snapshot("disk.img", fd, str(path.parent)) as snapshot:
        ranges = list(snapshot.data_ranges())
    data = sum(length for _, length in ranges)
    assert 2 * MIB <= data < 4 * MIB
    assert ranges == sorted(ranges)
    for offset in (0, MIB - 1, 8 * MIB, 9 * MIB - 1):
        assert any(at <= offset < at + size for at, size in ranges)


def test_clone_by_a_hidden_name_leaves_none(
    volume: Volume, mocker: MockerFixture
) -> None:
    kind, path, fd = volume
    real = os.open

    def no_tmpfile(where: str, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(errno.EOPNOTSUPP, "Operation not supported")
        return real(where, flags, mode)

    mocker.patch("wyng_dom0.snapshots.reflink.os.open", no_tmpfile)
    with take_snapshot("disk.img", fd, str(path.parent)) as snapshot:
        assert snapshot.point_in_time == (kind in CLONES)
        assert os.listdir(path.parent).count("disk.img") == 1
        assert not [n for n in os.listdir(path.parent) if ".wyng-" in n]


@pytest.mark.parametrize("code", sorted(reflink.CANNOT_CLONE))
def test_what_cannot_be_cloned_is_read_plainly(
    tmp_path: Path, mocker: MockerFixture, code: int
) -> None:
    (tmp_path / "a").write_bytes(b"data")
    mocker.patch("fcntl.ioctl", side_effect=OSError(code, "no"))
    with open(tmp_path / "a", "rb") as file:
        with take_snapshot("a", file.fileno(), str(tmp_path)) as snapshot:
            assert not snapshot.point_in_time
            assert snapshot.read(0, 4) == b"data"


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_clone_that_fails_is_no_silent_plain_read(
    tmp_path: Path, mocker: MockerFixture, code: int
) -> None:
    (tmp_path / "a").write_bytes(b"data")
    mocker.patch("fcntl.ioctl", side_effect=OSError(code, os.strerror(code)))
    with open(tmp_path / "a", "rb") as file:
        with pytest.raises(SourceError) as caught:
            with take_snapshot("a", file.fileno(), str(tmp_path)):
                raise AssertionError("taken")
    assert not isinstance(caught.value, CannotClone)


def test_folder_we_cannot_write_is_read_plainly(
    tmp_path: Path, mocker: MockerFixture
) -> None:
    (tmp_path / "a").write_bytes(b"data")
    with open(tmp_path / "a", "rb") as file:
        denied = OSError(errno.EACCES, "Permission denied")
        mocker.patch("wyng_dom0.snapshots.reflink.os.open", side_effect=denied)
        with take_snapshot("a", file.fileno(), str(tmp_path)) as snapshot:
            assert snapshot.driver == "plain"


def test_error_of_the_block_is_not_swallowed(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"data")
    with open(tmp_path / "a", "rb") as file:
        with pytest.raises(CannotClone):
            with take_snapshot("a", file.fileno(), str(tmp_path)):
                raise CannotClone("from inside")


def test_empty_volume_has_no_data(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    with open(tmp_path / "a", "rb") as file:
        with PlainDriver().snapshot("a", file.fileno(), "") as snapshot:
            assert snapshot.size == 0
            assert list(snapshot.data_ranges()) == []


def test_file_that_grew_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"data")
    with open(tmp_path / "a", "rb") as file:
        with PlainDriver().snapshot("a", file.fileno(), "") as snapshot:
            (tmp_path / "a").write_bytes(b"more data")
            assert list(snapshot.data_ranges()) == [(0, 4)]
            with pytest.raises(SourceError, match="changed its size"):
                snapshot.check_unchanged_size()


def test_data_ranges_end_at_the_size(tmp_path: Path) -> None:
    with open(tmp_path / "a", "wb+") as file:
        file.truncate(4 * MIB)
        assert list(data_ranges(file.fileno(), 4 * MIB)) == []
        file.seek(MIB)
        file.write(b"x" * (3 * MIB))
        file.flush()
        assert list(data_ranges(file.fileno(), MIB + 7)) == [(MIB, 7)]


def test_reflink_refuses_what_is_no_file(loop_device: Path) -> None:
    fd = os.open(loop_device, os.O_RDONLY)
    try:
        with pytest.raises(CannotClone):
            with ReflinkDriver().snapshot("d", fd, "/dev"):
                raise AssertionError("taken")
    finally:
        os.close(fd)
