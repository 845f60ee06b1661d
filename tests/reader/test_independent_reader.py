# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A reader made from doc/archive-format.md alone reads our archives."""

import ast
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, Optional, Tuple

import pytest

from memory_archive import DOMAIN, MASTER, FrameArchive, a_session
from memory_archive import frame_archive as empty_archive
from reader.independent_reader import Archive, Unreadable, one
from wyng_common.commits import Commit
from wyng_common.frames import BlobType, encode_frame, parse_frame
from wyng_common.ids import BlobId, CommitHash
from wyng_dom0.archive.catalog import (
    ArchiveSettings,
    Catalog,
    DedupDomain,
    encode_catalog,
)
from wyng_dom0.archive.page import Page, VolumeId, encode_page
from wyng_dom0.engine.comparison import TreeComparison
from wyng_dom0.seal.compression import Compression, Method
from wyng_dom0.seal.keys import HashType, Suite
from wyng_dom0.seal.records import Removal, sign
from wyng_dom0.seal.slots import (
    Scrypt,
    make_clear_slot,
    make_passphrase_slot,
)
from wyng_dom0.tree.nodes import Node, parse_node

READER = Path(__file__).with_name("independent_reader.py")
CHUNK_SIZE = 64 << 10
PASSPHRASE = b"seven words that nobody guesses"
METHODS = [Compression(Method(n), 3 if n else 0) for n in range(4)]


@dataclass
class Written:
    """An archive of our code's making, and what must come out of it."""

    frames: FrameArchive
    commit: bytes = b""
    slot: bytes = b""
    contents: Dict[str, List[bytes]] = field(default_factory=dict)

    def read(self, passphrase: bytes = PASSPHRASE) -> Archive:
        frames = {bytes(id): each for id, each in self.frames.frames.items()}
        return Archive(frames, self.commit, self.slot, passphrase)


def contents_of(seed: int) -> List[bytes]:
    """Sessions of a volume: growing by a level, zeros, and an odd end."""
    chance = random.Random(seed)
    first = chance.randbytes(3 * CHUNK_SIZE) + bytes(CHUNK_SIZE * 2)
    second = first + b"text " * 30_000 + b"an odd end"
    far = bytes(CHUNK_SIZE * 130) + chance.randbytes(7)
    return [first, second, b"", bytes(100), first[:5], second + far]


def send(
    frames: FrameArchive,
    old: Tuple[Optional[BlobId], int],
    content: bytes,
) -> Tuple[Optional[BlobId], int]:
    """The root and number of chunks of a content's tree."""
    chunks = -(-len(content) // CHUNK_SIZE)

    def load(ids: "List[BlobId]", level: int) -> List[Node]:
        nodes = []
        for id in ids:
            children, plaintext = frames.open(id, DOMAIN)
            nodes.append(parse_node(plaintext, children, level))
        return nodes

    comparison = TreeComparison(
        old, chunks, load, lambda node: frames.put_node(node, DOMAIN)
    )
    for number in range(chunks):
        start = number * CHUNK_SIZE
        chunk = content[start : start + CHUNK_SIZE].ljust(CHUNK_SIZE, b"\0")
        frames.compression = METHODS[number % 4]
        comparison.chunk(number, frames.put_chunk(chunk, DOMAIN))
    return comparison.finish(), chunks


def page_of(frames: FrameArchive, name: str, contents: List[bytes]) -> Page:
    """A page with every content as a session, and many before them."""
    page = Page(VolumeId.random(), name, DOMAIN, "a description")
    for number in range(290):
        page = page.with_session(a_session(1, root=None, size=number), frames)
    tree: Tuple[Optional[BlobId], int] = (None, 0)
    for content in contents:
        tree = send(frames, tree, content)
        session = a_session(1, root=tree[0], size=len(content))
        page = page.with_session(session, frames)
    return page


def written(suite: Suite, hash_type: HashType) -> Written:
    frames = empty_archive(suite, hash_type)
    made = Written(frames)
    settings = ArchiveSettings(1, "zstd:3", DedupDomain.QUBE, 5)
    catalog = Catalog(settings, {})
    for seed, name in enumerate(("work:private", "sub/disk 2.img")):
        made.contents[name] = contents_of(seed)
        page = page_of(frames, name, made.contents[name])
        id = frames.store_record(BlobType.PAGE, encode_page(page))
        catalog = catalog.with_page(page.volume, id)
    id = frames.store_record(BlobType.CATALOG, encode_catalog(catalog))
    terms = frames.keys.terms
    commit = Commit(
        terms.archive, 9, CommitHash(b"p" * 32), id, 7, ((1, 2), (4, 8))
    )
    removals = [Removal(bytes(16), 1, 2)]
    made.commit = sign(frames.keys, commit, removals).encode()
    if suite is Suite.OFF:
        made.slot = make_clear_slot(terms, 5).encode()
    else:
        made.slot = make_passphrase_slot(
            terms, MASTER, PASSPHRASE, b"s" * 32, Scrypt(10), 5
        ).encode()
    return made


@pytest.fixture(scope="module", params=list(Suite))
def sealed_or_not(request: pytest.FixtureRequest) -> Written:
    return written(request.param, HashType.SHA256)


@pytest.mark.parametrize("hash_type", list(HashType))
@pytest.mark.parametrize("suite", list(Suite))
def test_every_session_is_restored_from_the_document(
    suite: Suite, hash_type: HashType
) -> None:
    made = written(suite, hash_type)
    archive = made.read()
    assert archive.chunk_size == CHUNK_SIZE
    assert {each.name for each in archive.volumes} == set(made.contents)
    for volume in archive.volumes:
        sequences = [one(each, 1, int) for each in volume.sessions]
        assert sequences == list(range(1, 297))
        assert archive.restore(volume, volume.sessions[100]) == bytes(100)
        for session, content in zip(
            volume.sessions[290:], made.contents[volume.name], strict=True
        ):
            assert archive.restore(volume, session) == content


def restored(archive: Archive) -> List[bytes]:
    return [
        archive.restore(volume, volume.sessions[-1])
        for volume in archive.volumes
    ]


def test_document_makes_its_reader_notice_every_damaged_blob(
    sealed_or_not: Written,
) -> None:
    expected = restored(sealed_or_not.read())
    frames = sealed_or_not.frames.frames
    noticed = 0
    for id, whole in list(frames.items()):
        parsed = parse_frame(whole)
        flipped = bytearray(parsed.payload)
        flipped[len(flipped) // 2] ^= 0x10
        frames[id] = encode_frame(
            parsed.header.type, id, parsed.children, bytes(flipped)
        )
        try:
            assert restored(sealed_or_not.read()) == expected
        except Unreadable:
            noticed += 1
        frames[id] = whole
    # Nodes and chunks of older sessions are not read for the newest.
    assert noticed > len(frames) // 2


def test_document_makes_its_reader_notice_every_damaged_byte(
    sealed_or_not: Written,
) -> None:
    for name in ("commit", "slot"):
        whole = getattr(sealed_or_not, name)
        for at in range(len(whole)):
            # A flip that makes scrypt's cost another allowed one is slow.
            flipped = bytearray(whole)
            flipped[at] ^= 0x40
            setattr(sealed_or_not, name, bytes(flipped))
            with pytest.raises(Unreadable):
                sealed_or_not.read()
        setattr(sealed_or_not, name, whole)


def test_wrong_passphrase_opens_nothing() -> None:
    made = written(Suite.AES_256_GCM, HashType.SHA256)
    with pytest.raises(Unreadable, match="passphrase"):
        made.read(b"another")


def test_independent_reader_imports_nothing_of_ours() -> None:
    tree = ast.parse(READER.read_text("utf-8"))
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {each.name.split(".")[0] for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(str(node.module).split(".")[0])
    assert "cryptography" in names
    assert not {name for name in names if name.startswith(("wyng", "memory"))}
