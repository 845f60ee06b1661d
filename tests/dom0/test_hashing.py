# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""An id covers everything that a blob means, in its domain alone."""

import hashlib
import hmac
from typing import List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_archive import hasher_of, keys_of
from wyng_common.frames import BlobType
from wyng_common.ids import ArchiveId, BlobId
from wyng_dom0.seal.hashing import IdHasher
from wyng_dom0.seal.keys import META_DOMAIN, DomainId, HashType, Suite

IDS = st.binary(min_size=32, max_size=32).map(BlobId)
BLOBS = st.tuples(
    st.sampled_from(list(BlobType)),
    st.lists(IDS, max_size=3, unique=True).map(sorted),
    st.binary(max_size=80),
)
HASHES = pytest.mark.parametrize("hash_type", list(HashType))
SUITES = pytest.mark.parametrize("suite", list(Suite))
Blob = "tuple[BlobType, List[BlobId], bytes]"


@HASHES
@SUITES
@given(one=BLOBS, other=BLOBS)
def test_different_blobs_never_share_an_id(
    suite: Suite, hash_type: HashType, one: Blob, other: Blob
) -> None:
    hasher = hasher_of(keys_of(suite, hash_type))
    assert (hasher.blob_id(*one) == hasher.blob_id(*other)) == (one == other)


@HASHES
@SUITES
@given(children=st.lists(IDS, min_size=1, max_size=3), content=st.binary())
def test_children_and_content_are_not_interchangeable(
    suite: Suite, hash_type: HashType, children: List[BlobId], content: bytes
) -> None:
    hasher = hasher_of(keys_of(suite, hash_type))
    kind = BlobType.NODE
    moved = b"".join(children) + content
    id = hasher.blob_id(kind, children, content)
    assert id != hasher.blob_id(kind, [], moved)
    assert id != hasher.blob_id(kind, children[1:], children[0] + content)


@HASHES
@SUITES
@given(content=st.binary(max_size=200))
def test_chunk_is_hashed_alike_by_both_ways(
    suite: Suite, hash_type: HashType, content: bytes
) -> None:
    hasher = hasher_of(keys_of(suite, hash_type))
    id = hasher.chunk_id(memoryview(content))
    assert id == hasher.blob_id(BlobType.CHUNK, [], content)


def test_type_is_part_of_the_id() -> None:
    hasher = hasher_of(keys_of())
    assert len({hasher.blob_id(kind, [], b"x") for kind in BlobType}) == 7


def test_sealed_ids_differ_by_domain_archive_and_hash() -> None:
    ids = set()
    for archive in (ArchiveId(b"1" * 16), ArchiveId(b"2" * 16)):
        for hash_type in HashType:
            keys = keys_of(hash_type=hash_type, archive=archive)
            for domain in (META_DOMAIN, DomainId(b"d" * 16)):
                ids.add(hasher_of(keys, domain).chunk_id(b"x"))
    assert len(ids) == 8


def test_ids_without_a_seal_are_plain_hashes() -> None:
    for domain in (META_DOMAIN, DomainId(b"d" * 16)):
        blob = b"\x01\0\0content"
        sha = hasher_of(keys_of(Suite.OFF), domain)
        assert sha.chunk_id(b"content") == hashlib.sha256(blob).digest()
        blake = hasher_of(keys_of(Suite.OFF, HashType.BLAKE2B), domain)
        expected = hashlib.blake2b(blob, digest_size=32).digest()
        assert blake.chunk_id(b"content") == expected


def test_keyed_ids_are_hmac_and_keyed_blake() -> None:
    blob = b"\x02\0\x01" + b"c" * 32 + b"content"
    key, children = b"k" * 32, [BlobId(b"c" * 32)]
    sha = IdHasher(HashType.SHA256, key)
    assert sha.blob_id(BlobType.NODE, children, b"content") == hmac.digest(
        key, blob, "sha256"
    )
    blake = IdHasher(HashType.BLAKE2B, key)
    expected = hashlib.blake2b(blob, key=key, digest_size=32).digest()
    assert blake.blob_id(BlobType.NODE, children, b"content") == expected
