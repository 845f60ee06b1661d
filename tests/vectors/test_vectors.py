# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The format stays what its vectors say, in writing and in reading."""

import json
import re
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

import pytest

from memory_archive import ARCHIVE, DOMAIN, MASTER, hasher_of, keys_of
from reader import independent_reader
from vectors import generate
from vectors.generate import MAKERS, make, shown
from wyng_common import messages
from wyng_common.commits import hash_record, parse_commit
from wyng_common.frames import BlobType, parse_frame
from wyng_common.ids import BlobId
from wyng_dom0.archive.catalog import parse_catalog
from wyng_dom0.archive.fields import Record, parse_record
from wyng_dom0.archive.history import parse_part
from wyng_dom0.archive.page import parse_page
from wyng_dom0.archive.session import parse_session
from wyng_dom0.seal.blobs import Opener
from wyng_dom0.seal.compression import Decompressor
from wyng_dom0.seal.keys import META_DOMAIN, DomainId, HashType, Suite
from wyng_dom0.seal.padding import padded_length
from wyng_dom0.seal.records import mac_holds, open_removals
from wyng_dom0.seal.slots import open_with_passphrase, parse_slot
from wyng_dom0.tree.nodes import parse_node

HERE = Path(__file__).resolve().parent
DOCUMENT = HERE.parent.parent / "doc" / "archive-format.md"
# What a compressor makes is its library's business.
VARYING = {"packed"}


def kept(name: str) -> Any:
    return json.loads((HERE / f"{name}.json").read_text("ascii"))


def octets(text: str) -> bytes:
    return bytes.fromhex(text)


def ids(texts: List[str]) -> List[BlobId]:
    return [BlobId(octets(each)) for each in texts]


@pytest.mark.parametrize("name", sorted(MAKERS.keys() - VARYING))
def test_what_is_written_is_the_vector(name: str) -> None:
    assert make(name) == kept(name)


def test_every_vector_is_made_kept_and_documented() -> None:
    files = {path.stem for path in HERE.glob("*.json")}
    assert files == set(MAKERS)
    table = DOCUMENT.read_text("utf-8").split("## Vectors", 1)[1]
    rows = re.findall(r"^\| ([a-z_, ]+) \|", table, re.MULTILINE)
    named = {each for row in rows[1:] for each in row.split(", ")}
    assert named == files


def test_ids() -> None:
    for each in kept("ids"):
        keys = keys_of(Suite[each["suite"]], HashType[each["hash"]])
        hasher = hasher_of(keys, DomainId(octets(each["domain"])))
        kind, children = BlobType[each["type"]], ids(each["children"])
        plaintext = octets(each["plaintext"])
        assert hasher.blob_id(kind, children, plaintext).hex() == each["id"]


def test_padding() -> None:
    for length, padded in kept("padding"):
        assert padded_length(length) == padded


def test_frame() -> None:
    vector = kept("frame")
    frame = parse_frame(octets(vector["frame"]))
    assert frame.header.type.name == vector["type"]
    assert frame.header.id.hex() == vector["id"]
    assert shown(frame.children) == vector["children"]
    assert frame.payload.hex() == vector["payload"]


def test_sealed() -> None:
    for each in kept("sealed"):
        untrusted = octets(each["frame"])
        frame = parse_frame(untrusted)
        payload = frame.payload
        assert payload[:32].hex() == each["epoch"]
        assert int.from_bytes(payload[32:40], "big") == each["counter"]
        opened = Opener(keys_of()).open(frame, hasher_of(keys_of()), 1000)
        assert opened.hex() == each["plaintext"]
        stranger = independent_reader.Reader(
            independent_reader.Keys(1, 1, ARCHIVE, MASTER),
            {bytes(frame.header.id): untrusted},
        )
        found = stranger.blob(frame.header.type, frame.header.id, DOMAIN, 1000)
        assert found == (frame.children, opened)


def test_packed() -> None:
    for each in kept("packed"):
        packed, plaintext = octets(each["packed"]), octets(each["plaintext"])
        assert Decompressor().unpack(packed, len(plaintext)) == plaintext
        assert independent_reader.unpack(packed, 1000) == plaintext
    assert {each["packed"][:2] for each in kept("packed")} == {
        "00",
        "01",
        "02",
        "03",
    }


def test_node() -> None:
    vector = kept("node")
    children = ids(vector["children"])
    plaintext = octets(vector["plaintext"])
    node = parse_node(plaintext, children, vector["level"])
    found = {str(at): shown(id) for at, id in enumerate(node.slots) if id}
    assert found == vector["slots"]


def _segment(record: Record) -> Any:
    return [parse_session(each) for each in record.records(1)]


def _group(record: Record) -> Any:
    return [parse_part(each) for each in record.records(2)]


READERS: Dict[str, Tuple[BlobType, Callable[[Record], Any]]] = {
    "session": (BlobType.SEGMENT, parse_session),
    "segment": (BlobType.SEGMENT, _segment),
    "group": (BlobType.GROUP, _group),
    "page": (BlobType.PAGE, lambda each: parse_page(each, generate.VOLUME)),
    "catalog": (BlobType.CATALOG, parse_catalog),
}


@pytest.mark.parametrize("name", READERS)
def test_record(name: str) -> None:
    vector, (kind, read) = kept(name), READERS[name]
    children, plaintext = ids(vector["children"]), octets(vector["plaintext"])
    found = read(parse_record(children, plaintext))
    assert shown(found) == vector["holds"]
    hasher = hasher_of(keys_of(), META_DOMAIN)
    assert hasher.blob_id(kind, children, plaintext).hex() == vector["id"]


@pytest.mark.parametrize(
    "name, suite", [("commit", Suite.AES_256_GCM), ("commit_off", Suite.OFF)]
)
def test_commit(name: str, suite: Suite) -> None:
    vector, keys = kept(name), keys_of(suite)
    record = octets(vector["record"])
    commit = parse_commit(record)
    assert shown(commit) == vector["holds"]
    assert mac_holds(keys, commit)
    assert shown(list(open_removals(keys, commit))) == vector["removed"]
    assert hash_record(record).hex() == vector["hash"]
    stranger = independent_reader.Keys(suite, 1, ARCHIVE, keys.master)
    assert independent_reader.catalog_of(stranger, record) == commit.catalog


def test_slot_passphrase() -> None:
    vector = kept("slot_passphrase")
    encoded, passphrase = octets(vector["slot"]), octets(vector["passphrase"])
    slot = parse_slot(encoded)
    assert shown(slot.header) == vector["holds"]
    assert open_with_passphrase([slot], passphrase) == (MASTER, slot)
    stranger = independent_reader.open_slot(encoded, passphrase)
    assert stranger == independent_reader.Keys(1, 2, ARCHIVE, MASTER)


def test_slot_clear() -> None:
    vector = kept("slot_clear")
    slot = parse_slot(octets(vector["slot"]))
    assert shown(slot.header) == vector["holds"]
    stranger = independent_reader.open_slot(slot.encode(), b"")
    assert stranger == independent_reader.Keys(0, 1, ARCHIVE, None)


MESSAGES: Dict[str, Callable[[bytes], Any]] = {
    "Header": lambda some: messages.parse_message_header(some, 5000),
    "Hello": messages.parse_hello,
    "Welcome": messages.parse_welcome,
    "Stat": messages.parse_stat,
}


def test_messages() -> None:
    names = [each["name"] for each in kept("messages")]
    assert set(names) == set(MESSAGES)
    for each in kept("messages"):
        parsed = MESSAGES[each["name"]](octets(each["bytes"]))
        assert parsed.encode().hex() == each["bytes"]
        holds = {**shown(parsed)}
        if each["name"] == "Header":
            holds["second"] = each["holds"]["second"]
        assert holds == each["holds"]
