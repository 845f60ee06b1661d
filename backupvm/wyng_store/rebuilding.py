# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Building the index again from packs and log.

The new index is made beside the old one and is complete, counted from the
roots of the log, before anybody sees it. Whatever can't be read sets safe
mode in it. Reads packs and log only.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

from wyng_common.ids import BlobId
from wyng_store.chain import Chain, Roots
from wyng_store.counting import Beat, Counter, Everything, silent
from wyng_store.enrolling import enroll_all, promote_copies
from wyng_store.errors import Damage
from wyng_store.fetching import Fetcher
from wyng_store.index import Index
from wyng_store.opening import create_index
from wyng_store.shelf import Shelf


@dataclass(frozen=True)
class Finding:
    """What a rebuild could not find: blobs held by a root (at most 1024 of
    `missing_count`), and whether the chain and the packs were whole."""

    missing: List[BlobId]
    missing_count: int
    chain_intact: bool

    @property
    def is_whole(self) -> bool:
        return self.chain_intact and not self.missing_count


def build_index(
    path: Path,
    shelf: Shelf,
    chain: Chain,
    suspects: Sequence[bytes] = (),
    beat: Beat = silent,
    heal: bool = False,
    kept: Optional[Dict[int, int]] = None,
) -> "tuple[Index, Finding]":
    """A counted index in the new file `path`, open, not yet durable.

    `kept`: released commits that stay counted, and for how many seconds.
    `heal`: write bad copies of commit records again on the way.

    `suspects` are blobs once found bad: their frames are read again, and
    they are marked when still bad.
    """
    index = create_index(path)
    names = shelf.names()
    with index.transaction():
        enroll_all(index, shelf, names, beat)
    with index.transaction():
        promote_copies(index, shelf)
        _mark(index, Fetcher(index, shelf), suspects)
    roots = chain.roots(heal)
    more = _kept(index, chain, roots, kept or {})
    return index, _count(index, shelf, roots, more, beat)


def _mark(index: Index, fetcher: Fetcher, suspects: Sequence[bytes]) -> None:
    for id in suspects:
        row = index.find(id)
        if row is None:
            continue
        try:
            fetcher.fetch_row(row)
        except Damage:
            index.write([(row, row._replace(bad=1))])


def _kept(
    index: Index, chain: Chain, roots: Roots, kept: Dict[int, int]
) -> List[Tuple[int, BlobId]]:
    """Released commits whose time is not over; it starts again."""
    standing = {sequence for sequence, _ in roots.catalogs}
    found: List[Tuple[int, BlobId]] = []
    with index.transaction():
        for sequence, seconds in kept.items():
            if sequence in standing:
                continue
            try:
                record = chain.find(sequence)
            except Damage:
                continue
            if record is not None:
                found.append((sequence, record.commit.catalog))
                index.add_delayed(sequence, index.state.ran + seconds)
    return found


def _count(
    index: Index,
    shelf: Shelf,
    roots: Roots,
    kept: List[Tuple[int, BlobId]],
    beat: Beat,
) -> Finding:
    fetcher = Fetcher(index, shelf)
    with index.transaction():
        counter = Counter(index, fetcher, Everything(), beat)
        for sequence, catalog in (*roots.catalogs, *kept):
            counter.add(catalog)
            index.add_root(sequence, catalog)
        counter.flush()
        finding = Finding(counter.missing, counter.missing_count, roots.intact)
        index.set_state(sequence=roots.sequence, head=roots.head)
        index.flush()
        whole = finding.is_whole and not _live_bad(index)
        index.set_state(safe=0 if whole else 1)
    return finding


def _live_bad(index: Index) -> bool:
    return any(
        row is not None and row.refs > 0
        for row in map(index.find, index.bad_ids(1 << 20))
    )
