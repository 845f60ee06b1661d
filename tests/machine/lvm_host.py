# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine that backs up a real thin pool: commands, and what they must do.

Commands are processes, forked as in system/machine.py. Every session's
content is kept as a digest when it is made, and compared when it is restored.
"""

import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from machine.lvm import KIB, MIB, WORK, Group, discard, read, write
from system.faults import Fault
from system.host import _counted
from system.machine import PASSPHRASE, Ended, Machine, sha256
from wyng_dom0.engine import upload
from wyng_dom0.snapshots.driver import SnapshotRef
from wyng_dom0.snapshots.lvm_thin import LvmThinDriver
from wyng_dom0.state.places import Places

SECONDS = 150.0
Session = tuple[str, str, str]  # archive, volume, session


class LvmHost:
    """Volumes of one pool, and archives of them."""

    def __init__(self, group: Group, pool: str, machine: Machine) -> None:
        self.group = group
        self.pool = pool
        self.machine = machine
        self.reads = machine.root / "reads"
        self.known: dict[Session, str] = {}
        self._made: set[str] = set()

    @property
    def place(self) -> str:
        """vg/pool."""
        return f"{self.group.vg}/{self.pool}"

    # What others do

    def make(self, name: str, megabytes: int = 8) -> None:
        """A volume with data at its front and end."""
        self.group.make(self.pool, name, megabytes)
        self._made.add(name)
        self.write(name, 0, 2 * MIB)
        self.write(name, megabytes * MIB - 300 * KIB, 300 * KIB)

    def write(self, name: str, offset: int, length: int, seed: int = 0) -> None:
        """Random bytes."""
        data = random.Random(f"{name} {offset} {seed}").randbytes(length)
        write(self.group.path(name), offset, data)

    def scatter(self, name: str, seed: int, count: int = 5) -> None:
        """Small writes and discards here and there in the first 8 MiB."""
        chance = random.Random(f"{name} {seed}")
        for _ in range(count):
            self.write(name, chance.randrange(7 * MIB), 5000, seed)
        at = chance.randrange(7) * MIB
        discard(self.group.path(name), at, MIB)

    def content(self, name: str) -> bytes:
        """What the volume holds now."""
        return read(self.group.path(name))

    def remove(self, name: str) -> None:
        """Remove a volume, as its owner would."""
        self.group.remove(name)
        self._made.discard(name)

    def remove_all(self) -> None:
        """Our volumes and whatever snapshot of them is left."""
        marks = tuple(f"{name}." for name in self._made)
        left = [n for n in self.group.names() if n.startswith(marks)]
        self.group.remove(*left, *sorted(self._made & set(self.group.names())))

    # Commands

    def wyng(self, *words: object, fault: "Fault | None" = None) -> Ended:
        """Run a command to its end."""
        started = self.machine.start(*words, fault=fault, stdin=PASSPHRASE)
        return started.wait(SECONDS)

    def init(self, archive: str, factor: int = 1) -> None:
        """Make an archive of the pool."""
        self.wyng(
            *("--unattended", "--encrypt=off", f"--chunk-factor={factor}"),
            *(f"--archive={archive}", f"--local={self.place}"),
            f"--dest=internal:{self.machine.live}/archive-{archive}",
            "arch-init",
        ).check()

    def send(
        self,
        archive: str,
        *names: str,
        fault: "Fault | None" = None,
        words: "tuple[str, ...]" = (),
    ) -> Ended:
        """Send; what it made is kept to be compared."""
        ended = self.wyng(
            *("--json", f"--archive={archive}", *words, "send", *names),
            fault=fault,
        )
        for each in ended.events("volume-done"):
            if each["changed"] and ended.code == 0:
                digest = sha256(self.content(each["volume"]))
                key = (archive, each["volume"], each["session"])
                self.known[key] = digest
        return ended

    def monitor(self, *names: str, fault: "Fault | None" = None) -> Ended:
        """Harvest."""
        return self.wyng(
            *("--json", f"--local={self.place}", "monitor", *names),
            fault=fault,
        )

    def read_bytes(self) -> int:
        """How much of volumes was read since this was asked last."""
        if not self.reads.exists():
            return 0
        total = sum(map(int, self.reads.read_text().split()))
        self.reads.unlink()
        return total

    def restored(self, archive: str, volume: str, session: str) -> bytes:
        """What a session restores to."""
        target = self.machine.out / "restored"
        self.wyng(
            *(f"--archive={archive}", "--force", f"--session={session}"),
            *(f"--save-to={target}", "receive", volume),
        ).check()
        content = target.read_bytes()
        target.unlink()
        return content

    def check_newest(self, archive: str, volume: str) -> None:
        """The newest session is the volume as it is now, bit for bit."""
        names = [s for a, v, s in self.known if (a, v) == (archive, volume)]
        now = self.content(volume)
        assert self.restored(archive, volume, names[-1]) == now, "it differs"

    def check_all(self) -> None:
        """Every session there ever was, bit for bit."""
        wanted: dict[str, dict[tuple[str, str], str]] = {}
        for (archive, volume, session), digest in self.known.items():
            wanted.setdefault(archive, {})[volume, session] = digest
        for archive, digests in wanted.items():
            assert self.machine.restored_all(archive) == digests, archive

    def own(self) -> list[SnapshotRef]:
        """Our snapshots in the pool."""
        keeper = Places(self.machine.state).keeper
        driver = LvmThinDriver(WORK / "notes", keeper=keeper)
        return driver.list_own(self.place)


@contextmanager
def hosted(group: Group, pool: str) -> Iterator[LvmHost]:
    """A host without archives and volumes; how much it reads is counted."""
    root = WORK / "host"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    host = LvmHost(group, pool, Machine(root))
    real: Any = upload._read_span
    upload._read_span = _counted(real, host.reads)
    try:
        yield host
    finally:
        upload._read_span = real
        host.remove_all()
        shutil.rmtree(root)
