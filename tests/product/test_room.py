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


def test_full_disk_of_our_own_fails_nothing_that_is_done(
    machine: Machine, disk: Path
) -> None:
    machine.state = disk / "state"
    machine.init(*OFF)
    for name in ("a", "b"):
        machine.write(name, b"data")
    machine.run("send", "a", "b")
    machine.run("send", "a", "b")
    with open(disk / "fill", "wb") as fill:
        os.posix_fallocate(fill.fileno(), 0, free(disk))
    assert free(disk) == 0
    for words in (("send",), ("list",), ("prune", "--keep-last=1", "-u")):
        done = machine.bare(f"--meta-dir={machine.state}", *words)
        assert done.returncode == 0, done.stderr
        assert words == ("list",) or "noted here: No space" in done.stderr
    # The head must be noted before a session is made: there is none.
    machine.write("a", b"other")
    told = machine.fails_among(1, "send")
    assert "/heads/" in told and "No space" in told
    assert machine.volumes() == {"a": 1, "b": 1}
    os.unlink(disk / "fill")
    machine.run("send")
    assert machine.volumes() == {"a": 2, "b": 1}
