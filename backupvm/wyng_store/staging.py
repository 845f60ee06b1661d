# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Staging: what one sender has put and not committed yet.

Receives checked frames, drops those that are there, and knows what HAVE may
promise. Staged blobs hold nothing alive and are visible to nobody without
their token.
"""

import time
from typing import List, Optional, Sequence, Set

from wyng_common.frames import FrameHeader
from wyng_common.ids import BlobId, StagingToken
from wyng_store import durable
from wyng_store.archive import Archive
from wyng_store.counting import Beat, silent
from wyng_store.enrolling import enroll_written
from wyng_store.index import Index
from wyng_store.packing import FinishedPack, Packer
from wyng_store.packs import PackKind
from wyng_store.room import Room
from wyng_store.rows import BlobRow

_ABSENT_MAX = 1 << 16


class Staging:
    """The staged blobs of one token, in an archive open for writing."""

    def __init__(self, archive: Archive, token: StagingToken) -> None:
        self._archive = archive
        self._token = token
        self._pending: Set[bytes] = set()
        # What HAVE just said no to: nobody else writes meanwhile.
        self._absent: Set[bytes] = set()
        self._finished: List[FinishedPack] = []
        self._packer = Packer(
            archive.layout, archive.identity, token, self._finished.append
        )
        self._room = Room(archive)
        self._noted: Optional[Index] = None
        self._number = 0
        archive.healing(self._own_number)

    def close(self) -> None:
        """Stop; frames since the last sync are found at the next open."""
        self._packer.close()

    def have(self, ids: Sequence[BlobId]) -> bytes:
        """The bitmap of those that need not be put: id i is bit 7-(i mod 8)
        of byte i/8."""
        self._enroll()
        return self._archive.healing(lambda: self._bitmap(ids))

    def put(self, header: FrameHeader, frame: durable.Data) -> bool:
        """Keep a frame that the caller has checked; False when it is there.

        It outlives this process after `flush`, and is durable after `sync`.
        Raises Full with nothing kept.
        """
        if header.id in self._absent:
            self._absent.discard(header.id)
        elif self._has(header.id):
            return False
        self._room.take(header.type, len(frame))
        self._packer.put(header, frame)
        self._pending.add(bytes(header.id))
        if self._finished:
            self._enroll()
        return True

    def flush(self) -> None:
        """All frames before are found at the next open; raises Full."""
        self._packer.flush()

    def sync(self, beat: Beat = silent) -> None:
        """All frames before are durable and in the index after this."""
        try:
            self._packer.sync(beat)
        finally:
            self._enroll()
        self._room.settle()

    def _has(self, id: BlobId) -> bool:
        if id in self._pending:
            return True
        return self._archive.healing(lambda: self._is_listed(id))

    def _is_listed(self, id: bytes) -> bool:
        return self._is_usable(self._archive.index.find(id))

    def _bitmap(self, ids: Sequence[BlobId]) -> bytes:
        bits = bytearray((len(ids) + 7) // 8)
        pending = self._pending
        rows = self._archive.index.find_all(ids)
        if len(self._absent) > _ABSENT_MAX:
            self._absent.clear()
        for at, id in enumerate(ids):
            if id in pending or self._is_usable(rows.get(id)):
                bits[at >> 3] |= 0x80 >> (at & 7)
            else:
                self._absent.add(id)
        return bytes(bits)

    def _is_usable(self, row: Optional[BlobRow]) -> bool:
        if row is None or row.bad:
            return False
        return row.refs > 0 or row.token == self._own_number()

    def _own_number(self) -> int:
        """The token's number, noted anew in an index that was rebuilt."""
        index = self._archive.index
        if self._noted is not index:
            with index.transaction():
                self._number = index.token_number(self._token, int(time.time()))
            self._noted = index
        return self._number

    def _enroll(self) -> None:
        while self._finished:
            pack = self._finished[0]
            self._archive.healing(self._enroll_first)
            del self._finished[0]
            if pack.header.kind is not PackKind.COPY:
                self._pending.difference_update(e.id for e in pack.entries)

    def _enroll_first(self) -> None:
        pack = self._finished[0]
        if not self._archive.shelf.exists(pack.header.name):
            return  # a rebuild found it first, and that nothing needs it
        with self._archive.index.transaction():
            enroll_written(self._archive.index, pack, int(time.time()))
