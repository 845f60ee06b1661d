# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Fetching a blob: from where the index says, or from its second copy.

Tells damage of a pack from damage of the index. Changes nothing.
"""

from typing import List, Optional, Tuple, Union

from wyng_common.errors import FrameError
from wyng_common.ids import BlobId
from wyng_store.errors import BlobDamaged, IndexDamaged
from wyng_store.index import Index
from wyng_store.rows import BlobRow, CopyRow
from wyng_store.shelf import Shelf

Place = Union[BlobRow, CopyRow]
Fetched = Tuple[bytes, List[BlobId]]


class Fetcher:
    """Reads blobs of one archive through its index."""

    def __init__(self, index: Index, shelf: Shelf) -> None:
        self._index = index
        self._shelf = shelf

    def fetch(self, id: bytes) -> Optional[bytes]:
        """The blob's whole frame; None when the index has no row of it.

        Raises BlobDamaged when no copy is good, IndexDamaged when the row
        points where the pack itself says something else lies.
        """
        row = self._index.find(id)
        return None if row is None else self.fetch_row(row)[0]

    def children(self, row: BlobRow) -> List[BlobId]:
        """The ids that a blob names; raises as fetch does."""
        return self.fetch_row(row)[1]

    def fetch_row(self, row: BlobRow) -> Fetched:
        """The frame and its children; raises as fetch does."""
        frame = self.read_place(row)
        if frame is None:
            copy = self._index.find_copy(row.id)
            frame = None if copy is None else self.read_place(copy)
        if frame is None:
            self._suspect_index(row)
            raise BlobDamaged(BlobId(row.id))
        return frame

    def read_place(self, place: Place) -> Optional[Fetched]:
        """The frame that lies just there; None when it is not good."""
        name = self._index.pack(place.pack).name
        try:
            return self._shelf.frame(name, place.id, place.offset, place.length)
        except (FrameError, OSError):
            return None

    def peek(self, row: BlobRow) -> Optional[bytes]:
        """What lies there, of which only the header is checked; None when
        that is not the blob's."""
        try:
            name = self._index.pack(row.pack).name
            return self._shelf.peek(name, row)
        except (FrameError, OSError, IndexDamaged):
            return None

    def _suspect_index(self, row: BlobRow) -> None:
        name = self._index.pack(row.pack).name
        try:
            contents = self._shelf.contents(name)
        except OSError:
            return
        if not contents.footed:
            return
        place = (row.id, row.offset, row.length)
        if place not in {entry[1:] for entry in contents.entries}:
            raise IndexDamaged("a row points where its blob is not")
