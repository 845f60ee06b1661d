# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Only the key makes a commit, and removals hold only in their place."""

from dataclasses import replace
from typing import List

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory_archive import ARCHIVE, keys_of
from wyng_common.commits import Commit, parse_commit
from wyng_common.errors import CommitError
from wyng_common.ids import ArchiveId, BlobId, CommitHash
from wyng_dom0.errors import BadInput, IntegrityError
from wyng_dom0.seal.keys import MasterKey, Suite
from wyng_dom0.seal.records import (
    LAST,
    REMOVALS_MOST,
    Removal,
    mac_holds,
    open_removals,
    sign,
)

SUITES = pytest.mark.parametrize("suite", list(Suite))
PLAIN = Commit(
    ARCHIVE,
    7,
    CommitHash(b"p" * 32),
    BlobId(b"c" * 32),
    1_700_000_000 * 10**9,
    ((1, 3), (5, 5)),
)
REMOVALS = [Removal(b"v" * 16, 1, 4), Removal(b"w" * 16, 0, LAST)]
U64 = st.integers(0, LAST)
ANY_REMOVALS = st.lists(
    st.builds(Removal, st.binary(min_size=16, max_size=16), U64, U64),
    max_size=20,
)


@SUITES
@given(removals=ANY_REMOVALS)
@settings(max_examples=40)
def test_signed_record_is_read_again(
    suite: Suite, removals: List[Removal]
) -> None:
    keys = keys_of(suite)
    commit = parse_commit(sign(keys, PLAIN, removals).encode())
    assert mac_holds(keys, commit)
    assert open_removals(keys, commit) == tuple(removals)


@SUITES
def test_flip_of_any_byte_breaks_the_mac(suite: Suite) -> None:
    keys = keys_of(suite)
    record = sign(keys, PLAIN, REMOVALS).encode()
    for at in range(len(record)):
        for mask in (0x01, 0x80, 0xFF):
            flipped = bytearray(record)
            flipped[at] ^= mask
            try:
                assert not mac_holds(keys, parse_commit(bytes(flipped)))
            except CommitError:
                continue


def test_other_key_or_archive_signs_nothing() -> None:
    commit = sign(keys_of(), PLAIN, REMOVALS)
    assert not mac_holds(keys_of(master=MasterKey(bytes(32))), commit)
    assert not mac_holds(keys_of(Suite.OFF), commit)
    other = ArchiveId(b"o" * 16)
    assert not mac_holds(keys_of(archive=other), commit)
    moved = replace(commit, archive=other)
    assert not mac_holds(keys_of(), moved)
    resigned = sign(keys_of(), replace(PLAIN, archive=other), ())
    assert not mac_holds(keys_of(), resigned)


@pytest.mark.parametrize(
    "moved",
    [
        {"sequence": 8},
        {"previous": CommitHash(b"q" * 32)},
        {"archive": ArchiveId(b"o" * 16)},
    ],
)
def test_removals_hold_only_in_their_place(moved: "dict[str, object]") -> None:
    commit = sign(keys_of(), PLAIN, REMOVALS)
    elsewhere = replace(commit, **moved)  # type: ignore[arg-type]
    with pytest.raises(IntegrityError):
        open_removals(keys_of(), elsewhere)


def test_damaged_or_cut_removals_are_refused() -> None:
    commit = sign(keys_of(), PLAIN, REMOVALS)
    sealed = commit.removals
    for at in range(len(sealed)):
        flipped = bytearray(sealed)
        flipped[at] ^= 1
        with pytest.raises(IntegrityError):
            open_removals(keys_of(), replace(commit, removals=bytes(flipped)))
    for length in range(1, len(sealed)):
        with pytest.raises(IntegrityError):
            open_removals(keys_of(), replace(commit, removals=sealed[:length]))


def test_cut_unsealed_removals_are_refused() -> None:
    keys = keys_of(Suite.OFF)
    commit = sign(keys, PLAIN, REMOVALS)
    with pytest.raises(IntegrityError):
        open_removals(keys, replace(commit, removals=commit.removals[:-1]))


def test_store_does_not_see_which_volume_lost_sessions() -> None:
    removals = [Removal(b"v" * 16, 1, 4)]
    record = sign(keys_of(), PLAIN, removals).encode()
    assert b"v" * 16 not in record
    assert record != sign(keys_of(), PLAIN, removals).encode()
    assert b"v" * 16 in sign(keys_of(Suite.OFF), PLAIN, removals).encode()


@SUITES
def test_most_removals_fit_and_one_more_is_refused(suite: Suite) -> None:
    keys = keys_of(suite)
    most = [Removal(b"v" * 16, at, at) for at in range(REMOVALS_MOST)]
    commit = parse_commit(sign(keys, PLAIN, most).encode())
    assert open_removals(keys, commit) == tuple(most)
    with pytest.raises(BadInput):
        sign(keys, PLAIN, [*most, most[0]])
