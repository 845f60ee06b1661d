#!/usr/bin/env python3
# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""How the store's work and memory grow with the number of blobs.

    python bench/scale.py [BLOBS [DIRECTORY]]        (default 400,000)

Fills an archive with that many tiny chunks below nodes of 128, then asks
HAVE, commits, rebuilds, checks, releases and reclaims, each in a process of
its own. Prints seconds, blobs a second and the process's peak memory.
"""

import hashlib
import os
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable, Iterator, List, Tuple

from wyng_common.commits import Commit
from wyng_common.frames import BlobType, encode_frame, parse_header
from wyng_common.ids import ArchiveId, BlobId, StagingToken
from wyng_store import committing, founding
from wyng_store.archive import open_for_reading
from wyng_store.layout import Layout
from wyng_store.reclaiming import reclaim
from wyng_store.recovering import open_for_writing
from wyng_store.scrubbing import scrub
from wyng_store.staging import Staging

ARCHIVE = ArchiveId(b"A" * 16)
TOKEN = StagingToken(b"T" * 16)
SLOTS = 128


def chunk_id(number: int) -> BlobId:
    return BlobId(hashlib.sha256(b"chunk %d" % number).digest())


def put(staging: Staging, kind: BlobType, children: List[BlobId]) -> BlobId:
    """Put a blob over children; gives its id."""
    children = sorted(children)
    text = bytes([kind]) + b"".join(children)
    id = BlobId(hashlib.sha256(text).digest())
    _put_frame(staging, encode_frame(kind, id, children, b""))
    return id


def _put_frame(staging: Staging, frame: bytes) -> None:
    staging.put(parse_header(frame[:40]), frame)


def fill(staging: Staging, blobs: int) -> BlobId:
    """Chunks and the tree above them; gives the catalog."""
    level: List[BlobId] = []
    leaf: List[BlobId] = []
    for number in range(blobs):
        id = chunk_id(number)
        _put_frame(staging, encode_frame(BlobType.CHUNK, id, [], b""))
        leaf.append(id)
        if len(leaf) == SLOTS or number == blobs - 1:
            level.append(put(staging, BlobType.NODE, leaf))
            leaf = []
    while len(level) > 1:
        parts = [level[at : at + SLOTS] for at in range(0, len(level), SLOTS)]
        level = [put(staging, BlobType.NODE, part) for part in parts]
    page = put(staging, BlobType.PAGE, level)
    return put(staging, BlobType.CATALOG, [page])


class Run:
    """The steps, each to be run in a process of its own."""

    def __init__(self, root: Path, blobs: int) -> None:
        self.layout = Layout(root)
        self.blobs = blobs

    def put(self) -> None:
        archive = open_for_writing(self.layout)
        staging = Staging(archive, TOKEN)
        catalog = fill(staging, self.blobs)
        staging.sync()
        (self.layout.root.parent / "catalog").write_bytes(catalog)
        staging.close()
        archive.close()

    def have(self) -> None:
        archive = open_for_writing(self.layout)
        staging = Staging(archive, TOKEN)
        for at in range(0, self.blobs, 4096):
            end = min(at + 4096, self.blobs)
            ids = [chunk_id(number) for number in range(at, end)]
            bits = staging.have(ids)
            assert sum(bin(byte).count("1") for byte in bits) == len(ids)
        staging.close()
        archive.close()

    def commit(self) -> None:
        self._commit((self.layout.root.parent / "catalog").read_bytes(), ())

    def release(self) -> None:
        archive = open_for_writing(self.layout)
        staging = Staging(archive, TOKEN)
        catalog = put(staging, BlobType.CATALOG, [])
        staging.sync()
        staging.close()
        archive.close()
        self._commit(catalog, ((1, 1),))

    def _commit(
        self, catalog: bytes, releases: Tuple[Tuple[int, int], ...]
    ) -> None:
        archive = open_for_writing(self.layout)
        sequence, head = archive.head()
        id = BlobId(catalog)
        record = Commit(ARCHIVE, sequence + 1, head, id, 0, releases)
        committing.commit(archive, record.encode(), TOKEN, True)
        archive.close()

    def rebuild(self) -> None:
        archive = open_for_writing(self.layout)
        assert archive.rebuild().is_whole
        archive.close()

    def check(self) -> None:
        archive = open_for_reading(self.layout)
        found = scrub(archive, digests=False, counts=True)
        assert found.is_whole and found.counts_agreed
        archive.close()

    def reclaim(self) -> None:
        archive = open_for_writing(self.layout)
        assert reclaim(archive, TOKEN, 0)[1] == 0
        archive.close()


def measure(step: Callable[[], None]) -> Tuple[float, float, int]:
    """Seconds, CPU seconds and peak memory (bytes) of a step in a process of
    its own."""
    started = time.monotonic()
    pid = os.fork()
    if not pid:
        code = 1
        try:
            step()
            code = 0
        finally:
            os._exit(code)
    _, status, usage = os.wait4(pid, 0)
    if status:
        raise SystemExit(f"{step.__name__} failed")
    worked = usage.ru_utime + usage.ru_stime
    return time.monotonic() - started, worked, usage.ru_maxrss * 1024


def steps(run: Run) -> Iterator[Callable[[], None]]:
    yield from (run.put, run.have, run.commit, run.check)
    yield from (run.rebuild, run.release, run.reclaim)


def main(blobs: int, place: str) -> None:
    root = Path(tempfile.mkdtemp(prefix="wyng-scale-", dir=place))
    try:
        founding.found(Layout(root / "a"), ARCHIVE)
        base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{blobs} blobs; this program alone: {base:.0f} MiB", flush=True)
        for step in steps(Run(root / "a", blobs)):
            seconds, worked, memory = measure(step)
            print(
                f"{step.__name__:8} {seconds:8.1f} s {worked:8.1f} s CPU"
                f" {blobs / seconds:8.0f}/s {memory / 2**20:6.0f} MiB",
                flush=True,
            )
        size = sum(p.stat().st_size for p in root.rglob("*") if p.is_file())
        print(f"left over: {size / 2**20:.1f} MiB", flush=True)
    finally:
        shutil.rmtree(root)


if __name__ == "__main__":
    main(
        int(sys.argv[1]) if len(sys.argv) > 1 else 400_000,
        sys.argv[2] if len(sys.argv) > 2 else "/var/tmp",
    )
