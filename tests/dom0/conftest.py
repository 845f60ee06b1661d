# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures of dom0's tests: a state folder, and real file systems."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from wyng_dom0.state.places import Places

IMAGE_SIZE = 320 << 20


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """An empty state folder."""
    return Places(tmp_path / "state")


def run(*words: "str | Path") -> None:
    subprocess.run(
        [str(word) for word in words],
        check=True,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
    )


@pytest.fixture(scope="session", params=["btrfs", "xfs", "ext4", "tmpfs"])
def filesystem(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator["tuple[str, Path]"]:
    """A file system of each kind, freshly made: its kind and mount point."""
    kind: str = request.param
    if os.geteuid() != 0:
        pytest.skip(f"mounting {kind} needs root")
    if kind != "tmpfs" and shutil.which(f"mkfs.{kind}") is None:
        pytest.skip(f"mkfs.{kind} is not installed")
    base = tmp_path_factory.mktemp(kind)
    point = base / "mounted"
    point.mkdir()
    try:
        _mount(kind, base / "image", point)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"{kind} can't be mounted here: {error.stderr.decode()}")
    yield kind, point
    run("umount", point)


def _mount(kind: str, image: Path, point: Path) -> None:
    if kind == "tmpfs":
        run("mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", point)
        return
    with open(image, "wb") as file:
        file.truncate(IMAGE_SIZE)
    run(f"mkfs.{kind}", "-q", image)
    run("mount", "-o", "loop", image, point)


@pytest.fixture
def loop_device(tmp_path: Path) -> Iterator[Path]:
    """A block device of 8 MiB full of 0xAA."""
    if os.geteuid() != 0:
        pytest.skip("a loop device needs root")
    image = tmp_path / "device.img"
    image.write_bytes(b"\xaa" * (8 << 20))
    made = subprocess.run(
        ["losetup", "--find", "--show", str(image)], capture_output=True
    )
    if made.returncode:
        pytest.skip(f"no loop device here: {made.stderr.decode()}")
    device = Path(made.stdout.decode().strip())
    yield device
    run("losetup", "--detach", device)
