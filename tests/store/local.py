# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A store driven in this process, for tests that need many quick runs."""

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Sequence, Tuple

from store.client import ARCHIVE, TOKEN, Blob
from wyng_common.commits import Commit
from wyng_common.frames import parse_header
from wyng_common.ids import BlobId, StagingToken
from wyng_store import committing, founding
from wyng_store.archive import Archive, open_for_reading
from wyng_store.layout import Layout
from wyng_store.reclaiming import tidy, tidy_cheaply
from wyng_store.recovering import open_for_writing
from wyng_store.scrubbing import Scrubbed, scrub
from wyng_store.staging import Staging


@contextmanager
def directory() -> Iterator[Path]:
    """A fresh archive, in memory where the machine has room for that."""
    memory = Path("/dev/shm")
    place = memory if os.access(memory, os.W_OK) else None
    root = Path(tempfile.mkdtemp(prefix="wyng-test-", dir=place))
    try:
        founding.found(Layout(root / "a"), ARCHIVE)
        yield root / "a"
    finally:
        shutil.rmtree(root)


class Writer:
    """An archive open for writing with one staging token."""

    def __init__(self, root: Path, token: StagingToken = TOKEN) -> None:
        self.archive = open_for_writing(Layout(root))
        self.token = token
        self.staging = Staging(self.archive, token)
        tidy(self.archive, token)

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *_: object) -> None:
        self.staging.close()
        self.archive.close()

    def put(self, blobs: Sequence[Blob]) -> int:
        stored = sum(
            self.staging.put(parse_header(blob.frame[:40]), blob.frame)
            for blob in blobs
        )
        self.staging.flush()
        return stored

    def have(self, ids: Sequence[BlobId]) -> List[bool]:
        bits = self.staging.have(ids)
        return [bool(bits[i // 8] & 0x80 >> i % 8) for i in range(len(ids))]

    def commit(
        self, catalog: BlobId, releases: Tuple[Tuple[int, int], ...] = ()
    ) -> Commit:
        sequence, head = self.archive.head()
        record = Commit(ARCHIVE, sequence + 1, head, catalog, 0, releases)
        self.staging.sync()
        committing.commit(self.archive, record.encode(), self.token, True)
        tidy_cheaply(self.archive)
        return record


def save(
    root: Path,
    blobs: Sequence[Blob],
    releases: Tuple[Tuple[int, int], ...] = (),
) -> Commit:
    """Put and commit one session."""
    with Writer(root) as writer:
        writer.put(blobs)
        return writer.commit(blobs[-1].id, releases)


@contextmanager
def reader(root: Path) -> Iterator[Archive]:
    archive = open_for_reading(Layout(root))
    try:
        yield archive
    finally:
        archive.close()


def counts(root: Path) -> Dict[bytes, int]:
    """What the index says is live."""
    with reader(root) as archive:
        return {r.id: r.refs for r in archive.index.blobs() if r.refs}


def check(root: Path, digests: bool = True) -> Scrubbed:
    with reader(root) as archive:
        return scrub(archive, digests, True)


def in_child(action: Callable[[], None]) -> int:
    """Run it in a forked child; its wait status."""
    pid = os.fork()
    if not pid:
        try:
            action()
            os._exit(0)
        finally:
            os._exit(99)
    return os.waitpid(pid, 0)[1]
