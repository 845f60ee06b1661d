# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine with two archives of one directory, and snapshots that stay.

Commands are processes as in machine.py. Snapshots are copies, so that no
file system of ours is needed; how much of a volume was read is counted.
"""

import random
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator, List, Optional, Tuple

from copying_driver import CopyingDriver, copies_in
from system.faults import Fault
from system.machine import Ended, Machine, Running, temporary_root
from wyng_dom0.engine import upload
from wyng_dom0.snapshots.plain import PlainDriver
from wyng_dom0.sources import directory
from wyng_dom0.state.places import Places
from wyng_dom0.state.volumes import VolumeState, state_of

ARCHIVES = ("a", "b")
CHUNK = 64 * 1024
NAME = "disk.img"
SIZE = 12 * CHUNK + 777


class Host:
    """`driver` is what snapshots; patched in as long as `hosted` runs."""

    def __init__(self, root: Path, driver: CopyingDriver) -> None:
        self.machine = Machine(root)
        self.driver = driver
        self.reads = root / "reads"
        self.path = self.machine.images / NAME

    @property
    def state(self) -> VolumeState:
        """What is kept of the volume."""
        places = Places(self.machine.state)
        return state_of(places, str(self.machine.images), NAME)

    def init(self) -> None:
        """Both archives, their keys at hand."""
        for name in ARCHIVES:
            self.machine.wyng(
                *("--unattended", "--encrypt=off", "--chunk-factor=1"),
                f"--archive={name}",
                f"--local={self.machine.images}",
                f"--dest=internal:{self.archive(name)}",
                "arch-init",
            ).check()

    def archive(self, name: str) -> Path:
        """Where an archive lies."""
        return self.machine.live / f"archive-{name}"

    def write(self, *chunks: int, seed: int = 0, size: int = 3000) -> None:
        """Random bytes in the middle of some chunks."""
        for chunk in chunks:
            data = random.Random(f"{seed} {chunk}").randbytes(size)
            with self.path.open("r+b") as file:
                file.seek(chunk * CHUNK + 500)
                file.write(data)

    def start(self, archive: str, *words: str) -> Running:
        """Start a command on an archive."""
        return self.machine.start("--json", f"--archive={archive}", *words)

    def send(self, archive: str, fault: Optional[Fault] = None) -> Ended:
        """Send the volume."""
        return self.machine.wyng(
            *("--json", f"--archive={archive}", "send", NAME), fault=fault
        )

    def monitor(self, fault: Optional[Fault] = None) -> Ended:
        """monitor."""
        return self.machine.wyng("--json", "monitor", fault=fault)

    def read_bytes(self) -> int:
        """How much of volumes was read since this was asked last."""
        total = 0
        if self.reads.exists():
            total = sum(map(int, self.reads.read_text().split()))
            self.reads.unlink()
        return total

    def newest(self, archive: str, *words: str) -> bytes:
        """What an archive's newest session restores to."""
        target = self.machine.out / "newest"
        self.machine.wyng(
            *(f"--archive={archive}", "--force", f"--save-to={target}"),
            *(*words, "receive", NAME),
        ).check()
        content = target.read_bytes()
        target.unlink()
        return content

    def expect_sent(self, *archives: str) -> None:
        """The newest session is what the volume holds now, bit for bit."""
        now = self.path.read_bytes()
        for each in archives:
            assert self.newest(each) == now, f"archive {each} lacks changes"

    def snapshots(self) -> List[Path]:
        """Those that are there now."""
        return copies_in(self.machine.images)


@contextmanager
def hosted(driver: Optional[CopyingDriver] = None) -> Iterator[Host]:
    """A host with its two archives empty and a volume that has data."""
    with patched(driver or CopyingDriver()) as found:
        host = Host(temporary_root(), found)
        host.path.write_bytes(random.Random(1).randbytes(SIZE))
        host.init()
        real = upload._read_span
        upload._read_span = _counted(real, host.reads)
        try:
            yield host
        finally:
            upload._read_span = real
            shutil.rmtree(host.machine.root)


@contextmanager
def patched(driver: CopyingDriver) -> Iterator[CopyingDriver]:
    """Directories are snapshotted by this driver while the block runs."""
    before = directory.file_drivers
    directory.file_drivers = lambda keeper: (driver, PlainDriver())
    try:
        yield driver
    finally:
        directory.file_drivers = before


def _counted(real: Any, log: Path) -> Any:
    """_read_span that notes how much it read, whatever process it is in."""

    def read(descriptor: int, size: int, span: Any, chunk_size: int) -> Any:
        data = real(descriptor, size, span, chunk_size)
        with open(log, "ab", buffering=0) as file:
            file.write(b"%d\n" % (span.count * chunk_size))
        return data

    return read


def pending(host: Host) -> List[Tuple[bool, bool]]:
    """(in flight?, everything?) of each ledger of the volume."""
    return [
        (each.flight is not None, each.unsent.everything)
        for each in host.state.ledgers()
    ]
