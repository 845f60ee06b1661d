# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What every source of volumes does: the interface to the engine.

A source knows which volumes there are, what they are called and where they
lie. It takes no snapshot: its drivers do, given what `locate` says.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from wyng_dom0.snapshots.driver import Driver, VolumeAt


@dataclass(frozen=True)
class VolumeDescription:
    """One volume as it is now; size in bytes, mode without the file type.

    `path` is where it really lies, links resolved.
    """

    name: str
    path: Path
    size: int
    mode: int
    uid: int
    gid: int
    block_device: bool


class Located(Protocol):
    """As much of a source as is needed to snapshot what it has."""

    @property
    def key(self) -> str:
        """What names it in state and locks; as --local it means the same.

        Two ways to write one place have one key.
        """

    def locate(self, name: str) -> VolumeAt:
        """The volume as drivers take it; raises as describe does."""

    def drivers(self) -> Sequence[Driver]:
        """The snapshot drivers to try for its volumes, best first."""


class Source(Located, Protocol):
    """Volumes of one kind at one place."""

    def list_volumes(self) -> list[str]:
        """The names of all volumes, sorted."""

    def expand(self, words: Iterable[str]) -> list[str]:
        """What words mean that stand for several volumes; else themselves."""

    def exists(self, name: str) -> bool:
        """True when something lies at the name, volume or not."""

    def describe(self, name: str) -> VolumeDescription:
        """What a volume is now; NotFound, or SourceError if it is none."""

    def open(self, name: str) -> int:
        """A readable descriptor of the volume, which the caller closes.

        Raises NotFound, or SourceError when it can't be read.
        """

    def path_of(self, name: str) -> Path:
        """Where a volume of that name would lie; it need not exist."""

    def place_for(self, name: str, size: int) -> Path:
        """Where a volume of that name is to be restored, made ready.

        `size` is in bytes. Raises TargetError.
        """

    def scratch_place(self, name: str) -> str:
        """Where a drill of that volume restores to, which need not exist.

        An absolute directory, or "vg/pool". Raises TargetError where there
        is no such place.
        """
