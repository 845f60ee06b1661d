# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Rows of an archive's sizes are bounded, and the past gets coarser."""

from datetime import datetime, timedelta, timezone
from pathlib import Path

from wyng_common.ids import ArchiveId
from wyng_dom0.state.places import Places
from wyng_dom0.state.size_history import (
    ROWS_MAX,
    Size,
    note_size,
    read_sizes,
    thinned,
)

ID = ArchiveId(b"a" * 16)
START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def row(number: int) -> Size:
    at = START + number * timedelta(hours=1)
    return Size(at, number, 1, 9, 1, 1, 1, 1)


def test_rows_are_never_more_than_their_bound() -> None:
    rows: "list[Size]" = []
    for number in range(5 * ROWS_MAX):
        rows = thinned([*rows, row(number)])
        assert len(rows) <= ROWS_MAX
    assert rows[0] == row(0) and rows[-1] == row(5 * ROWS_MAX - 1)
    assert rows == sorted(rows, key=lambda each: each.at)
    gaps = [
        later.used - one.used
        for one, later in zip(rows, rows[1:], strict=False)
    ]
    assert gaps[-ROWS_MAX // 4 :] == [1] * (ROWS_MAX // 4)
    assert max(gaps[: len(gaps) // 2]) >= max(gaps[len(gaps) // 2 :])


def test_rows_are_read_back_and_repeated_ones_are_not_kept(
    tmp_path: Path,
) -> None:
    places = Places(tmp_path)
    for number in (1, 1, 2):
        note_size(places, ID, "internal:/x", row(number))
    assert read_sizes(places, ID, "internal:/x") == [row(1), row(2)]
    assert read_sizes(places, ID, "internal:/y") == []
