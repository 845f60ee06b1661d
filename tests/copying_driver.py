# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A snapshot driver that copies: for tests that need no file system of ours.

Snapshots are whole copies beside the volume, and two are compared byte by
byte: it tells no block more than what differs, which is the hardest case for
whoever adds up what was told.
"""

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, List, Optional

from wyng_dom0.errors import NotFound
from wyng_dom0.names import HIDDEN_MARK
from wyng_dom0.snapshots.driver import (
    CannotTell,
    Compare,
    Outcome,
    PoolUsage,
    SnapshotInUse,
    SnapshotRef,
    VolumeAt,
    take_each,
)
from wyng_dom0.snapshots.snapshot import Range, Snapshot, snapshot_of

BLOCK = 4096
MARK = f"{HIDDEN_MARK}copy-"


@dataclass
class CopyingDriver:
    """See Driver. `usage_of` says how full a pool is; `blind`: it can't tell
    what changed."""

    usage_of: Optional[Callable[[str], PoolUsage]] = None
    blind: bool = False
    in_use: List[str] = field(default_factory=list)
    name: str = "copying"
    keeps: bool = True

    def take(self, volume: VolumeAt) -> SnapshotRef:
        source = Path(volume.place)
        token = secrets.token_hex(8)
        copy = source.with_name(f".{source.name}{MARK}{token}")
        copy.write_bytes(source.read_bytes())
        return SnapshotRef(self.name, str(copy), token, copy.stat().st_size)

    def take_all(self, volumes: Sequence[VolumeAt]) -> list[Outcome]:
        return take_each(self, volumes)

    @contextmanager
    def open(self, ref: SnapshotRef, volume: VolumeAt) -> Iterator[Snapshot]:
        if not self.exists(ref):
            raise NotFound("the snapshot is gone")
        fd = os.open(ref.place, os.O_RDONLY)
        try:
            attributes = os.stat(volume.place)
            yield snapshot_of(
                volume.name, fd, attributes, self.name, still=True
            )
        finally:
            os.close(fd)

    def exists(self, ref: SnapshotRef) -> bool:
        return os.path.exists(ref.place)

    def still_holds(self, ref: SnapshotRef, volume: VolumeAt) -> bool:
        return False

    @contextmanager
    def comparing(self, refs: Sequence[SnapshotRef]) -> Iterator[Compare]:
        yield self._compare

    def drop(self, refs: Sequence[SnapshotRef]) -> None:
        for ref in refs:
            if ref.identity in self.in_use:
                raise SnapshotInUse("somebody has it open")
            Path(ref.place).unlink(missing_ok=True)

    def list_own(self, pool: str) -> list[SnapshotRef]:
        return [
            SnapshotRef(
                self.name, str(each), each.name[-16:], each.stat().st_size
            )
            for each in sorted(Path(pool).glob(f".*{MARK}*"))
        ]

    def cost(self, refs: Sequence[SnapshotRef]) -> list[int | None]:
        return [ref.size for ref in refs]

    def usage(self, pool: str) -> PoolUsage | None:
        return self.usage_of(pool) if self.usage_of else None

    def _compare(self, old: SnapshotRef, new: SnapshotRef) -> Iterator[Range]:
        if self.blind:
            raise CannotTell("this driver was blinded")
        before, after = (
            Path(ref.place).read_bytes().ljust(max(old.size, new.size), b"\0")
            for ref in (old, new)
        )
        for at in range(0, len(after), BLOCK):
            if before[at : at + BLOCK] != after[at : at + BLOCK]:
                yield at, BLOCK


def copies_in(folder: Path) -> list[Path]:
    """The snapshots that lie in a folder."""
    return sorted(folder.glob(f".*{MARK}*"))
