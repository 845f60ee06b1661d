# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Volumes that are files in a folder, for the checks every driver runs."""

import ctypes
import fcntl
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from wyng_dom0.snapshots.driver import Driver, VolumeAt

FICLONE = 0x40049409
_KEEP_SIZE, _PUNCH_HOLE = 1, 2
# Kind of the file system, options of its mount.
CLONING = {
    "btrfs": ("btrfs", "loop"),
    "btrfs-zstd": ("btrfs", "loop,compress-force=zstd:1"),
    "xfs": ("xfs", "loop"),
}
IMAGE_SIZE = 512 << 20
_LIBC = ctypes.CDLL(None, use_errno=True)


def run(*words: "str | Path") -> None:
    """Run a command to its end; CalledProcessError."""
    subprocess.run(
        [str(word) for word in words],
        check=True,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
    )


def punch_hole(fd: int, offset: int, length: int) -> None:
    """fallocate(2), which Python has no name for."""
    mode = _KEEP_SIZE | _PUNCH_HOLE
    at, size = ctypes.c_int64(offset), ctypes.c_int64(length)
    if _LIBC.fallocate(fd, mode, at, size):
        raise OSError(ctypes.get_errno(), "fallocate")


@dataclass
class FileRig:
    """A driver of files on a real file system; see Rig."""

    driver: Driver
    folder: Path
    # Whether anything can tell of less than everything.
    grain: int = 4096
    resizes_to: int = 100_000
    _made: set[str] = field(default_factory=set)

    @property
    def pool(self) -> str:
        return str(self.folder)

    def make(self, name: str, size: int) -> VolumeAt:
        path = self.folder / f"{name}.img"
        with open(path, "xb") as file:
            file.truncate(size)
        self._made.add(path.name)
        return VolumeAt(path.name, str(path), self.pool)

    def remove(self, volume: VolumeAt) -> None:
        os.unlink(volume.place)
        self._made.discard(volume.name)

    def write(self, volume: VolumeAt, offset: int, data: bytes) -> None:
        with open(volume.place, "r+b", buffering=0) as file:
            assert os.pwrite(file.fileno(), data, offset) == len(data)

    def punch(self, volume: VolumeAt, offset: int, length: int) -> None:
        with open(volume.place, "r+b") as file:
            punch_hole(file.fileno(), offset, length)

    def resize(self, volume: VolumeAt, size: int) -> None:
        os.truncate(volume.place, size)

    def rename(self, volume: VolumeAt, name: str) -> VolumeAt:
        path = self.folder / f"{name}.img"
        os.rename(volume.place, path)
        self._made.discard(volume.name)
        self._made.add(path.name)
        return VolumeAt(path.name, str(path), self.pool)

    def replace(self, volume: VolumeAt, data: bytes) -> VolumeAt:
        dirty = volume.place.replace(".img", "-dirty.img")
        with open(volume.place, "rb") as clean, open(dirty, "w+b") as twin:
            fcntl.ioctl(twin, FICLONE, clean.fileno())
            assert os.pwrite(twin.fileno(), data, 0) == len(data)
        os.rename(dirty, volume.place)
        return volume

    def strangers(self) -> list[str]:
        return sorted(set(os.listdir(self.folder)) - self._made)
