# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Ids are types: a value of the wrong length can't be made."""

from typing import Type

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wyng_common.errors import FormatError
from wyng_common.ids import (
    ArchiveId,
    BlobId,
    CommitHash,
    FixedBytes,
    StagingToken,
    split_ids,
)

KINDS = [ArchiveId, BlobId, CommitHash, StagingToken]


@pytest.mark.parametrize("kind", KINDS)
@given(length=st.integers(0, 80))
def test_other_length_is_refused(kind: Type[FixedBytes], length: int) -> None:
    if length == kind.SIZE:
        assert kind(bytes(length)) == bytes(length)
    else:
        with pytest.raises(FormatError):
            kind(bytes(length))


@pytest.mark.parametrize("kind", KINDS)
def test_random_values_differ(kind: Type[FixedBytes]) -> None:
    assert len({kind.random() for _ in range(64)}) == 64
    assert kind.zero() == bytes(kind.SIZE)


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=20))
def test_joined_ids_are_split_again(ids: "list[bytes]") -> None:
    assert split_ids(b"".join(ids)) == ids


@given(st.integers(0, 200).filter(lambda length: length % 32))
def test_half_an_id_is_refused(length: int) -> None:
    with pytest.raises(FormatError):
        split_ids(bytes(length))
