# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Sessions go for room only until it is there, on a disk of its own."""

import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from product.machine import OFF, Machine

MIB = 1 << 20
SIZE, COUNT = 40 * MIB, 6
# Sessions that the first round removes; they hold enough.
FIRST_ROUND = 3


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    point = tmp_path / "disk"
    point.mkdir()
    words = ["-t", "tmpfs", "-o", f"size={10 * SIZE}", "tmpfs", str(point)]
    subprocess.run(["mount", *words], check=True)
    yield point
    subprocess.run(["umount", str(point)], check=True)


def free(point: Path) -> int:
    found = os.statvfs(point)
    return found.f_bavail * found.f_frsize


def test_no_session_goes_once_there_is_room(
    machine: Machine, disk: Path
) -> None:
    where = (f"--local={machine.images}", f"--dest=internal:{disk}/a")
    machine.run(*where, "arch-init", *OFF)
    for seed in range(COUNT):
        machine.write("a", random.Random(seed).randbytes(SIZE))
        machine.run("send", "a")
    wanted = free(disk) + SIZE * 9 // 4
    words = ("prune", "--autoprune=on", "--keep-last=1", "--force")
    machine.run(*words, f"--min-free-space={wanted}")
    assert free(disk) >= wanted
    assert len(machine.sessions("a")) == COUNT - FIRST_ROUND
    machine.run("verify", "a")
