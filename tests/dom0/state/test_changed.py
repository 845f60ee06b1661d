# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Sets of chunks, against Python's own sets."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wyng_dom0.state.changed import (
    BITS_BYTES_MAX,
    CHUNKS_MAX,
    EVERYTHING,
    NOTHING,
    Changed,
    chunk_set,
    chunks_of,
    pack,
    unpack,
)

RUNS = st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 600)))
RANGES = st.lists(
    st.tuples(st.integers(0, 50_000), st.integers(0, 9_000)), max_size=8
)


def plain(runs: "list[tuple[int, int]]") -> "set[int]":
    return {n for first, count in runs for n in range(first, first + count)}


def numbers(changed: Changed, chunks: int = 10_000) -> "set[int]":
    return plain(list(changed.runs(chunks)))


@given(RUNS, st.integers(0, 4000))
def test_runs_are_ascending_apart_and_complete(
    runs: "list[tuple[int, int]]", chunks: int
) -> None:
    found = list(chunk_set(runs).runs(chunks))
    assert plain(found) == {n for n in plain(runs) if n < chunks}
    for (first, count), (later, _) in zip(found, found[1:], strict=False):
        assert first + count < later and count > 0


@pytest.mark.parametrize(
    "runs",
    [
        [(8191, 2)],
        [(0, 3 * 8192)],
        [(8192, 8192)],
        [(5, 1), (7 * 8192 - 1, 8194), (1 << 23, 1)],
    ],
)
def test_runs_are_whole_across_what_is_looked_at_together(
    runs: "list[tuple[int, int]]",
) -> None:
    assert list(chunk_set(runs).runs(1 << 24)) == runs


@given(RUNS, RUNS)
def test_or_is_union(
    one: "list[tuple[int, int]]", other: "list[tuple[int, int]]"
) -> None:
    both = chunk_set(one) | chunk_set(other)
    assert numbers(both) == plain(one) | plain(other)
    assert both == chunk_set([*one, *other])
    assert both | EVERYTHING == EVERYTHING | both == EVERYTHING


@given(RUNS, st.integers(0, 4000))
def test_count_is_of_chunks_of_the_volume(
    runs: "list[tuple[int, int]]", chunks: int
) -> None:
    wanted = len([n for n in plain(runs) if n < chunks])
    assert chunk_set(runs).count(chunks) == wanted
    assert EVERYTHING.count(chunks) == chunks


@given(RANGES, st.sampled_from([1, 7, 512]), st.integers(0, 60_000))
def test_every_chunk_that_a_range_touches_is_in(
    ranges: "list[tuple[int, int]]", chunk_size: int, size: int
) -> None:
    touched = {
        at // chunk_size
        for offset, length in ranges
        for at in range(offset, min(offset + length, size))
    }
    assert numbers(chunks_of(ranges, chunk_size, size), 60_000) == touched


@given(RUNS, st.sampled_from([1, 2, 8, 32]))
def test_coarser_chunks_hold_all_they_touch(
    runs: "list[tuple[int, int]]", ratio: int
) -> None:
    coarse = chunk_set(runs).coarser(ratio)
    assert numbers(coarse) == {n // ratio for n in plain(runs)}


@given(RUNS)
def test_packed_sets_come_back(runs: "list[tuple[int, int]]") -> None:
    for each in (chunk_set(runs), NOTHING, EVERYTHING):
        assert unpack(pack(each)) == each


@given(st.binary(max_size=200))
def test_garbage_is_a_value_error_or_a_set(data: bytes) -> None:
    for each in (data, b"b" + data):
        try:
            assert isinstance(unpack(each), Changed)
        except ValueError:
            continue


def test_packed_set_without_bound_is_refused() -> None:
    bomb = pack(Changed(b"\xff" * (BITS_BYTES_MAX + 1)))
    assert len(bomb) < BITS_BYTES_MAX // 100
    with pytest.raises(ValueError):
        unpack(bomb)


def test_more_chunks_than_there_can_be_are_everything() -> None:
    assert chunk_set([(CHUNKS_MAX, 1)]) == EVERYTHING
    size = (CHUNKS_MAX + 1) * 512
    assert chunks_of([(0, 1)], 512, size) == EVERYTHING


def test_largest_volume_is_bounded_and_fast() -> None:
    """16 TiB in chunks of 64 KiB with 300,000 changes all over it."""
    chunks = 1 << 28
    before = time.process_time()
    found = chunk_set((n * 890, 1) for n in range(300_000))
    both = found | chunk_set([(0, chunks // 2)])
    assert len(both.bits) <= 32 << 20
    assert sum(count for _, count in both.runs(chunks)) == both.count(chunks)
    assert unpack(pack(found)) == found
    assert time.process_time() - before < 5
