# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Padmé: cheap, monotonous, and it hides more of a longer length."""

from hypothesis import given
from hypothesis import strategies as st

from wyng_common import limits
from wyng_common.frames import BlobType, payload_bound
from wyng_dom0.seal.blobs import OVERHEAD
from wyng_dom0.seal.compression import HEADER
from wyng_dom0.seal.padding import padded_length

LENGTHS = st.integers(0, 1 << 40)


@given(LENGTHS)
def test_padding_adds_at_most_12_percent(length: int) -> None:
    assert length <= padded_length(length) <= length * 1.12


def test_small_lengths_are_padded_by_at_most_12_percent() -> None:
    for length in range(1 << 14):
        assert length <= padded_length(length) <= length * 1.12


@given(LENGTHS)
def test_padded_length_stays_as_it_is(length: int) -> None:
    assert padded_length(padded_length(length)) == padded_length(length)


@given(LENGTHS, LENGTHS)
def test_longer_is_never_padded_to_less(one: int, other: int) -> None:
    low, high = sorted((one, other))
    assert padded_length(low) <= padded_length(high)


def test_few_lengths_are_seen() -> None:
    seen = {padded_length(length) for length in range(1 << 16, 1 << 17)}
    assert len(seen) == 33
    assert {
        padded_length(n) for n in range((1 << 17) - 2047, (1 << 17) + 1)
    } == {1 << 17}


def test_every_blob_fits_into_its_frame() -> None:
    for kind in BlobType:
        plain = limits.META_PLAIN_MAX
        if kind is BlobType.CHUNK:
            plain = limits.CHUNK_SIZE_MAX
        longest = padded_length(HEADER.size + plain) + OVERHEAD
        assert longest <= payload_bound(kind)
