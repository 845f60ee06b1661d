#!/usr/bin/env python3
# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""How long commands take over large archives, in seconds on the wall.

    python bench/commands.py [DIRECTORY]        (default: a temporary one)

`--help` (goal 0.15 s); `list` of 200 volumes with 500 sessions each, the key
remembered (0.5 s); a quick and a full `arch-check` (quick: 500 MB/s); prune
of 5, 50 and 500 of 1,000 sessions (in proportion to what is freed). Medians
of five; prunes once each, on a copy. Says the load before it begins.
"""

import os
import shutil
import statistics
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Dict, Iterator, List

from side_by_side.timed import seconds_of

from wyng_common.frames import BlobType
from wyng_common.messages import Capability
from wyng_dom0.archive.page import Page
from wyng_dom0.archive.session import Session, State
from wyng_dom0.commands.access import terms_of
from wyng_dom0.engine.blobs import Hashers, put_batches
from wyng_dom0.engine.opened import Access, OpenArchive, open_archive
from wyng_dom0.engine.publish import Changes, Intent, publish
from wyng_dom0.engine.volumes import find_or_make_page
from wyng_dom0.events import ignore
from wyng_dom0.seal.blobs import PackedBlob
from wyng_dom0.seal.compression import Compressor, parse_compression
from wyng_dom0.seal.keys import ArchiveKeys, MasterKey
from wyng_dom0.state import definitions, remembered
from wyng_dom0.state.places import Places
from wyng_dom0.transport.destination import parse_destination
from wyng_dom0.tree.update import TreeUpdate

VOLUMES, SESSIONS, PRUNED = 200, 500, 1000
MIB = 1 << 20
_CHUNKS = 256


class Bench:
    """One archive below a folder, and commands on it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.images = root / "images"
        self.images.mkdir(parents=True)
        (root / "passphrase").write_text("correct horse battery staple\n")
        self.run(
            *("--local=" + str(self.images), f"--dest=internal:{root}/archive"),
            *(f"--passcmd=cat {root}/passphrase", "--remember", "arch-init"),
        )

    def run(self, *words: str) -> float:
        """Seconds of a command that must not fail."""
        return seconds_of(self.root / "state", words)

    def median(self, *words: str) -> float:
        """Of five runs, after one that is not counted."""
        return statistics.median([self.run(*words) for _ in range(6)][1:])

    @contextmanager
    def opened(self) -> Iterator[OpenArchive]:
        """The archive, to be filled by its own code."""
        places = Places(self.root / "state")
        known = definitions.load_default(places)
        kept = remembered.recall(places, known.archive)
        assert kept is not None
        keys = ArchiveKeys(terms_of(known), MasterKey(kept))
        access = Access(parse_destination(known.destination), keys, places)
        with open_archive(access, Capability.PUT, ignore) as archive:
            yield archive


def a_session(number: int, size: int = 0) -> Session:
    """An hour after the one before; of zeros alone."""
    return Session(
        sequence=number,
        time_ns=(1_700_000_000 + 3600 * number) * 10**9,
        offset=3600,
        size=size,
        mode=0o600,
        uid=0,
        gid=0,
        mtime_ns=0,
        changed=0,
        root=None,
        state=State.LIVE,
    )


def fill_histories(
    bench: Bench, volumes: int = VOLUMES, sessions: int = SESSIONS
) -> None:
    """Many volumes with many sessions, which hold nothing."""
    with bench.opened() as archive:
        changes: Changes = {}
        for number in range(volumes):
            page = find_or_make_page(archive, f"qube-{number}:private")
            for sequence in range(1, sessions + 1):
                page = page.with_session(a_session(sequence), archive)
            changes[page.volume] = page
        publish(archive, Intent(changes), Capability.PUT, time.time_ns())


def fill_prunable(bench: Bench) -> None:
    """One volume with many sessions, each with two chunks of its own."""
    with bench.opened() as archive:
        page = find_or_make_page(archive, "volume")
        tree = _Tree(archive, page)
        size = _CHUNKS * tree.chunk_size
        for number in range(1, PRUNED + 1):
            root = tree.changed({number % 128: 0, 128 + number % 128: 1})
            session = a_session(number, size)
            values = {**vars(session), "root": root}
            page = page.with_session(Session(**values), archive)
        changes: Changes = {page.volume: page}
        publish(archive, Intent(changes), Capability.PUT, time.time_ns())


class _Tree:
    """A volume's tree, changed again and again."""

    def __init__(self, archive: OpenArchive, page: Page) -> None:
        self.chunk_size = archive.catalog.settings.chunk_size
        self._archive = archive
        self._page = page
        self._hasher = Hashers(archive.access.keys).of(page.domain)
        self._compressor = Compressor(parse_compression("zstd:3"))
        self._nodes: Dict[bytes, object] = {}
        self._root = None

    def changed(self, places: "Dict[int, int]") -> object:
        """The root after some chunks got new content."""

        def load(id, level):  # type: ignore[no-untyped-def]
            return self._nodes[id]

        def emit(node):  # type: ignore[no-untyped-def]
            id = self._archive.writer.store_node(self._page.domain, node)
            self._nodes[id] = node
            return id

        old = _CHUNKS if self._root else 0
        update = TreeUpdate(self._root, old, _CHUNKS, load, emit)
        packed: List[PackedBlob] = []
        for place in sorted(places):
            data = os.urandom(self.chunk_size)
            id = self._hasher.chunk_id(data)
            update.set(place, id)
            sealed = self._compressor.pack(data)
            packed.append(PackedBlob(BlobType.CHUNK, id, [], sealed))
        store = self._archive.store
        for batch in put_batches(self._archive.sealer.seal_batch(packed)):
            store.put_done(store.ask_put(batch))
        self._root = update.finish()
        return self._root


def measure_help(bench: Bench) -> None:
    """Goal: 0.15 s."""
    print(f"{bench.median('--help'):7.3f} s  --help")


def measure_list(bench: Bench) -> None:
    """Goal: 0.5 s."""
    fill_histories(bench)
    what = f"list of {VOLUMES} volumes with {SESSIONS} sessions each"
    print(f"{bench.median('list'):7.3f} s  {what}")


def measure_check(bench: Bench) -> None:
    """Goal of the quick one: 500 MB/s of what is stored."""
    size = 1024 * MIB
    with open(bench.images / "image", "wb") as file:
        for _ in range(size // MIB):
            file.write(os.urandom(MIB))
    bench.run("send", "image")
    for words in ((), ("--full",)):
        taken = bench.median("arch-check", *words)
        rate = size / taken / 10**6
        name = " ".join(("arch-check", *words))
        print(f"{taken:7.3f} s  {name} of 1 GiB: {rate:.0f} MB/s")


def measure_prune(bench: Bench) -> None:
    """Goal: in proportion to what is freed."""
    fill_prunable(bench)
    names = [a_session(number).name for number in (1, PRUNED)]
    for count in (5, 50, 500):
        copy = bench.root / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        for name in ("archive", "state"):
            shutil.copytree(bench.root / name, copy / name)
        last = a_session(count).name
        words = ("-u", "--force", f"--session={names[0]},{last}", "prune")
        taken = bench.run(*words)
        for name in ("archive", "state"):
            shutil.rmtree(bench.root / name)
            shutil.move(copy / name, bench.root / name)
        print(f"{taken:7.3f} s  prune {count} of {PRUNED} sessions")


MEASURES = (measure_help, measure_list, measure_check, measure_prune)


def main(root: Path) -> None:
    """One line for each figure."""
    load = Path("/proc/loadavg").read_text().split()[0]
    print(f"load {load}, {os.cpu_count()} processors")
    for measure in MEASURES:
        with tempfile.TemporaryDirectory(dir=root) as place:
            measure(Bench(Path(place) / "b"))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.gettempdir()))
