# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""How much of a session no other one has, and what an archive comes to.

A session's own bytes are its chunks that differ, at their places, from the
session before it and from the one behind it: what removing that session
alone would let go of, before compression and if no other volume has it. Found
by walking neighbouring trees' differences, so that it costs what changed,
not what there is, and never more than a bound of nodes.
"""

from dataclasses import dataclass
from typing import Dict, FrozenSet, List, Optional, Sequence, Tuple

from wyng_common.ids import BlobId
from wyng_common.messages import Stat
from wyng_dom0.archive.page import Page
from wyng_dom0.archive.session import Session
from wyng_dom0.engine.opened import OpenArchive
from wyng_dom0.errors import IntegrityError
from wyng_dom0.tree.nodes import Node
from wyng_dom0.tree.walk import differences

NODES_MOST = 20_000
_Places = FrozenSet[int]
_NOWHERE: Tuple[_Places, _Places] = (frozenset(), frozenset())


class _Spent(Exception):
    """The bound of nodes is reached."""


def unique_bytes(
    archive: OpenArchive,
    page: Page,
    sessions: Sequence[Session],
    nodes_most: int = NODES_MOST,
) -> Dict[int, int]:
    """Sequence -> its own bytes, newest sessions first for as long as the
    bound reaches. A damaged tree's sessions are left out.

    `sessions` are all of the volume, oldest first; with one alone nothing
    is compared and nothing is given.
    """
    walk = _Walk(archive, page, nodes_most)
    found: Dict[int, int] = {}
    later: Optional[Tuple[_Places, _Places]] = None
    for at in range(len(sessions) - 1, 0, -1):
        try:
            earlier = walk.compare(sessions[at - 1], sessions[at])
        except _Spent:
            return found
        except IntegrityError:
            later = None
            continue
        own = earlier[1]
        if at < len(sessions) - 1:
            own = own & later[0] if later is not None else frozenset()
        if at == len(sessions) - 1 or later is not None:
            found[sessions[at].sequence] = walk.size(own)
        later = earlier
    if len(sessions) > 1 and later is not None:
        found[sessions[0].sequence] = walk.size(later[0])
    return found


class _Walk:
    def __init__(
        self, archive: OpenArchive, page: Page, nodes_most: int
    ) -> None:
        self._archive = archive
        self._page = page
        self._left = nodes_most
        self._chunk_size = archive.catalog.settings.chunk_size

    def compare(self, old: Session, new: Session) -> Tuple[_Places, _Places]:
        """Where they differ: places where the old, and the new, has data."""
        if (old.root, old.size) == (new.root, new.size):
            return _NOWHERE
        before, after = set(), set()
        pairs = differences(self._tree(old), self._tree(new), self._load)
        for number, was, now in pairs:
            if was is not None:
                before.add(number)
            if now is not None:
                after.add(number)
        return frozenset(before), frozenset(after)

    def size(self, places: _Places) -> int:
        """Bytes of some chunks."""
        return len(places) * self._chunk_size

    def _tree(self, session: Session) -> Tuple[Optional[BlobId], int]:
        return session.root, -(-session.size // self._chunk_size)

    def _load(self, ids: Sequence[BlobId], level: int) -> List[Node]:
        self._left -= len(ids)
        if self._left < 0:
            raise _Spent
        return self._archive.reader.nodes(self._page.domain, ids, level)


@dataclass(frozen=True)
class Totals:
    """What an archive comes to, in bytes; the ratios are estimates.

    `logical`: the sizes of all sessions of all volumes, holes too. `plain`:
    live blobs times the chunk size, as if each were a whole chunk. `stored`
    is what lies in packs, `live` what of it is in use.
    """

    sessions: int
    logical: int
    plain: int
    live: int
    stored: int
    reclaimable: int
    staged: int
    free: int

    @property
    def dedup_ratio(self) -> float:
        """How often each chunk that is kept counts in a session."""
        return self.logical / self.plain if self.plain else 1.0

    @property
    def compression_ratio(self) -> float:
        """What sealing and compressing made of a chunk, on average."""
        return self.plain / self.live if self.live else 1.0


def measure(archive: OpenArchive, told: Stat) -> Totals:
    """Add up the sessions, with what the store said of itself.

    Reads every volume's history and no tree.
    """
    sizes = [
        session.size
        for sessions in archive.sessions_of(list(archive.pages.values()))
        for session in sessions
    ]
    return Totals(
        sessions=len(sizes),
        logical=sum(sizes),
        plain=told.live_blobs * archive.catalog.settings.chunk_size,
        live=told.live_bytes,
        stored=told.pack_bytes,
        reclaimable=told.dead_bytes,
        staged=told.staged_bytes,
        free=told.free_bytes,
    )
