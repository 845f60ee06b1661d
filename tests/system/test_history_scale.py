# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A year of hourly sessions of 200 volumes: what one more commit costs.

Real pages, segments and catalogs in a real store, unsealed. Three volumes
have the whole year, or all of them with WYNG_TEST_LONG=1.
"""

import os
import sys
from hashlib import sha256
from typing import Any, Dict, Iterator, List, Sequence

import pytest

from memory_archive import a_session
from store.local import Writer, directory
from wyng_common.frames import BlobType, encode_frame, parse_frame, parse_header
from wyng_common.ids import BlobId
from wyng_dom0.archive.catalog import (
    ArchiveSettings,
    Catalog,
    DedupDomain,
    encode_catalog,
)
from wyng_dom0.archive.fields import Record, encode_record, parse_record
from wyng_dom0.archive.page import Page, VolumeId, encode_page
from wyng_dom0.seal.keys import DomainId
from wyng_store.index import Index

LONG = os.environ.get("WYNG_TEST_LONG") == "1"
VOLUMES = 200
HOURS = 8760
DEEP = VOLUMES if LONG else 3
# Enough to fill segments and a group of them.
COMMITS = 300
UPDATES_MAX = 5000
BYTES_MAX = 1 << 20


class StoreShelf:
    """Records as frames in a store; counts the bytes, copies too."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self.bytes = 0

    def put(
        self, kind: BlobType, children: List[BlobId], text: bytes
    ) -> BlobId:
        names = b"".join(children)
        id = BlobId(sha256(bytes([kind]) + names + text).digest())
        frame = encode_frame(kind, id, children, text)
        if self._writer.staging.put(parse_header(frame[:40]), frame):
            doubled = kind not in (BlobType.NODE, BlobType.CHUNK)
            self.bytes += len(frame) * (1 + doubled)
        return id

    def store_record(self, blob_type: BlobType, record: Record) -> BlobId:
        children, text = encode_record(record)
        return self.put(blob_type, children, text)

    def load_all(
        self, blob_type: BlobType, ids: Sequence[BlobId]
    ) -> Iterator[Record]:
        self._writer.staging.sync()
        for id in ids:
            found = self._writer.archive.fetcher.fetch(id)
            assert found is not None
            frame = parse_frame(found)
            yield parse_record(frame.children, frame.payload)


@pytest.fixture
def recounted(monkeypatch: pytest.MonkeyPatch) -> List[int]:
    """One number: rows that were counted anew or went."""
    total = [0]
    recount, settle, remove = Index.recount, Index.settle, Index.remove

    def recounting(index: Index, changes: Any) -> None:
        listed = list(changes)
        total[0] += len(listed)
        recount(index, listed)

    def settling(index: Index, some: Any, gone: Any, tally: Any) -> None:
        total[0] += len(some) + len(gone)
        settle(index, some, gone, tally)

    def removing(index: Index, row: Any) -> None:
        total[0] += 1
        remove(index, row)

    monkeypatch.setattr(Index, "recount", recounting)
    monkeypatch.setattr(Index, "settle", settling)
    monkeypatch.setattr(Index, "remove", removing)
    return total


def _with_session(page: Page, number: int, shelf: StoreShelf) -> Page:
    """The page with a session of its own tree."""
    text = bytes(page.volume) + b"%d" % number
    chunk = shelf.put(BlobType.CHUNK, [], text)
    root = shelf.put(BlobType.NODE, [chunk], b"")
    return page.with_session(a_session(number + 1, root=root), shelf)


def _volume(number: int) -> Page:
    return Page(
        volume=VolumeId(b"%016d" % number),
        name=f"qube-{number}:private",
        domain=DomainId(b"%016d" % number),
    )


def _catalog(
    pages: Dict[VolumeId, BlobId], settings: ArchiveSettings
) -> Record:
    return encode_catalog(Catalog(settings, dict(pages)))


def test_commit_in_a_year_of_hours_stays_small(recounted: List[int]) -> None:
    settings = ArchiveSettings(2, "zstd:3", DedupDomain.QUBE, 1)
    most = [0, 0]
    with directory() as root, Writer(root) as writer:
        shelf = StoreShelf(writer)
        pages: Dict[VolumeId, BlobId] = {}
        for number in range(VOLUMES):
            page = _volume(number)
            for hour in range(HOURS if number < DEEP else 1):
                page = _with_session(page, hour, shelf)
            record = encode_page(page)
            pages[page.volume] = shelf.store_record(BlobType.PAGE, record)
            if number == 0:
                first = page
        record = _catalog(pages, settings)
        head = writer.commit(shelf.store_record(BlobType.CATALOG, record))
        page = first
        for hour in range(HOURS, HOURS + COMMITS):
            recounted[0] = shelf.bytes = 0
            page = _with_session(page, hour, shelf)
            id = shelf.store_record(BlobType.PAGE, encode_page(page))
            pages[page.volume] = id
            record = _catalog(pages, settings)
            catalog = shelf.store_record(BlobType.CATALOG, record)
            release = ((head.sequence, head.sequence),)
            head = writer.commit(catalog, release)
            most = [max(most[0], recounted[0]), max(most[1], shelf.bytes)]
        sys.stdout.write(f"at most {most[0]} counts, {most[1]} bytes\n")
    assert 0 < most[0] <= UPDATES_MAX
    assert 0 < most[1] <= BYTES_MAX
