# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What one commit costs does not depend on how much there is.

WYNG_TEST_LONG=1 runs the same with two hundred thousand blobs and more; the
five million of the design are measured by bench/scale.py.
"""

import hashlib
import os
import resource
from pathlib import Path
from typing import Any, Dict, List

import pytest

from store.client import Blob, blob, tree
from store.local import Writer, check, counts, directory, in_child
from wyng_common.frames import BlobType
from wyng_common.ids import BlobId
from wyng_store import bulk
from wyng_store.index import Index

LONG = os.environ.get("WYNG_TEST_LONG") == "1"
CHUNKS = 200_000 if LONG else 20_000
SLOTS = 128
MEMORY_MAX = 128 << 20


def _level(kind: BlobType, name: bytes, below: List[Blob]) -> List[Blob]:
    return [
        blob(kind, name, [each.id for each in below[at : at + SLOTS]])
        for at in range(0, len(below), SLOTS)
    ]


def _big_session(chunks: int) -> List[Blob]:
    """Chunks and all above them; the catalog last."""
    found = [blob(BlobType.CHUNK, b"%d" % n) for n in range(chunks)]
    level = found
    while len(level) > 1:
        level = _level(BlobType.NODE, b"node", level)
        found += level
    page = blob(BlobType.PAGE, b"page", [level[0].id])
    return [*found, page, blob(BlobType.CATALOG, b"catalog", [page.id])]


class _Counted:
    """How many rows each transaction recounted or removed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rows = 0
        self._watch(monkeypatch, "settle", lambda a: len(a[0]) + len(a[1]))
        self._watch(monkeypatch, "remove", lambda a: 1)
        real = Index.recount

        def recount(index: Index, changes: Any) -> None:
            listed = list(changes)
            self.rows += len(listed)
            real(index, listed)

        monkeypatch.setattr(Index, "recount", recount)

    def _watch(
        self, monkeypatch: pytest.MonkeyPatch, name: str, size: Any
    ) -> None:
        real = getattr(Index, name)

        def watched(index: Index, *arguments: Any) -> Any:
            self.rows += size(arguments)
            return real(index, *arguments)

        monkeypatch.setattr(Index, name, watched)

    def take(self) -> int:
        rows, self.rows = self.rows, 0
        return rows


def _changed(session: List[Blob], chunks: int) -> List[Blob]:
    """A session of which one chunk is another, and its path new."""
    new = blob(BlobType.CHUNK, b"changed")
    level = [new, *session[1:chunks]]
    out = [new]
    while len(level) > 1:
        above = _level(BlobType.NODE, b"node", level)
        out += [each for each in above if each not in session]
        level = above
    page = blob(BlobType.PAGE, b"page", [level[0].id])
    return [*out, page, blob(BlobType.CATALOG, b"catalog", [page.id])]


def test_one_changed_chunk_costs_a_path_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session = _big_session(CHUNKS)
    counted = _Counted(monkeypatch)
    with directory() as root:
        with Writer(root) as writer:
            writer.put(session)
            writer.commit(session[-1].id)
            assert counted.take() == len(session)
            changed = _changed(session, CHUNKS)
            writer.put(changed)
            writer.commit(changed[-1].id, ((1, 1),))
            # The path added, the path removed, and nobody else's row.
            assert counted.take() == 2 * len(changed)
        assert check(root, digests=False).counts_agreed


def test_commit_of_many_blobs_stays_within_its_memory() -> None:
    def child() -> None:
        with Writer(root) as writer:
            writer.commit(catalog)
            writer.archive.rebuild()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        os._exit(0 if peak - base < MEMORY_MAX else 1)

    with directory() as root:
        session = _big_session(CHUNKS)
        catalog = session[-1].id
        with Writer(root) as writer:
            writer.put(session)
            writer.staging.sync()
        count = len(session)
        del session
        base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        assert in_child(child) == 0
        with Writer(root) as writer:
            assert writer.archive.index.state.live_rows == count


def test_edges_are_settled_in_order_however_many() -> None:
    """Across batches and buffers, each id once, with all its changes."""
    ids = [
        BlobId(hashlib.sha256(b"%d" % n).digest())
        for n in range(3 * bulk._READ_AT_ONCE)
    ]
    with directory() as root, Writer(root) as writer:
        index = writer.archive.index
        with index.transaction():
            edges = bulk.Edges(index)
            for id in (*ids, *reversed(ids)):
                edges.add([id], 1)
            missing: List[bytes] = []
            for settled in edges.settle(lambda *_: True):
                missing += settled.missing
        assert missing == sorted(ids)


def _bytes_of(root: Path) -> Dict[str, int]:
    return {path.name: path.stat().st_size for path in root.glob("packs/*/*")}


def test_thousandth_commit_adds_no_more_than_the_tenth() -> None:
    """In packs, of a store that only ever adds one changed chunk."""
    times = 1000 if LONG else 120
    added: List[int] = []
    with directory() as root:
        for n in range(times):
            blobs = tree([b"same", b"changed %d" % n], b"%04d" % n)
            with Writer(root) as writer:
                before = writer.archive.index.pack_bytes()
                writer.put(blobs)
                writer.staging.sync()
                added.append(writer.archive.index.pack_bytes() - before)
                writer.commit(blobs[-1].id, ((n, n),) if n else ())
        assert added[-1] <= 1.5 * added[9]
        assert len(_bytes_of(root)) < 100
        assert len(counts(root)) == 5
