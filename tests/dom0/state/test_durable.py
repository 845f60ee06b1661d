# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Files are written whole, privately, and synced before they get a name."""

import os
import resource
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from wyng_dom0.errors import BadInput
from wyng_dom0.state import durable


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_file_is_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        durable.write_private(tmp_path / "a", b"x")
        durable.make_private_folder(tmp_path / "f" / "g")
    finally:
        os.umask(before)
    assert mode_of(tmp_path / "a") == 0o600
    assert mode_of(tmp_path / "f") == mode_of(tmp_path / "f" / "g") == 0o700


def test_contents_are_synced_before_the_name(
    tmp_path: Path, mocker: MockerFixture
) -> None:
    calls: list[str] = []
    real_fsync, real_rename = os.fsync, os.rename

    def fsync(fd: int) -> None:
        calls.append("dir" if os.path.isdir(f"/proc/self/fd/{fd}") else "file")
        real_fsync(fd)

    def rename(a: Path, b: Path) -> None:
        calls.append("rename")
        real_rename(a, b)

    mocker.patch("os.fsync", fsync)
    mocker.patch("os.rename", rename)
    durable.write_private(tmp_path / "a", b"x")
    assert calls == ["file", "rename", "dir"]


@pytest.mark.parametrize("step", ["os.fsync", "os.rename", "os.write"])
def test_failed_write_leaves_the_old_file(
    tmp_path: Path, mocker: MockerFixture, step: str
) -> None:
    durable.write_private(tmp_path / "a", b"old")
    mocker.patch(step, side_effect=OSError(28, "No space left on device"))
    with pytest.raises(OSError):
        durable.write_private(tmp_path / "a", b"new")
    mocker.stopall()
    assert (tmp_path / "a").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_create_private_never_overwrites(tmp_path: Path) -> None:
    assert durable.create_private(tmp_path / "a", b"1")
    assert not durable.create_private(tmp_path / "a", b"2")
    assert (tmp_path / "a").read_bytes() == b"1"
    assert os.listdir(tmp_path) == ["a"]


def test_remove_private_says_if_there_was_one(tmp_path: Path) -> None:
    durable.write_private(tmp_path / "a", b"x")
    assert durable.remove_private(tmp_path / "a")
    assert not durable.remove_private(tmp_path / "a")


def test_folder_others_may_write_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()
    (tmp_path / "f").chmod(0o777)
    with pytest.raises(BadInput, match="others may write"):
        durable.make_private_folder(tmp_path / "f")


def test_folder_sync_that_is_not_supported_is_no_error(
    tmp_path: Path, mocker: MockerFixture
) -> None:
    mocker.patch("os.fsync", side_effect=OSError(22, "Invalid argument"))
    durable.sync_folder(tmp_path)
    mocker.patch("os.fsync", side_effect=OSError(5, "Input/output error"))
    with pytest.raises(OSError):
        durable.sync_folder(tmp_path)


def test_write_all_goes_on_after_short_writes(
    tmp_path: Path, mocker: MockerFixture
) -> None:
    real = os.pwrite
    mocker.patch("os.pwrite", lambda fd, d, at: real(fd, d[:3], at))
    with open(tmp_path / "a", "wb") as file:
        durable.write_all(file.fileno(), b"0123456789", 5)
    assert (tmp_path / "a").read_bytes() == bytes(5) + b"0123456789"


@pytest.mark.parametrize(
    "write", [durable.write_private, durable.create_private]
)
def test_failed_write_says_of_what(
    tmp_path: Path, write: Callable[[Path, bytes], object]
) -> None:
    # As on a full disk, where write says nothing of the file either.
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
    try:
        with pytest.raises(OSError) as caught:
            write(tmp_path / "head", bytes(100))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.filename == str(tmp_path / "head")
    assert not any(tmp_path.iterdir())
