# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Where everything of an archive lies, and the store's own numbers.

Only names and numbers; nothing here touches the disk. doc/store.md says what
the files hold.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from wyng_common.limits import MIB

PACK_TARGET = 32 * MIB
# So that the index rows of a pack of tiny blobs stay few megabytes.
PACK_ENTRIES_MAX = 32768
PACK_NAME_SIZE = 16

STAGED_SECONDS_MAX = 7 * 24 * 3600
READERS_WAIT_SECONDS = 10.0
BEAT_SECONDS = 5.0
# dom0 says ALIVE every minute when it has nothing to ask.
SILENCE_SECONDS = 300.0
# A reader that asks nothing for so long makes way for a reclaim.
READER_IDLE_SECONDS = 90.0


@dataclass(frozen=True)
class Layout:
    """The paths of the archive in the directory `root`."""

    root: Path
    # Where the index lies, when not in `root`.
    index_root: Optional[Path] = None

    @property
    def format(self) -> Path:
        return self.root / "format"

    @property
    def reclaims(self) -> Path:
        return self.root / "reclaims"

    @property
    def delayed(self) -> Path:
        return self.root / "delayed"

    @property
    def ballast(self) -> Path:
        return self.root / "ballast"

    @property
    def keys(self) -> Path:
        return self.root / "keys"

    @property
    def packs(self) -> Path:
        return self.root / "packs"

    @property
    def log(self) -> Path:
        return self.root / "log"

    @property
    def trash(self) -> Path:
        return self.root / "trash"

    @property
    def index(self) -> Path:
        return (self.index_root or self.root) / "index.db"

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def readers(self) -> Path:
        return self.root / "readers"

    def commit(self, sequence: int) -> Path:
        return self.log / f"{sequence:016d}.commit"

    def slot(self, number: int) -> Path:
        return self.keys / f"{number}.slot"

    def pack(self, name: bytes) -> Path:
        """The finished pack called `name` (PACK_NAME_SIZE bytes)."""
        text = name.hex()
        return self.packs / text[:2] / f"{text}.pack"

    def holed(self, name: bytes) -> Path:
        """The same pack, once holes may have been punched into it."""
        return self.pack(name).with_suffix(".holed")
