# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A sealed blob opens as it was made or not at all, with no nonce twice."""

import os
import random
import struct
import threading
from typing import Iterable, List, Set, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_archive import ARCHIVE, DOMAIN, hasher_of, keys_of
from wyng_common.frames import BlobType, encode_frame, parse_frame
from wyng_common.ids import ArchiveId, BlobId
from wyng_dom0.errors import IntegrityError
from wyng_dom0.seal.blobs import OVERHEAD, Opener, PackedBlob, Sealer
from wyng_dom0.seal.compression import Compression, Compressor, Method
from wyng_dom0.seal.keys import (
    META_DOMAIN,
    ArchiveKeys,
    DomainId,
    HashType,
    MasterKey,
    Suite,
)
from wyng_dom0.seal.padding import padded_length

SEALED = keys_of()
CHILDREN = [BlobId(b"a" * 32), BlobId(b"b" * 32)]
COMPRESSOR = Compressor(Compression(Method.ZSTD, 3))


def pack(
    content: bytes,
    kind: BlobType = BlobType.CHUNK,
    children: Iterable[BlobId] = (),
    keys: ArchiveKeys = SEALED,
) -> PackedBlob:
    children = list(children)
    id = hasher_of(keys).blob_id(kind, children, content)
    return PackedBlob(kind, id, children, COMPRESSOR.pack(content))


def seal(blob: PackedBlob, keys: ArchiveKeys = SEALED) -> bytes:
    (frame,) = Sealer(keys).seal_batch([blob])
    return frame


def opened(
    frame: bytes,
    keys: ArchiveKeys = SEALED,
    domain: DomainId = DOMAIN,
    bound: int = 1 << 20,
) -> bytes:
    hasher = hasher_of(keys, domain)
    return Opener(keys).open(parse_frame(frame), hasher, bound)


def refused(frame: bytes, keys: ArchiveKeys = SEALED) -> None:
    with pytest.raises(IntegrityError):
        opened(frame, keys)


def nonces(frames: Iterable[bytes]) -> List[Tuple[bytes, int]]:
    """(epoch, counter) of sealed frames."""
    found = []
    for frame in frames:
        epoch, counter = struct.unpack_from(">32sQ", parse_frame(frame).payload)
        found.append((epoch, counter))
    return found


def batch(count: int, seed: int) -> List[PackedBlob]:
    return [pack(b"%d in %d" % (at, seed)) for at in range(count)]


@pytest.mark.parametrize("suite", list(Suite))
@pytest.mark.parametrize("hash_type", list(HashType))
@pytest.mark.parametrize("kind", list(BlobType))
def test_sealed_blob_opens(
    suite: Suite, hash_type: HashType, kind: BlobType
) -> None:
    keys = keys_of(suite, hash_type)
    children = [] if kind is BlobType.CHUNK else CHILDREN
    frame = seal(pack(b"content", kind, children, keys), keys)
    assert opened(frame, keys) == b"content"


@pytest.mark.parametrize("suite", list(Suite))
def test_flip_of_any_payload_byte_is_refused(suite: Suite) -> None:
    keys = keys_of(suite)
    content = bytes(range(32)) * 8
    blob = pack(content, BlobType.NODE, CHILDREN, keys)
    frame = parse_frame(seal(blob, keys))
    harmless = 0
    for at in range(len(frame.payload)):
        flipped = bytearray(frame.payload)
        flipped[at] ^= 0xFF
        again = encode_frame(
            frame.header.type, frame.header.id, frame.children, bytes(flipped)
        )
        if suite is Suite.AES_256_GCM:
            refused(again, keys)
        else:
            try:
                # A flag of the compressor that says nothing of the content.
                assert opened(again, keys) == content
                harmless += 1
            except IntegrityError:
                continue
    assert harmless <= 2


def test_cut_payload_is_refused() -> None:
    frame = parse_frame(seal(pack(b"content")))
    for length in range(len(frame.payload)):
        cut = frame.payload[:length]
        refused(encode_frame(BlobType.CHUNK, frame.header.id, [], cut))
    longer = frame.payload + b"\0"
    refused(encode_frame(BlobType.CHUNK, frame.header.id, [], longer))


def test_clear_header_is_under_the_seal() -> None:
    frame = parse_frame(seal(pack(b"content", BlobType.NODE, CHILDREN)))
    id, payload = frame.header.id, frame.payload
    other = BlobId(bytes([id[0] ^ 1]) + id[1:])
    for wrong in (
        encode_frame(BlobType.PAGE, id, CHILDREN, payload),
        encode_frame(BlobType.NODE, other, CHILDREN, payload),
        encode_frame(BlobType.NODE, id, CHILDREN[:1], payload),
        encode_frame(BlobType.NODE, id, [], payload),
        encode_frame(BlobType.NODE, id, [CHILDREN[0], id], payload),
    ):
        with pytest.raises(IntegrityError, match="seal does not hold"):
            opened(wrong)
    assert opened(encode_frame(BlobType.NODE, id, CHILDREN, payload))


def test_other_key_archive_or_suite_opens_nothing() -> None:
    frame = seal(pack(b"content"))
    for keys in (
        keys_of(master=MasterKey(b"k" * 32)),
        keys_of(archive=ArchiveId(ARCHIVE[:-1] + b"!")),
        keys_of(Suite.OFF),
    ):
        refused(frame, keys)


def test_id_of_another_domain_is_refused() -> None:
    with pytest.raises(IntegrityError):
        opened(seal(pack(b"content")), domain=META_DOMAIN)


@pytest.mark.parametrize("suite", list(Suite))
def test_content_that_its_id_does_not_name_is_refused(suite: Suite) -> None:
    keys = keys_of(suite)
    mine, other = pack(b"mine", keys=keys), pack(b"other", keys=keys)
    lie = PackedBlob(BlobType.CHUNK, mine.id, [], other.packed)
    refused(seal(lie, keys), keys)


def test_more_than_the_bound_is_refused() -> None:
    frame = seal(pack(b"eight by"))
    assert opened(frame, bound=8) == b"eight by"
    with pytest.raises(IntegrityError):
        opened(frame, bound=7)


@given(st.binary(max_size=4000))
def test_sealed_length_is_a_padded_one(content: bytes) -> None:
    blob = pack(content)
    payload = parse_frame(seal(blob)).payload
    assert len(payload) == OVERHEAD + padded_length(len(blob.packed))


def test_no_nonce_is_used_twice_in_a_process() -> None:
    sealer = Sealer(SEALED)
    blob = pack(b"the same blob again and again")
    seen: List[Tuple[bytes, int]] = []
    for size in (1, 7, 300, 1):
        seen += nonces(sealer.seal_batch([blob] * size))
    assert len(set(seen)) == len(seen) == 309


def test_no_nonce_is_used_twice_by_two_sealers() -> None:
    seen: List[Tuple[bytes, int]] = []
    for _ in range(20):
        seen += nonces(Sealer(SEALED).seal_batch(batch(3, 0)))
    assert len(set(seen)) == 60
    assert len({epoch for epoch, _ in seen}) == 20


def test_no_nonce_is_used_twice_between_threads() -> None:
    sealer = Sealer(SEALED)
    start = threading.Barrier(8)
    seen: List[Tuple[bytes, int]] = []

    def run(number: int) -> None:
        start.wait()
        for size in range(1, 12):
            seen.extend(nonces(sealer.seal_batch(batch(size, number))))

    threads = [threading.Thread(target=run, args=(at,)) for at in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(seen)) == len(seen) == 8 * 66
    assert len({epoch for epoch, _ in seen}) == 1


def _nonces_of_child(sealer: Sealer) -> Set[Tuple[bytes, int]]:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            for epoch, counter in nonces(sealer.seal_batch(batch(9, 0))):
                os.write(writing, struct.pack(">32sQ", epoch, counter))
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    os.waitpid(pid, 0)
    return set(struct.iter_unpack(">32sQ", told))


def test_no_nonce_is_used_twice_after_a_fork() -> None:
    sealer = Sealer(SEALED)
    before = set(nonces(sealer.seal_batch(batch(9, 0))))
    first, second = _nonces_of_child(sealer), _nonces_of_child(sealer)
    after = set(nonces(sealer.seal_batch(batch(9, 0))))
    assert len(before | first | second | after) == 36


def test_upload_order_says_nothing_of_read_order() -> None:
    blobs = batch(256, 1)
    shuffled = random.Random(5).sample(blobs, len(blobs))
    orders = []
    for each in (blobs, shuffled):
        frames = Sealer(SEALED).seal_batch(each)
        assert [counter for _, counter in nonces(frames)] == list(range(1, 257))
        orders.append([parse_frame(frame).header.id for frame in frames])
    assert orders[0] == orders[1] == sorted(blob.id for blob in blobs)


def test_same_content_is_sealed_differently_each_time() -> None:
    sealer, blob = Sealer(SEALED), pack(b"content")
    payloads = {
        parse_frame(frame).payload for frame in sealer.seal_batch([blob] * 9)
    }
    assert len(payloads) == 9


def test_unsealed_payload_is_the_packed_form() -> None:
    keys = keys_of(Suite.OFF)
    blob = pack(b"content", keys=keys)
    assert parse_frame(seal(blob, keys)).payload == blob.packed


def test_opener_is_safe_between_many_epochs() -> None:
    frames = [seal(pack(b"%d" % at)) for at in range(300)]
    opener, hasher = Opener(SEALED), hasher_of(SEALED)
    for _ in range(2):
        for at, frame in enumerate(frames):
            assert opener.open(parse_frame(frame), hasher, 9) == b"%d" % at
