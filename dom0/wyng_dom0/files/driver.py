# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Files of several trees as volumes, for the engine that sends volumes.

Nothing can be held still and nothing is kept: a listing is made at the moment
of the snapshot, the files are read as they are. The listing lives as long as
the ref, in memory.
"""

import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from wyng_dom0.errors import NotFound
from wyng_dom0.files.contents import Contents
from wyng_dom0.files.entry import Bounds, Entry
from wyng_dom0.files.layout import Layout, lay_out
from wyng_dom0.files.notes import Notes
from wyng_dom0.files.scan import EXPECTED, Tree, scan
from wyng_dom0.files.volume import FilesVolume
from wyng_dom0.names import quote
from wyng_dom0.snapshots.driver import (
    CannotTell,
    Compare,
    Outcome,
    PoolUsage,
    SnapshotRef,
    VolumeAt,
    take_each,
)
from wyng_dom0.snapshots.snapshot import Range, Snapshot

NAME = "files"
# Told of a sentence, and whether it is a warning.
Say = Callable[[str, bool], None]


@dataclass(frozen=True)
class _Listing:
    tree: Tree
    entries: Sequence[Entry]
    layout: Layout


@dataclass(frozen=True)
class FilesSnapshot(Snapshot):
    """A Snapshot without a descriptor: what is read is made."""

    volume: FilesVolume
    tell: Callable[[], None]

    def data_ranges(
        self, start: int = 0, end: int | None = None
    ) -> Iterator[Range]:
        """See Snapshot."""
        last = self.size if end is None else min(end, self.size)
        return self.volume.data_ranges(start, last)

    def read(self, offset: int, length: int) -> bytes:
        """See Snapshot."""
        return self.volume.read(offset, length)

    def read_ahead(self, offset: int, length: int) -> None:
        """Nothing: what lies there is many files."""

    def check_unchanged_size(self) -> None:
        """It can't change; what the files did meanwhile is told."""
        self.tell()


class FilesDriver:
    """See snapshots.driver.Driver. `tree_of` gives a volume's tree."""

    name = NAME
    keeps = False

    def __init__(
        self, tree_of: Callable[[str], Tree], bounds: Bounds, say: Say
    ) -> None:
        self._tree_of = tree_of
        self._bounds = bounds
        self._say = say
        self._listings: dict[str, _Listing] = {}

    def take(self, volume: VolumeAt) -> SnapshotRef:
        """List the files; raises TooMuch, NotFound."""
        tree, notes = self._tree_of(volume.name), Notes()
        entries = scan(tree, self._bounds, notes, volume.name)
        self._tell(volume.name, notes)
        listing = _Listing(tree, entries, lay_out(entries))
        identity = secrets.token_hex(8)
        self._listings[identity] = listing
        return SnapshotRef(NAME, volume.place, identity, listing.layout.size)

    def take_all(self, volumes: Sequence[VolumeAt]) -> list[Outcome]:
        """See Driver."""
        return take_each(self, volumes)

    @contextmanager
    def open(self, ref: SnapshotRef, volume: VolumeAt) -> Iterator[Snapshot]:
        """See Driver."""
        listing = self._listings.get(ref.identity)
        if listing is None:
            raise NotFound(f"the files of {quote(volume.name)} are not listed")
        notes = Notes()
        base = os.open(listing.tree.base, os.O_DIRECTORY | os.O_CLOEXEC)
        contents = Contents(base, listing.tree.generated, notes)

        def tell() -> None:
            contents.close()
            self._tell(volume.name, notes)

        try:
            yield FilesSnapshot(
                name=volume.name,
                fd=-1,
                size=ref.size,
                mode=0o600,
                uid=0,
                gid=0,
                mtime_ns=max(
                    (each.mtime_ns for each in listing.entries), default=0
                ),
                point_in_time=False,
                driver=NAME,
                volume=FilesVolume(listing.entries, listing.layout, contents),
                tell=tell,
            )
        finally:
            contents.close()
            os.close(base)

    def exists(self, ref: SnapshotRef) -> bool:
        """Never: there is nothing to be kept."""
        return False

    def still_holds(self, ref: SnapshotRef, volume: VolumeAt) -> bool:
        """Never: there is nothing to be kept."""
        return False

    @contextmanager
    def comparing(self, refs: Sequence[SnapshotRef]) -> Iterator[Compare]:
        """See Driver; whoever asks is told CannotTell."""
        yield _cannot_tell

    def drop(self, refs: Sequence[SnapshotRef]) -> None:
        """Forget the listings."""
        for ref in refs:
            self._listings.pop(ref.identity, None)

    def list_own(self, pool: str) -> list[SnapshotRef]:
        """None, ever."""
        return []

    def cost(self, refs: Sequence[SnapshotRef]) -> list[int | None]:
        """Nothing, each."""
        return [0 for _ in refs]

    def usage(self, pool: str) -> PoolUsage | None:
        """Nothing to know: nothing is made."""
        return None

    def _tell(self, name: str, notes: Notes) -> None:
        for what, sentence in notes.sentences():
            self._say(f"{quote(name)}: {sentence}", what not in EXPECTED)


def _cannot_tell(old: SnapshotRef, new: SnapshotRef) -> Iterator[Range]:
    raise CannotTell("nothing is kept to compare with")
