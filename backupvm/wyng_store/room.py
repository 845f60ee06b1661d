# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""How much more may be put: the quota, and what the ballast stands for.

Chunks are refused first. The metadata of a prune gets some more, because
only a prune makes room.
"""

from wyng_common.frames import BlobType
from wyng_common.limits import MIB
from wyng_store import ballast
from wyng_store.archive import Archive
from wyng_store.errors import Full

_META_MORE = 16 * MIB
# The disk is asked again after so many bytes.
_ASKED_EVERY = 4 * MIB


class Room:
    """What one connection may still put; raises Full when it may not."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._quota = archive.policy.quota
        self._listed = 0
        self._put = 0
        self._asked = -_ASKED_EVERY
        self.settle()

    def settle(self) -> None:
        """All that was put is in packs that the index lists."""
        if self._quota:
            self._listed = self._archive.healing(
                lambda: self._archive.index.pack_bytes()
            )
        self._put = 0
        self._asked = -_ASKED_EVERY

    def take(self, kind: BlobType, length: int) -> None:
        """Count a frame that is about to be kept."""
        is_chunk = kind is BlobType.CHUNK
        self._put += length
        if self._quota:
            more = 0 if is_chunk else _META_MORE
            if self._listed + self._put > self._quota + more:
                self._put -= length
                raise Full("the quota of the archive is used up")
        if is_chunk and self._put - self._asked >= _ASKED_EVERY:
            self._check_disk()

    def _check_disk(self) -> None:
        layout = self._archive.layout
        if not ballast.is_there(layout) and ballast.is_short(layout):
            raise Full("what is left of the disk is kept for a prune")
        self._asked = self._put
