# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""An archive made on a mounted disk is touched only while one is mounted."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from product.machine import DATA, OFF, Machine


class Disk:
    """A file system that comes and goes; below it lies an old copy."""

    def __init__(self, point: Path) -> None:
        self.point = point
        point.mkdir()

    def mount(self) -> None:
        run("mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", self.point)

    def unmount(self) -> None:
        run("umount", self.point)


def run(*words: "str | Path") -> None:
    subprocess.run([str(word) for word in words], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    disk = Disk(tmp_path / "disk")
    disk.mount()
    yield disk
    if os.path.ismount(disk.point):
        disk.unmount()


@pytest.fixture
def shadowed(machine: Machine, disk: Disk) -> Machine:
    """A machine whose archive's disk is gone, a copy in its place."""
    machine.run(
        f"--local={machine.images}",
        f"--dest=internal:{disk.point}/a",
        "arch-init",
        *OFF,
    )
    machine.write("a", DATA)
    machine.run("send", "a")
    shutil.copytree(disk.point, machine.root / "copy")
    disk.unmount()
    shutil.copytree(machine.root / "copy" / "a", disk.point / "a")
    return machine


COMMANDS = [
    ("send",),
    ("receive", "a", "--force"),
    ("verify",),
    ("delete", "a", "--force"),
    ("prune", "--session=20000101-000000,21000101-000000"),
]


def test_nothing_is_touched_while_the_disk_is_away(
    shadowed: Machine, disk: Disk
) -> None:
    before = sorted(path for path in disk.point.rglob("*"))
    shadowed.write("a", DATA[::-1])
    for words in COMMANDS:
        assert "is its disk mounted?" in shadowed.fails(5, *words), words
    assert sorted(path for path in disk.point.rglob("*")) == before
    assert (shadowed.images / "a").read_bytes() == DATA[::-1]


def test_archive_is_used_again_when_the_disk_is_back(
    shadowed: Machine, disk: Disk
) -> None:
    disk.mount()
    shutil.copytree(shadowed.root / "copy" / "a", disk.point / "a")
    shadowed.write("a", DATA[::-1])
    shadowed.run("send")
    assert shadowed.restored("a") == DATA[::-1]


def test_definition_without_the_new_keys_is_read(
    shadowed: Machine, disk: Disk
) -> None:
    """As an earlier version wrote it: no mount point was asked for."""
    (path,) = (shadowed.state / "archives").iterdir()
    lines = path.read_text().splitlines()
    kept = [each for each in lines if not each.startswith("mount-depth")]
    assert len(kept) == len(lines) - 1
    path.write_text(
        "\n".join(each for each in kept if not each.startswith("bootstrap"))
    )
    shadowed.run("verify")
