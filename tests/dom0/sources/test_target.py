# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A restore is whole under its name, or not there; a device says so."""

import errno
import os
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from wyng_dom0.errors import IntegrityError, TargetError
from wyng_dom0.sources.target import (
    Mode,
    Order,
    Target,
    exists_at,
    open_target,
)
from wyng_dom0.sources.unfinished import Restoring
from wyng_dom0.sources.writing import Owner
from wyng_dom0.state.places import Places

MIB = 1 << 20
WORK = Restoring("ab" * 16, "disk1.img", "20261101-101500")
Opened = Callable[..., AbstractContextManager[Target]]


@pytest.fixture
def opened(tmp_path_factory: pytest.TempPathFactory) -> Opened:
    """open_target for a size and, unless it is whole, a mode."""
    places = Places(tmp_path_factory.mktemp("state"))
    return lambda path, size, mode=Mode.WHOLE: open_target(
        path, Order(WORK, size, mode), places
    )


def test_file_has_its_name_only_when_finished(
    tmp_path: Path, opened: Opened
) -> None:
    path = tmp_path / "out.img"
    with opened(path, 3 * MIB) as target:
        target.pwrite(MIB, b"x" * 10)
        target.zero(2 * MIB, MIB)
        assert not exists_at(path)
        target.finish(Owner(0o4640, os.geteuid(), os.getegid()))
        assert os.listdir(tmp_path) == ["out.img"]
    data = path.read_bytes()
    assert data == bytes(MIB) + b"x" * 10 + bytes(2 * MIB - 10)
    assert path.stat().st_mode & 0o7777 == 0o640
    assert path.stat().st_blocks * 512 < MIB


def test_unfinished_restore_leaves_the_old_file(
    tmp_path: Path, opened: Opened
) -> None:
    path = tmp_path / "out.img"
    path.write_bytes(b"old")
    with pytest.raises(IntegrityError):
        with opened(path, MIB) as target:
            target.pwrite(0, b"new")
            raise IntegrityError("a chunk is damaged")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["out.img"]


def test_forgotten_finish_is_an_abort(tmp_path: Path, opened: Opened) -> None:
    with opened(tmp_path / "a", 10) as target:
        target.pwrite(0, b"x")
    assert os.listdir(tmp_path) == []


def test_contents_are_synced_before_the_name(
    tmp_path: Path, mocker: MockerFixture, opened: Opened
) -> None:
    calls: list[str] = []
    sync = mocker.patch("wyng_dom0.state.durable.sync_file")
    sync.side_effect = lambda fd: calls.append("sync")
    place = mocker.patch("wyng_dom0.state.durable.put_in_place")
    place.side_effect = lambda a, b: calls.append("name")
    with opened(tmp_path / "a", 10) as target:
        target.finish(Owner(0o600, 0, 0))
    assert calls == ["sync", "name"]


def test_leftover_of_a_killed_restore_is_removed(
    tmp_path: Path, opened: Opened
) -> None:
    (tmp_path / ".a.wyng-partial-dead").write_bytes(b"x")
    (tmp_path / ".other.wyng-partial-dead").write_bytes(b"x")
    with opened(tmp_path / "a", 10) as first:
        with opened(tmp_path / "a", 10) as second:
            second.pwrite(0, b"2")
            second.finish(Owner(0o600, 0, 0))
        first.pwrite(0, b"1")
        first.finish(Owner(0o600, 0, 0))
    assert sorted(os.listdir(tmp_path)) == [".other.wyng-partial-dead", "a"]
    assert (tmp_path / "a").read_bytes()[:1] == b"1"


def test_longest_file_name_can_be_restored(
    tmp_path: Path, opened: Opened
) -> None:
    path = tmp_path / ("n" * 255)
    with opened(path, 0) as target:
        target.finish(Owner(0o600, 0, 0))
    assert path.read_bytes() == b""


def test_link_is_written_through(tmp_path: Path, opened: Opened) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    with opened(tmp_path / "link", 3) as target:
        target.pwrite(0, b"new")
        target.finish(Owner(0o600, 0, 0))
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_place_that_is_no_file_is_refused(
    tmp_path: Path, opened: Opened
) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, said in (
        (tmp_path, "neither a file"),
        (tmp_path / "pipe", "neither a file"),
        (Path("/dev/null"), "neither a file"),
        (tmp_path / "none" / "a", "no directory"),
    ):
        with pytest.raises(TargetError, match=said):
            with opened(path, 1):
                raise AssertionError("opened")


def test_full_disk_is_one_sentence(
    tmp_path: Path, mocker: MockerFixture, opened: Opened
) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(TargetError, match="out.img' can't be written: No sp"):
        with opened(tmp_path / "out.img", MIB) as target:
            mocker.patch("os.pwrite", side_effect=full)
            target.pwrite(0, b"x")
    assert os.listdir(tmp_path) == []


def test_write_outside_the_volume_is_refused(
    tmp_path: Path, opened: Opened
) -> None:
    with opened(tmp_path / "a", 10) as target:
        for offset, data in ((8, b"xxx"), (-1, b"x"), (11, b"")):
            with pytest.raises(TargetError, match="outside"):
                target.pwrite(offset, data)
        with pytest.raises(TargetError, match="outside"):
            target.zero(5, 6)


def test_device_is_written_in_place(loop_device: Path, opened: Opened) -> None:
    with opened(loop_device, 5 * MIB) as target:
        target.pwrite(0, b"x" * 5)
        target.zero(5, 5 * MIB - 5)
        target.finish(Owner(0o600, 0, 0))
    data = loop_device.read_bytes()
    assert data[: 5 * MIB] == b"x" * 5 + bytes(5 * MIB - 5)
    # What was there before is not the volume's.
    assert data[5 * MIB :] == bytes(3 * MIB)


@pytest.mark.parametrize("kind", [IntegrityError("bad"), KeyboardInterrupt()])
def test_interrupted_device_is_called_incomplete(
    loop_device: Path, kind: BaseException, opened: Opened
) -> None:
    with pytest.raises(type(kind)) as caught:
        with opened(loop_device, MIB):
            raise kind
    notes = getattr(caught.value, "__notes__", [])
    assert notes and "incomplete" in notes[0]


def test_device_too_small_is_refused_untouched(
    loop_device: Path, opened: Opened
) -> None:
    with pytest.raises(TargetError, match="too few"):
        with opened(loop_device, 9 * MIB):
            raise AssertionError("opened")
    assert loop_device.read_bytes()[:4] == b"\xaa" * 4


def test_mounted_device_is_refused(
    loop_device: Path, tmp_path: Path, opened: Opened
) -> None:
    run = partial(subprocess.run, check=True, capture_output=True)
    run(["mkfs.ext4", "-q", str(loop_device)])
    (tmp_path / "m").mkdir()
    run(["mount", str(loop_device), str(tmp_path / "m")])
    try:
        with pytest.raises(TargetError, match="mounted or in use"):
            with opened(loop_device, 1):
                raise AssertionError("opened")
    finally:
        run(["umount", str(tmp_path / "m")])


def test_file_behind_a_loop_device_is_refused(
    loop_device: Path, tmp_path: Path, opened: Opened
) -> None:
    with pytest.raises(TargetError, match="in use by a loop device"):
        with opened(tmp_path / "device.img", 1):
            raise AssertionError("opened")
