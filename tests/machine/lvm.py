# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Real volume groups on loop devices, and what others do to volumes there."""

import errno
import fcntl
import os
import shutil
import struct
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from wyng_dom0.snapshots import device_mapper
from wyng_dom0.snapshots.driver import SnapshotRef, VolumeAt
from wyng_dom0.snapshots.lvm_thin import LvmThinDriver

WORK = Path("/run/hot/work")
KIB, MIB = 1 << 10, 1 << 20
_BLKDISCARD = 0x1277
# DM_TARGET_MSG, struct dm_ioctl and struct dm_target_msg of linux/dm-ioctl.h.
_DM_TARGET_MSG = 0xC138FD0E
_DM_IOCTL = struct.Struct("=3I 2I IiI 2I Q 128s 129s 7x")


def run(*words: object) -> str:
    """Run a command that must succeed; what it says."""
    done = subprocess.run(
        [str(word) for word in words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
    )
    said = done.stdout.decode() + done.stderr.decode()
    assert done.returncode == 0, f"{words}: {said}"
    return done.stdout.decode()


def send_message(device: str, words: str) -> bool:
    """What `dmsetup message DEVICE 0 WORDS` does; False when it is refused.

    Without a process, which takes a tenth of a second in the machine: some
    tests have hundreds of messages.
    """
    told = struct.pack("=Q", 0) + words.encode() + b"\0"
    start = _DM_IOCTL.size
    given = _DM_IOCTL.pack(
        *(4, 0, 0, start + len(told), start, 0, 0, 0, 0, 0, 0),
        *(device.encode(), b""),
    )
    control = os.open("/dev/mapper/control", os.O_RDWR)
    try:
        fcntl.ioctl(control, _DM_TARGET_MSG, bytearray(given + told))
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.EINVAL, errno.ENOTTY):
            raise
        return False
    finally:
        os.close(control)
    return True


@dataclass
class Group:
    """A volume group."""

    vg: str

    def make_pool(
        self,
        name: str,
        megabytes: int,
        chunk: int = 64,
        metadata: str = "4m",
        words: Sequence[str] = (),
    ) -> str:
        """A thin pool with blocks of `chunk` KiB; returns "vg/pool"."""
        run(
            *("lvcreate", "-q", "-y", "-kn", "-L", f"{megabytes}m", "-c"),
            *(f"{chunk}k", "--poolmetadatasize", metadata, *words),
            *("--poolmetadataspare", "n", "-T", f"{self.vg}/{name}"),
        )
        return f"{self.vg}/{name}"

    def make(self, pool: str, name: str, megabytes: int) -> Path:
        """An empty thin volume; its device node."""
        run(
            *("lvcreate", "-q", "-kn", "-V", f"{megabytes}m", "--thinpool"),
            *(pool, "-n", name, self.vg),
        )
        return self.path(name)

    def path(self, name: str) -> Path:
        """The device node of a volume."""
        return Path(device_mapper.mapper_path(self.vg, name))

    def remove(self, *names: str) -> None:
        """Remove volumes, or pools with all that is in them."""
        places = [f"{self.vg}/{name}" for name in names]
        if places:
            run("lvremove", "-q", "-f", "-y", *places)

    def rename(self, old: str, new: str) -> None:
        """Give a volume another name."""
        run("lvrename", "-q", self.vg, old, new)

    def snapshot(self, origin: str, name: str) -> Path:
        """A writable thin snapshot, as qubesd makes them."""
        run(
            "lvcreate",
            "-q",
            "-kn",
            "-ay",
            "-s",
            f"{self.vg}/{origin}",
            "-n",
            name,
        )
        return self.path(name)

    def names(self) -> list[str]:
        """All active volumes, without their layers and pools' parts.

        The kernel is asked: starting LVM takes a third of a second here.
        """
        found = [
            device_mapper.split_mapper_name(each.read_text().strip())
            for each in Path("/sys/block").glob("dm-*/dm/name")
        ]
        return sorted(
            each[1]
            for each in found
            if each is not None
            and each[0] == self.vg
            and not each[1].endswith(("_tdata", "_tmeta"))
        )

    def tpool(self, pool: str) -> str:
        """What dmsetup calls a pool."""
        return device_mapper.mapper_name(self.vg, pool, "tpool")

    def held_root(self, pool: str) -> "int | None":
        """The block of the reserved metadata snapshot."""
        return device_mapper.pool_status(self.vg, pool).held_root


@contextmanager
def make_group(vg: str, megabytes: int) -> Iterator[Group]:
    """A volume group on a loop device over a sparse file in memory."""
    image = WORK / f"{vg}.img"
    with open(image, "wb") as file:
        file.truncate(megabytes * MIB)
    device = run("losetup", "--find", "--show", image).strip()
    run("vgcreate", "-q", "-s", "4m", vg, device)
    try:
        yield Group(vg)
    finally:
        run("vgremove", "-q", "-f", "-y", vg)
        run("losetup", "--detach", device)
        image.unlink()


def write(path: "str | Path", offset: int, data: bytes) -> None:
    """Overwrite a part of a device, or of a file."""
    with open(path, "r+b", buffering=0) as file:
        view = memoryview(data)
        while view:
            done = os.pwrite(file.fileno(), view, offset)
            view, offset = view[done:], offset + done


def discard(path: "str | Path", offset: int, length: int) -> None:
    """Discard a part of a device; parts of blocks stay as they are."""
    with open(path, "r+b", buffering=0) as file:
        fcntl.ioctl(file, _BLKDISCARD, struct.pack("QQ", offset, length))


def read(path: "str | Path") -> bytes:
    """All of a device."""
    return Path(path).read_bytes()


class PatientDriver(LvmThinDriver):
    """The driver, for tests that kill runs of it.

    LVM's commands outlive whoever started them: look when they have ended.
    """

    def list_own(self, pool: str) -> list[SnapshotRef]:
        until = time.monotonic() + 30
        while _lvm_runs() and time.monotonic() < until:
            time.sleep(0.1)
        return super().list_own(pool)


def _lvm_runs() -> bool:
    """Has one not ended? (Those that nobody waits for stay in the list.)"""
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, state = _name_and_state(entry.read_text())
        except OSError:
            continue
        if name.startswith(("lvcreate", "lvremove", "lvm")) and state != "Z":
            return True
    return False


def _name_and_state(stat: str) -> tuple[str, str]:
    """Of what the kernel says of a process: NUMBER (NAME) STATE ..."""
    begin, end = stat.index("(") + 1, stat.rindex(")")
    return stat[begin:end], stat[end + 2]


@dataclass
class LvmRig:
    """The driver on a real pool; see Rig in driver_conformance."""

    group: Group
    pool: str
    folder: Path
    grain: int = 64 * KIB
    resizes_to: int = 4 * MIB
    _made: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.driver = PatientDriver(self.folder)
        self._before = set(self.group.names())

    @property
    def _pool_name(self) -> str:
        return self.pool.split("/")[1]

    def make(self, name: str, size: int) -> VolumeAt:
        path = self.group.make(self._pool_name, name, size // MIB)
        self._made.add(name)
        return VolumeAt(name, str(path), self.pool)

    def remove(self, volume: VolumeAt) -> None:
        self.group.remove(volume.name)
        self._made.discard(volume.name)

    def write(self, volume: VolumeAt, offset: int, data: bytes) -> None:
        write(volume.place, offset, data)

    def punch(self, volume: VolumeAt, offset: int, length: int) -> None:
        """Zeros; the blocks that are in there whole are discarded too."""
        write(volume.place, offset, bytes(length))
        begin = -(-offset // self.grain) * self.grain
        end = (offset + length) // self.grain * self.grain
        if begin < end:
            discard(volume.place, begin, end - begin)

    def resize(self, volume: VolumeAt, size: int) -> None:
        """What is cut off is discarded first: LVM itself keeps it."""
        before = os.path.getsize(volume.place) or _size(volume.place)
        if size < before:
            discard(volume.place, size, before - size)
        place = f"{self.group.vg}/{volume.name}"
        run("lvresize", "-q", "-f", "-L", f"{size}b", place)

    def rename(self, volume: VolumeAt, name: str) -> VolumeAt:
        self.group.rename(volume.name, name)
        self._made.discard(volume.name)
        self._made.add(name)
        return VolumeAt(name, str(self.group.path(name)), self.pool)

    def replace(self, volume: VolumeAt, data: bytes) -> VolumeAt:
        twin = f"{volume.name}-twin"
        write(self.group.snapshot(volume.name, twin), 0, data)
        self.group.remove(volume.name)
        self.group.rename(twin, volume.name)
        return volume

    def strangers(self) -> list[str]:
        return sorted(set(self.group.names()) - self._before - self._made)


def _size(path: str) -> int:
    fd = os.open(path, os.O_RDONLY)
    try:
        return os.lseek(fd, 0, os.SEEK_END)
    finally:
        os.close(fd)
