# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""One example of each structure of the archive format, from fixed inputs.

    python tests/vectors/generate.py

writes tests/vectors/*.json anew. A change there is a change of the format:
old archives must still be read, so it wants a new version, not new vectors.
"""

import dataclasses
import hashlib
import json
import sys
from enum import IntEnum
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence
from unittest import mock

ROOT = Path(__file__).resolve().parent.parent.parent
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT / each) for each in ("common", "dom0", "tests")]

from memory_archive import (  # noqa: E402
    ARCHIVE,
    DOMAIN,
    MASTER,
    a_session,
    chunk_name,
    hasher_of,
    keys_of,
)
from wyng_common import messages  # noqa: E402
from wyng_common.commits import Commit, hash_record  # noqa: E402
from wyng_common.frames import BlobType, encode_frame  # noqa: E402
from wyng_common.ids import CommitHash, StagingToken  # noqa: E402
from wyng_dom0.archive.catalog import (  # noqa: E402
    ArchiveSettings,
    Catalog,
    DedupDomain,
    encode_catalog,
)
from wyng_dom0.archive.fields import (  # noqa: E402
    Field,
    Record,
    encode_record,
    make_record,
)
from wyng_dom0.archive.history import Part, encode_part  # noqa: E402
from wyng_dom0.archive.page import Page, VolumeId, encode_page  # noqa: E402
from wyng_dom0.archive.session import Label, encode_session  # noqa: E402
from wyng_dom0.seal.blobs import PackedBlob, Sealer  # noqa: E402
from wyng_dom0.seal.compression import (  # noqa: E402
    Compression,
    Compressor,
    Method,
)
from wyng_dom0.seal.keys import (  # noqa: E402
    META_DOMAIN,
    HashType,
    Suite,
    derive,
)
from wyng_dom0.seal.padding import padded_length  # noqa: E402
from wyng_dom0.seal.records import LAST, Removal, sign  # noqa: E402
from wyng_dom0.seal.slots import (  # noqa: E402
    Scrypt,
    make_clear_slot,
    make_passphrase_slot,
)
from wyng_dom0.tree.nodes import SLOTS, Node  # noqa: E402

HERE = Path(__file__).resolve().parent
PASSPHRASE = b"correct horse battery staple"
SALT = bytes(range(32))
VOLUME = VolumeId(b"a volume's id 16")
CHILDREN = [chunk_name(at) for at in range(3)]
UNKNOWN = (Field(900, "of a newer version"), Field(901, b"\1\2"))
NODE = Node(
    2, (CHILDREN[2], None, CHILDREN[0], CHILDREN[2], *[None] * (SLOTS - 4))
)
SESSION = a_session(
    7,
    settings=chunk_name(50),
    tags=(Label("monday", "before the move"),),
    pinned=True,
    others=UNKNOWN,
)
PARTS = [
    Part(1, chunk_name(60), 200, 1, 256),
    Part(0, chunk_name(61), 15, 257, 272),
]
PAGE = Page(
    VOLUME,
    "work:private",
    DOMAIN,
    "mail and papers",
    274,
    tuple(PARTS),
    (a_session(273),),
    UNKNOWN,
)
CATALOG = Catalog(
    ArchiveSettings(2, "zstd:3", DedupDomain.QUBE, 1_700_000_000 * 10**9),
    {VOLUME: chunk_name(70), VolumeId(bytes(16)): chunk_name(71)},
    UNKNOWN,
)
REMOVALS = [Removal(VOLUME, 3, 5), Removal(VolumeId(bytes(16)), 0, LAST)]
Vector = Dict[str, Any]


def shown(value: Any) -> Any:
    """A value as JSON can hold it: bytes as hexadecimal, kinds by name."""
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    if dataclasses.is_dataclass(value):
        names = [each.name for each in dataclasses.fields(value)]
        return {name: shown(getattr(value, name)) for name in names}
    if isinstance(value, IntEnum):
        return value.name
    if isinstance(value, dict):
        return {str(shown(k)): shown(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [shown(each) for each in value]
    return value


def fixed_random(size: int) -> bytes:
    """In place of the kernel's random source: always the same."""
    return hashlib.sha256(b"a fixed epoch, salt or nonce").digest()[:size]


def _ids() -> List[Vector]:
    blobs = [
        (BlobType.CHUNK, [], b"a chunk"),
        (BlobType.NODE, CHILDREN, NODE.plaintext()),
        (BlobType.PAGE, CHILDREN[:1], b"a page"),
    ]
    return [
        {
            "suite": suite.name,
            "hash": hash_type.name,
            "domain": shown(DOMAIN),
            "type": blob[0].name,
            "children": shown(blob[1]),
            "plaintext": shown(blob[2]),
            "id": shown(hasher_of(keys_of(suite, hash_type)).blob_id(*blob)),
        }
        for suite in Suite
        for hash_type in HashType
        for blob in blobs
    ]


def _padding() -> List[List[int]]:
    lengths = [*range(20), 100, 139, 1000, 4096, 65545, 131081, 2097161]
    return [[each, padded_length(each)] for each in lengths]


def _keys() -> Vector:
    keys = keys_of()
    epoch = fixed_random(32)
    return {
        "archive": shown(ARCHIVE),
        "master": shown(MASTER),
        "domain": shown(DOMAIN),
        "epoch": shown(epoch),
        "id_key": shown(keys.id_key(DOMAIN)),
        "id_key_of_records": shown(keys.id_key(META_DOMAIN)),
        "blob_key": shown(keys.blob_key()),
        "epoch_key_of_chunks": shown(
            derive(keys.blob_key(), "epoch", epoch, b"\1\1")
        ),
        "removals_key": shown(keys.removals_key()),
        "mac_of_nothing": shown(keys.commit_mac(b"")),
    }


def _frame() -> Vector:
    parts = (BlobType.NODE, chunk_name(9), CHILDREN[:2], b"any payload")
    return {
        "type": parts[0].name,
        "id": shown(parts[1]),
        "children": shown(parts[2]),
        "payload": shown(parts[3]),
        "frame": shown(encode_frame(*parts)),
    }


def _sealed() -> List[Vector]:
    """A chunk and a node in one batch: counters 1 and 2 by their ids."""
    keys, blobs = keys_of(), []
    plain = {}
    for kind, children, plaintext in (
        (BlobType.CHUNK, [], b"the content of a chunk" * 3),
        (BlobType.NODE, NODE.children(), NODE.plaintext()),
    ):
        id = hasher_of(keys).blob_id(kind, children, plaintext)
        packed = Compressor(Compression(Method.NONE, 0)).pack(plaintext)
        blobs.append(PackedBlob(kind, id, children, packed))
        plain[id] = plaintext
    frames = Sealer(keys).seal_batch(blobs)
    return [
        {
            **shown(blob),
            "archive": shown(ARCHIVE),
            "master": shown(MASTER),
            "domain": shown(DOMAIN),
            "epoch": shown(fixed_random(32)),
            "counter": at + 1,
            "plaintext": shown(plain[blob.id]),
            "frame": shown(frames[at]),
        }
        for at, blob in enumerate(sorted(blobs, key=lambda each: each.id))
    ]


def _packed() -> List[Vector]:
    plaintext = b"a text that repeats itself, " * 8
    levels = {Method.NONE: 0, Method.ZSTD: 3, Method.ZLIB: 4, Method.BZ2: 9}
    return [
        {
            "method": method.name,
            "plaintext": shown(plaintext),
            "packed": shown(
                Compressor(Compression(method, level)).pack(plaintext)
            ),
        }
        for method, level in levels.items()
    ]


def _node() -> Vector:
    children, plaintext = NODE.children(), NODE.plaintext()
    id = hasher_of(keys_of()).blob_id(BlobType.NODE, children, plaintext)
    return {
        "level": NODE.level,
        "slots": {str(at): shown(id) for at, id in enumerate(NODE.slots) if id},
        "children": shown(children),
        "plaintext": shown(plaintext),
        "id": shown(id),
    }


def _record(kind: BlobType, record: Record, what: Any) -> Vector:
    children, plaintext = encode_record(record)
    hasher = hasher_of(keys_of(), META_DOMAIN)
    return {
        "holds": shown(what),
        "children": shown(children),
        "plaintext": shown(plaintext),
        "id": shown(hasher.blob_id(kind, children, plaintext)),
    }


def _session() -> Vector:
    return _record(BlobType.SEGMENT, encode_session(SESSION), SESSION)


def _segment() -> Vector:
    sessions = [a_session(at) for at in (3, 4, 9)]
    fields = [Field(1, encode_session(each)) for each in sessions]
    return _record(BlobType.SEGMENT, make_record(fields, ()), sessions)


def _group() -> Vector:
    parts = [
        Part(0, chunk_name(80 + at), 16, 16 * at + 1, 16 * at + 16)
        for at in range(16)
    ]
    fields = [Field(2, encode_part(each)) for each in parts]
    return _record(BlobType.GROUP, make_record(fields, ()), parts)


def _page() -> Vector:
    return _record(BlobType.PAGE, encode_page(PAGE), PAGE)


def _catalog() -> Vector:
    return _record(BlobType.CATALOG, encode_catalog(CATALOG), CATALOG)


def _commit(suite: Suite) -> Vector:
    plain = Commit(
        ARCHIVE,
        12,
        CommitHash(b"p" * 32),
        chunk_name(90),
        1_700_000_000 * 10**9,
        ((1, 3), (7, 11)),
    )
    commit = sign(keys_of(suite), plain, REMOVALS)
    record = commit.encode()
    return {
        "master": shown(keys_of(suite).master),
        "holds": shown(commit),
        "removed": shown(REMOVALS),
        "record": shown(record),
        "hash": shown(hash_record(record)),
    }


def _slot_passphrase() -> Vector:
    terms = keys_of(hash_type=HashType.BLAKE2B).terms
    slot = make_passphrase_slot(
        terms, MASTER, PASSPHRASE, SALT, Scrypt(10), 1_700_000_000
    )
    return {
        "passphrase": shown(PASSPHRASE),
        "master": shown(MASTER),
        "holds": shown(slot.header),
        "slot": shown(slot.encode()),
    }


def _slot_clear() -> Vector:
    slot = make_clear_slot(keys_of(Suite.OFF).terms, 1_700_000_000)
    return {"holds": shown(slot.header), "slot": shown(slot.encode())}


def _messages() -> List[Vector]:
    made = [
        messages.Header(messages.Op.PUT, 0, 3, 0x01020304, 5000),
        messages.Header(messages.Op.GET, messages.Status.DAMAGED, 0, 9, 0),
        messages.Hello(
            messages.Capability.PRUNE, StagingToken(b"t" * 16), b"/mnt/a"
        ),
        messages.Welcome(
            1, messages.Capability.GET, ARCHIVE, 12, CommitHash(b"h" * 32)
        ),
        messages.Stat(*range(1, 13)),
    ]
    return [
        {
            "name": type(each).__name__,
            "holds": shown(each),
            "bytes": shown(each.encode()),
        }
        for each in made
    ]


MAKERS: Dict[str, Callable[[], Any]] = {
    "ids": _ids,
    "padding": _padding,
    "keys": _keys,
    "frame": _frame,
    "sealed": _sealed,
    "packed": _packed,
    "node": _node,
    "session": _session,
    "page": _page,
    "segment": _segment,
    "group": _group,
    "catalog": _catalog,
    "commit": lambda: _commit(Suite.AES_256_GCM),
    "commit_off": lambda: _commit(Suite.OFF),
    "slot_passphrase": _slot_passphrase,
    "slot_clear": _slot_clear,
    "messages": _messages,
}


def make(name: str) -> Any:
    """One vector, with everything random in it fixed."""
    with mock.patch("os.urandom", fixed_random):
        return MAKERS[name]()


def main(names: Sequence[str]) -> None:
    """Write the vectors of some names, or all."""
    for name in names or MAKERS:
        text = json.dumps(make(name), indent=1)
        (HERE / f"{name}.json").write_text(text + "\n", "ascii")


if __name__ == "__main__":
    main(sys.argv[1:])
