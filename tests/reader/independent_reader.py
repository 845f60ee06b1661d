# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A reader of archives made from doc/archive-format.md alone.

Imports nothing of ours, so that it proves the document: given the frames by
id, the newest commit record, a key slot and a passphrase, it lists volumes
and restores sessions. Everything malformed raises Unreadable.
"""

import bz2
import hashlib
import hmac
import struct
import zlib
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Optional, Tuple

import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

CHUNK, NODE, PAGE, CATALOG, SEGMENT, GROUP = 1, 2, 3, 4, 6, 7
META = b"wyng-domain-meta"
META_PLAIN_MAX = 1 << 20
CHUNK_PAYLOAD_MAX = 2_363_392
META_PAYLOAD_MAX = 2 << 20
SLOTS = 128
Fields = List[Tuple[int, Any]]


class Unreadable(Exception):
    """Bytes that are not what the document says."""


@dataclass(frozen=True)
class Child:
    """A field of kind 4."""

    id: bytes


def must(holds: bool, what: str) -> None:
    if not holds:
        raise Unreadable(what)


def hkdf(key: bytes, label: str, salt: bytes = b"", info: bytes = b"") -> bytes:
    return HKDF(
        algorithm=hashes.SHA256(),
        length=32,
        salt=salt or bytes(32),
        info=label.encode() + b"\0" + info,
    ).derive(key)


@dataclass(frozen=True)
class Keys:
    """The terms of an archive and its master key, if it is sealed."""

    suite: int
    hash: int
    archive: bytes
    master: Optional[bytes]

    def purpose(self, label: str, info: bytes = b"") -> bytes:
        assert self.master is not None
        return hkdf(self.master, label, self.archive, info)

    def blob_id(self, domain: bytes, what: bytes) -> bytes:
        key = b""
        if self.suite:
            key = self.purpose("wyng-1-id", domain)
        if self.hash == 2:
            return hashlib.blake2b(what, key=key, digest_size=32).digest()
        if self.suite:
            return hmac.digest(key, what, "sha256")
        return hashlib.sha256(what).digest()

    def mac(self, signed: bytes) -> bytes:
        if self.suite:
            return hmac.digest(self.purpose("wyng-1-commit"), signed, "sha256")
        return hashlib.sha256(b"wyng-1-commit\0" + signed).digest()


def open_slot(slot: bytes, passphrase: bytes) -> Keys:
    """The keys in a key slot."""
    must(len(slot) in (72, 164) and slot[:8] == b"WYNGSLOT", "no key slot")
    version, suite, hash_type, kind = slot[8:12]
    must(version == 1 and suite in (0, 1) and hash_type in (1, 2), "terms")
    must(slot[39] == 0 and (suite == 0) == (kind == 0), "slot")
    header, archive = slot[:72], slot[12:28]
    if suite == 0:
        must(len(slot) == 72 and slot[36:40] == bytes(4), "slot")
        must(hashlib.sha256(slot[:40]).digest() == slot[40:], "slot")
        return Keys(suite, hash_type, archive, None)
    must(kind == 1 and len(slot) == 164, "slot of another kind")
    log_n, r, p = slot[36:39]
    must(r == 8 and p == 1 and 10 <= log_n <= 19, "costs")
    opener = hashlib.scrypt(
        passphrase,
        salt=slot[40:72],
        n=1 << log_n,
        r=r,
        p=p,
        maxmem=(1024 << log_n) + (1 << 21),
        dklen=32,
    )
    commitment = hmac.digest(
        hkdf(opener, "wyng-1-slot-commit"), header, "sha256"
    )
    must(commitment == slot[72:104], "passphrase")
    master = unseal(
        hkdf(opener, "wyng-1-slot-wrap"), slot[104:116], slot[116:], header
    )
    return Keys(suite, hash_type, archive, master)


def unseal(key: bytes, nonce: bytes, sealed: bytes, associated: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(nonce, sealed, associated)
    except InvalidTag:
        raise Unreadable("seal") from None


def catalog_of(keys: Keys, record: bytes) -> bytes:
    """The catalog's id in a commit record that is good."""
    must(142 <= len(record) <= 82_176 and record[:8] == b"WYNGCMT1", "commit")
    (releases,) = struct.unpack_from(">H", record, 104)
    must(releases <= 1024 and 142 + 16 * releases <= len(record), "commit")
    (removals,) = struct.unpack_from(">I", record, 106 + 16 * releases)
    must(removals <= 64 << 10, "commit")
    must(len(record) == 142 + 16 * releases + removals, "commit")
    must(record[8:24] == keys.archive, "commit of another archive")
    must(keys.mac(record[:-32]) == record[-32:], "MAC")
    return record[64:96]


@dataclass
class Reader:
    """Opens blobs of an archive."""

    keys: Keys
    frames: Dict[bytes, bytes]

    def blob(
        self, kind: int, id: bytes, domain: bytes, bound: int
    ) -> Tuple[List[bytes], bytes]:
        """(children, plaintext) of a blob."""
        must(id in self.frames, "missing blob")
        children, payload = self._split(kind, id, self.frames[id])
        packed = payload
        if self.keys.suite:
            packed = self._unseal(kind, id, children, payload)
        plaintext = unpack(packed, bound)
        count = struct.pack(">BH", kind, len(children))
        what = count + b"".join(children) + plaintext
        must(self.keys.blob_id(domain, what) == id, "id")
        return children, plaintext

    def _split(
        self, kind: int, id: bytes, frame: bytes
    ) -> Tuple[List[bytes], bytes]:
        must(len(frame) >= 56, "frame")
        found, layout, count, length = struct.unpack_from(">BBHI", frame)
        must((found, layout, frame[8:40]) == (kind, 1, id), "frame of another")
        must(count <= (0 if kind == CHUNK else 8192), "child count")
        most = CHUNK_PAYLOAD_MAX if kind == CHUNK else META_PAYLOAD_MAX
        must(length <= most, "payload length")
        end = 40 + 32 * count
        must(len(frame) == end + length + 16, "frame length")
        digest = hashlib.sha256(frame[:-16]).digest()
        must(digest[:16] == frame[-16:], "digest")
        children = [frame[at : at + 32] for at in range(40, end, 32)]
        must(children == sorted(set(children)), "order of children")
        return children, frame[end:-16]

    def _unseal(
        self, kind: int, id: bytes, children: List[bytes], payload: bytes
    ) -> bytes:
        must(len(payload) >= 56, "payload")
        epoch, counter = payload[:32], payload[32:40]
        blob_key = self.keys.purpose("wyng-1-blob")
        epoch_key = hkdf(blob_key, "wyng-1-epoch", epoch, bytes((1, kind)))
        key = hmac.digest(epoch_key, bytes((kind,)) + id, "sha256")
        associated = b"".join(
            (
                b"wyng-blob",
                bytes((1, self.keys.suite)),
                self.keys.archive,
                bytes((kind,)),
                id,
                struct.pack(">HI", len(children), len(payload)),
                epoch,
                *children,
            )
        )
        return unseal(key, bytes(4) + counter, payload[40:], associated)

    def record(self, kind: int, id: bytes) -> Fields:
        """The fields of a record."""
        children, plaintext = self.blob(kind, id, META, META_PLAIN_MAX)
        return parse_fields(plaintext, children, 6)


def unpack(packed: bytes, bound: int) -> bytes:
    must(len(packed) >= 9, "packed form")
    method, plain, length = struct.unpack_from(">BII", packed)
    body = packed[9 : 9 + length]
    must(len(body) == length and plain <= bound and method <= 3, "packed form")
    try:
        if method == 1:
            stated = zstandard.get_frame_parameters(body)
            must(stated.content_size == plain and not stated.dict_id, "zstd")
            body = zstandard.ZstdDecompressor().decompress(body)
        elif method == 2:
            body = zlib.decompressobj().decompress(body, plain + 1)
        elif method == 3:
            body = bz2.BZ2Decompressor().decompress(body, plain + 1)
    except (zstandard.ZstdError, zlib.error, OSError, ValueError):
        raise Unreadable("stream") from None
    must(len(body) == plain, "plain length")
    return body


def parse_fields(data: bytes, children: List[bytes], depth: int) -> Fields:
    must(depth > 0, "nesting")
    fields: Fields = []
    at, last = 0, 0
    while at < len(data):
        must(len(data) - at >= 7, "cut field")
        tag, kind, length = struct.unpack_from(">HBI", data, at)
        value = data[at + 7 : at + 7 + length]
        must(tag >= last and len(value) == length, "order or cut field")
        fields.append((tag, parse_value(kind, value, children, depth)))
        at, last = at + 7 + length, tag
    return fields


def parse_value(
    kind: int, value: bytes, children: List[bytes], depth: int
) -> Any:
    if kind == 1:
        must(len(value) == 8, "integer")
        return int.from_bytes(value, "big", signed=True)
    if kind == 2:
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise Unreadable("text") from None
    if kind == 4:
        number = int.from_bytes(value, "big")
        must(len(value) == 4 and number < len(children), "child")
        return Child(children[number])
    if kind == 5:
        return parse_fields(value, children, depth - 1)
    must(kind == 3, "kind")
    return value


def one(fields: Fields, tag: int, kind: type) -> Any:
    found = [value for each, value in fields if each == tag]
    must(len(found) == 1 and isinstance(found[0], kind), f"field {tag}")
    return found[0]


def many(fields: Fields, tag: int) -> List[Fields]:
    found = [value for each, value in fields if each == tag]
    must(all(isinstance(each, list) for each in found), f"list {tag}")
    return found


@dataclass
class Volume:
    """A volume: its name and its sessions' fields, oldest first."""

    name: str
    domain: bytes
    sessions: List[Fields]


class Archive:
    """What the newest good commit says."""

    def __init__(
        self,
        frames: Dict[bytes, bytes],
        newest_commit: bytes,
        slot: bytes,
        passphrase: bytes,
    ) -> None:
        keys = open_slot(slot, passphrase)
        self._reader = Reader(keys, frames)
        catalog = self._reader.record(CATALOG, catalog_of(keys, newest_commit))
        factor = one(one(catalog, 1, list), 1, int)
        must(1 <= factor <= 6, "chunk factor")
        self.chunk_size = (64 << 10) << (factor - 1)
        self.volumes = [self._volume(each) for each in many(catalog, 2)]

    def restore(self, volume: Volume, session: Fields) -> bytes:
        """The content of a session."""
        size = one(session, 4, int)
        must(0 <= size <= 1 << 60, "size")
        content = bytearray(size)
        chunks, level = -(-size // self.chunk_size), 0
        while chunks and SLOTS**level < chunks or level == 0 < chunks:
            level += 1
        roots = [value for tag, value in session if tag == 9]
        if roots and chunks:
            root = one(session, 9, Child).id
            for number, id in self._chunks(volume.domain, root, level, 0):
                if number < chunks:
                    self._put(content, volume.domain, number, id)
        return bytes(content)

    def _put(
        self, content: bytearray, domain: bytes, number: int, id: bytes
    ) -> None:
        size = self.chunk_size
        _, chunk = self._reader.blob(CHUNK, id, domain, size)
        must(len(chunk) == size, "chunk length")
        start = number * size
        left = min(size, len(content) - start)
        must(not any(chunk[left:]), "bytes behind the end")
        content[start : start + left] = chunk[:left]

    def _chunks(
        self, domain: bytes, id: bytes, level: int, first: int
    ) -> Iterator[Tuple[int, bytes]]:
        bound = META_PLAIN_MAX
        children, plaintext = self._reader.blob(NODE, id, domain, bound)
        must(len(plaintext) == 130, "node length")
        must(plaintext[:2] == bytes((level, SLOTS)), "node level or count")
        used = set(plaintext[2:]) - {0}
        must(used == set(range(1, len(children) + 1)), "node children")
        for slot, place in enumerate(plaintext[2:]):
            at = first + slot * SLOTS ** (level - 1)
            if place and level == 1:
                yield at, children[place - 1]
            elif place:
                below = children[place - 1]
                yield from self._chunks(domain, below, level - 1, at)

    def _volume(self, entry: Fields) -> Volume:
        id = one(entry, 1, bytes)
        page = self._reader.record(PAGE, one(entry, 2, Child).id)
        must(len(id) == 16 and one(page, 1, bytes) == id, "volume id")
        sessions: List[Fields] = []
        for part in many(page, 6):
            sessions.extend(self._below(part))
        sessions.extend(many(page, 7))
        domain = one(page, 4, bytes)
        must(len(domain) == 16, "domain")
        return Volume(one(page, 2, str), domain, sessions)

    def _below(self, part: Fields) -> Iterator[Fields]:
        level, id = one(part, 3, int), one(part, 4, Child).id
        must(0 <= level <= 8, "level of a part")
        if level == 0:
            yield from many(self._reader.record(SEGMENT, id), 1)
            return
        for inner in many(self._reader.record(GROUP, id), 2):
            must(one(inner, 3, int) == level - 1, "level of a part")
            yield from self._below(inner)
