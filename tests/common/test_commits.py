# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A commit record is read exactly as it was made, or refused."""

from dataclasses import replace
from typing import List, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wyng_common import limits
from wyng_common.commits import Commit, hash_record, parse_commit
from wyng_common.errors import CommitError
from wyng_common.ids import ArchiveId, BlobId, CommitHash

SMALL = Commit(
    ArchiveId(b"a" * 16),
    9,
    CommitHash(b"p" * 32),
    BlobId(b"c" * 32),
    1234567890123456789,
    ((1, 2), (5, 5)),
    b"sealed removals",
    b"m" * 32,
)
RECORD = SMALL.encode()
_FIRST_RANGE = 106
_LENGTH = _FIRST_RANGE + 2 * 16


def _ranges(numbers: "set[int]") -> Tuple[Tuple[int, int], ...]:
    edges = sorted(numbers)[: len(numbers) // 2 * 2]
    return tuple(zip(edges[::2], edges[1::2]))


COMMITS = st.builds(
    Commit,
    archive=st.binary(min_size=16, max_size=16).map(ArchiveId),
    sequence=st.integers(10_001, (1 << 63) - 1),
    previous=st.binary(min_size=32, max_size=32).map(CommitHash),
    catalog=st.binary(min_size=32, max_size=32).map(BlobId),
    time_ns=st.integers(0, (1 << 64) - 1),
    releases=st.sets(st.integers(1, 10_000), max_size=20).map(_ranges),
    removals=st.binary(max_size=200),
    mac=st.binary(min_size=32, max_size=32),
)


@given(COMMITS)
def test_record_is_read_as_it_was_made(commit: Commit) -> None:
    assert parse_commit(commit.encode()) == commit


def test_cut_at_any_length_is_refused() -> None:
    for length in range(len(RECORD)):
        with pytest.raises(CommitError):
            parse_commit(RECORD[:length])
    with pytest.raises(CommitError):
        parse_commit(RECORD + b"\0")


def test_flip_of_any_byte_changes_the_commit_and_its_hash() -> None:
    for at in range(len(RECORD)):
        for mask in (0x01, 0x80, 0xFF):
            flipped = bytearray(RECORD)
            flipped[at] ^= mask
            assert hash_record(bytes(flipped)) != hash_record(RECORD)
            try:
                assert parse_commit(bytes(flipped)) != SMALL
            except CommitError:
                continue


@given(st.binary(max_size=300))
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(CommitError):
        parse_commit(noise)


@pytest.mark.parametrize(
    "releases",
    [
        ((0, 1),),
        ((2, 1),),
        ((1, 3), (3, 4)),
        ((4, 5), (1, 2)),
        ((1, 9),),
        ((9, 9),),
        ((1, (1 << 64) - 1),),
    ],
)
def test_releases_are_ascending_disjoint_and_earlier(
    releases: "tuple[tuple[int, int], ...]",
) -> None:
    wrong = replace(SMALL, releases=releases)
    with pytest.raises(CommitError):
        wrong.encode()
    with pytest.raises(CommitError):
        parse_commit(wrong.signed_part() + wrong.mac)


@pytest.mark.parametrize("sequence", [0, 1 << 63, (1 << 64) - 1])
def test_sequence_out_of_range_is_refused(sequence: int) -> None:
    wrong = replace(SMALL, sequence=sequence, releases=())
    with pytest.raises(CommitError):
        wrong.encode()
    with pytest.raises(CommitError):
        parse_commit(wrong.signed_part() + wrong.mac)


def _many(count: int) -> Tuple[Tuple[int, int], ...]:
    pairs: List[Tuple[int, int]] = [
        (2 * n + 1, 2 * n + 1) for n in range(count)
    ]
    return tuple(pairs)


def test_bounds_are_exact() -> None:
    most = replace(
        SMALL,
        sequence=1 << 40,
        releases=_many(limits.RELEASES_MAX),
        removals=bytes(limits.REMOVALS_MAX),
    )
    assert len(most.encode()) <= limits.COMMIT_RECORD_MAX
    assert parse_commit(most.encode()) == most
    for wrong in (
        replace(most, releases=_many(limits.RELEASES_MAX + 1)),
        replace(most, removals=bytes(limits.REMOVALS_MAX + 1)),
    ):
        with pytest.raises(CommitError):
            wrong.encode()
        with pytest.raises(CommitError):
            parse_commit(wrong.signed_part() + wrong.mac)


def test_claimed_length_is_not_believed() -> None:
    claimed = bytearray(RECORD)
    claimed[_LENGTH : _LENGTH + 4] = b"\xff" * 4
    with pytest.raises(CommitError):
        parse_commit(bytes(claimed))


def test_mac_has_one_length() -> None:
    for length in (0, 31, 33):
        with pytest.raises(CommitError):
            replace(SMALL, mac=bytes(length)).encode()
