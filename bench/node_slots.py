# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What nodes cost with 64, 128 or 255 slots, by the archive's own code.

    python bench/node_slots.py

Runs the tree update, the compressor and the sealer themselves, with another
number of slots set before they are imported (a process each), and adds up the
frames they make. The old tree of the large volume is made up on demand: every
slot of every node is a chunk or node of its own, as in a full volume without
repetitions. Nothing is estimated, but pages, catalogs and the store's own
bookkeeping are left out, which don't depend on the slots.
"""

import hashlib
import random
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Dict, Iterable, Optional

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "common"), str(ROOT / "dom0")]

from wyng_common import limits  # noqa: E402
from wyng_common.ids import ArchiveId, BlobId  # noqa: E402

if TYPE_CHECKING:
    from wyng_dom0.tree.nodes import Node

SLOTS_TRIED = (64, 128, 255)
CHUNK = 128 << 10
LARGE = (1 << 40) // CHUNK
SMALL = (20 << 30) // CHUNK
RUN = (8 << 20) // CHUNK
COLUMNS = ("one chunk", "1 % in runs of 8 MiB", "1 % scattered", "20 GiB")


class MadeUpTree:
    """A full volume's old tree, and the frames of the nodes put over it."""

    def __init__(self) -> None:
        from wyng_dom0.seal.blobs import Sealer
        from wyng_dom0.seal.compression import Compression, Compressor, Method
        from wyng_dom0.seal.hashing import IdHasher
        from wyng_dom0.seal.keys import (
            ArchiveKeys,
            DomainId,
            HashType,
            MasterKey,
            Suite,
            Terms,
        )

        terms = Terms(ArchiveId(bytes(16)), Suite.AES_256_GCM, HashType.SHA256)
        keys = ArchiveKeys(terms, MasterKey(bytes(32)))
        id_key = keys.id_key(DomainId(bytes(16)))
        self._hasher = IdHasher(terms.hash_type, id_key)
        self._sealer = Sealer(keys)
        self._compressor = Compressor(Compression(Method.ZSTD, 3))
        self.read = self.written = self.bytes = 0

    def load(self, id: BlobId, level: int) -> "Node":
        """An old node, all of whose slots are taken."""
        from wyng_dom0.tree.nodes import SLOTS, Node

        self.read += 1
        slots = (made_up(id, slot) for slot in range(SLOTS))
        return Node(level, tuple(slots))

    def emit(self, node: "Node") -> BlobId:
        """Seal a new node and count its frame."""
        from wyng_common.frames import BlobType
        from wyng_dom0.seal.blobs import PackedBlob

        children, plaintext = node.children(), node.plaintext()
        id = self._hasher.blob_id(BlobType.NODE, children, plaintext)
        packed = self._compressor.pack(plaintext)
        blob = PackedBlob(BlobType.NODE, id, children, packed)
        (frame,) = self._sealer.seal_batch([blob])
        self.written += 1
        self.bytes += len(frame)
        return id


def made_up(*parts: object) -> BlobId:
    """Always the same id of something that never was."""
    return BlobId(hashlib.sha256(repr(parts).encode()).digest())


def changed(old: Optional[BlobId], size: int, chunks: Iterable[int]) -> str:
    """A table's cell: what changing some chunks of a volume costs."""
    from wyng_dom0.tree.update import TreeUpdate

    tree = MadeUpTree()
    old_size = size if old else 0
    update = TreeUpdate(old, old_size, size, tree.load, tree.emit)
    for chunk in chunks:
        update.set(chunk, made_up("new", chunk))
    update.finish()
    return f"{tree.bytes:,} ({tree.written:,} nodes, {tree.read:,} read)"


def measured() -> Dict[str, str]:
    """Every column for the number of slots that is set."""
    chance = random.Random(1)
    hundredth = LARGE // 100
    starts = chance.sample(range(LARGE // RUN), hundredth // RUN)
    runs = [at * RUN + n for at in sorted(starts) for n in range(RUN)]
    scattered = sorted(chance.sample(range(LARGE), hundredth))
    root = made_up("root")
    cells = (
        changed(root, LARGE, [LARGE // 3]),
        changed(root, LARGE, runs),
        changed(root, LARGE, scattered),
        changed(None, SMALL, range(SMALL)),
    )
    return dict(zip(COLUMNS, cells))


def main(words: "list[str]") -> None:
    if words:
        limits.NODE_SLOTS = int(words[0])
        cells = measured().values()
        print(f"| {words[0]} | " + " | ".join(cells) + " |")
        return
    print("| slots | " + " | ".join(COLUMNS) + " |")
    print("|--:|" + "---|" * len(COLUMNS), flush=True)
    for slots in SLOTS_TRIED:
        command = [sys.executable, __file__, str(slots)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


if __name__ == "__main__":
    main(sys.argv[1:])
