# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A Qubes system for each test, seen by this process too."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from product.machine import Machine
from qubes.dom0 import Dom0
from qubesadmin_stand_in.qubes_system import QubesSystem
from system.machine import temporary_root

MIB = 1 << 20


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> QubesSystem:
    """A template, a net qube and an empty pool on a file system of any kind."""
    monkeypatch.setenv("QUBES_STAND_IN", "")
    return QubesSystem(tmp_path / "qubes")


@pytest.fixture(scope="module")
def disk() -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("mounting btrfs needs root")
    if shutil.which("mkfs.btrfs") is None:
        pytest.skip("mkfs.btrfs is not installed")
    root = temporary_root()
    image, point = root / "image", root / "mounted"
    point.mkdir()
    with open(image, "wb") as file:
        file.truncate(300 * MIB)
    subprocess.run(["mkfs.btrfs", "-q", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, point], check=True)
    yield point
    subprocess.run(["umount", point], check=True)
    shutil.rmtree(root)


@pytest.fixture
def dom0(
    disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Dom0]:
    monkeypatch.setenv("QUBES_STAND_IN", "")
    root = disk / "dom0"
    root.mkdir()
    yield Dom0(root, Machine(tmp_path / "machine"))
    shutil.rmtree(root)
