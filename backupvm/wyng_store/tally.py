# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What one transaction changes in the sums of the index, until its end.

Sums and counters that no single row holds: of the whole index, of each pack
and of each staging token. Values only.
"""

import dataclasses
from typing import Dict, List, Optional, Sequence

from wyng_store import rows
from wyng_store.errors import IndexDamaged
from wyng_store.rows import BlobRow, State

TOTAL_MASK = (1 << 63) - 1


class Tally:
    """Changes so far. `packs`: number -> [rows, bytes]; `tokens`: number ->
    rows staged."""

    __slots__ = (
        *("rows", "total", "bytes", "live", "live_bytes", "bad"),
        *("packs", "tokens"),
    )

    def __init__(self) -> None:
        self.rows = self.total = self.bytes = 0
        self.live = self.live_bytes = self.bad = 0
        self.packs: Dict[int, List[int]] = {}
        self.tokens: Dict[int, int] = {}

    def change(
        self, old: Optional[BlobRow], new: Optional[BlobRow], checksum: int
    ) -> None:
        """One blob's row came, went or changed; `checksum` is the new one's."""
        if old is not None:
            self._note(old, -1, rows.blob_sum(old))
            self.point(old.pack, -1, -old.length)
        if new is not None:
            self._note(new, 1, checksum)
            self.point(new.pack, 1, new.length)

    def recount(self, old: BlobRow, new: BlobRow, checksum: int) -> None:
        """The same where only count and token changed."""
        self.total += checksum - rows.blob_sum(old)
        if bool(old.refs) == bool(new.refs):
            return
        sign = 1 if new.refs else -1
        self.live += sign
        self.live_bytes += sign * new.length
        token = old.token if new.refs else new.token
        self.tokens[token] = self.tokens.get(token, 0) - sign

    def come(self, new: Sequence[BlobRow], checksums: int) -> None:
        """Staged rows came; `checksums` is the sum of theirs."""
        self.rows += len(new)
        self.total += checksums
        for row in new:
            self.bytes += row.length
            self.point(row.pack, 1, row.length)
            self.tokens[row.token] = self.tokens.get(row.token, 0) + 1

    def add(self, other: "Tally") -> None:
        """What another one has, but for packs."""
        self.rows += other.rows
        self.total += other.total
        self.bytes += other.bytes
        self.live += other.live
        self.live_bytes += other.live_bytes
        self.bad += other.bad
        for token, count in other.tokens.items():
            self.tokens[token] = self.tokens.get(token, 0) + count

    def point(self, pack: int, count: int, size: int) -> None:
        """So many rows and bytes more point into a pack."""
        delta = self.packs.setdefault(pack, [0, 0])
        delta[0] += count
        delta[1] += size

    def applied(self, state: State) -> State:
        """The state with all that added."""
        return dataclasses.replace(
            state,
            rows=counted(state.rows, self.rows),
            total=(state.total + self.total) & TOTAL_MASK,
            all_bytes=counted(state.all_bytes, self.bytes),
            live_rows=counted(state.live_rows, self.live),
            live_bytes=counted(state.live_bytes, self.live_bytes),
            bad=counted(state.bad, self.bad),
        )

    def _note(self, row: BlobRow, sign: int, checksum: int) -> None:
        self.rows += sign
        self.total += sign * checksum
        self.bytes += sign * row.length
        self.bad += sign * row.bad
        if row.refs:
            self.live += sign
            self.live_bytes += sign * row.length
        else:
            self.tokens[row.token] = self.tokens.get(row.token, 0) + sign


def counted(value: int, delta: int) -> int:
    """value + delta; a counter below zero is damage."""
    if value + delta < 0:
        raise IndexDamaged("a counter of the index falls below zero")
    return value + delta
