# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A command means the sessions its user named, and never the newest."""

from datetime import datetime, timedelta
from typing import List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_archive import a_session
from wyng_dom0.archive.session import NAME_FORMAT, Label, Session
from wyng_dom0.engine.prune import judge_named
from wyng_dom0.engine.selection import (
    describe,
    is_excluded,
    meant_sessions,
    named_sessions,
    one_session,
)
from wyng_dom0.errors import BadInput, NotFound
from wyng_dom0.names import parse_session_range, parse_session_spec

DAY = 1_700_000_000 // 86400 * 86400


def at(sequence: int, clock: str, *labels: str) -> Session:
    """A session of one day, at HH:MM in UTC."""
    hours, minutes = clock.split(":")
    seconds = DAY + 3600 * int(hours) + 60 * int(minutes)
    tags = tuple(Label(each) for each in labels)
    return a_session(sequence, time_ns=seconds * 10**9, offset=0, tags=tags)


def name(clock: str) -> str:
    return at(1, clock).name


DAYTIME = [
    at(1, "08:00"),
    at(2, "09:00", "first"),
    at(3, "10:00"),
    at(4, "11:00", "first", "second"),
    at(5, "12:00", "second"),
]
# The clock was set back between the second and the third.
SET_BACK = [
    at(1, "10:00"),
    at(2, "11:00"),
    at(3, "09:00"),
    at(4, "10:30"),
    at(5, "12:00"),
]


def pruned(
    sessions: List[Session], text: str, all_before: bool = False
) -> List[int]:
    wanted = parse_session_range(text)
    named = named_sessions(sessions, wanted, all_before)
    found = judge_named("a", sessions, named, ())
    return [each.sequence for each in found.doomed]


def clocks(text: str) -> str:
    """HH:MM as session names in a range."""
    return ",".join(
        name(each) if ":" in each else each for each in text.split(",")
    )


@pytest.mark.parametrize(
    "text, expected",
    [
        ("09:00", [2]),
        ("09:30", []),
        ("12:00", []),
        ("newest", []),
        ("^first", [2, 4]),
        ("^second", [4]),
        ("^all", [2, 4]),
        ("^none", []),
        ("09:00,11:00", [2, 3, 4]),
        ("08:30,10:30", [2, 3]),
        ("00:00,23:59", [1, 2, 3, 4]),
        ("08:00,12:00", [1, 2, 3, 4]),
        ("13:00,14:00", []),
        ("06:00,07:00", []),
        ("09:15,09:45", []),
        ("^first,11:30", [2, 3, 4]),
        ("^first,^second", [2, 3, 4]),
        ("10:30,newest", [4]),
    ],
)
def test_prune_takes_what_was_named(text: str, expected: List[int]) -> None:
    assert pruned(DAYTIME, clocks(text)) == expected


@pytest.mark.parametrize(
    "text, expected",
    [
        ("08:00", []),
        ("10:00", [1, 2]),
        ("10:30", [1, 2, 3]),
        ("12:00", [1, 2, 3, 4]),
        ("newest", [1, 2, 3, 4]),
        ("23:00", [1, 2, 3, 4]),
        ("^second", [1, 2, 3]),
    ],
)
def test_all_before_leaves_the_one_named(
    text: str, expected: List[int]
) -> None:
    assert pruned(DAYTIME, clocks(text), all_before=True) == expected


@pytest.mark.parametrize(
    "text, all_before, expected",
    [
        # Ends that exist reach from the one to the other as they were made.
        ("11:00,newest", False, [2, 3, 4]),
        ("09:00,10:30", False, [3, 4]),
        ("09:00", True, [1, 2]),
        # Ends that don't exist are times of the clock.
        ("08:30,09:30", False, [3]),
        ("10:15,11:15", False, [2, 4]),
        ("09:30", True, [3]),
    ],
)
def test_clock_that_was_set_back_hides_no_session(
    text: str, all_before: bool, expected: List[int]
) -> None:
    assert pruned(SET_BACK, clocks(text), all_before) == expected


CLOCKS = st.tuples(st.integers(0, 23), st.integers(0, 59)).map(
    lambda pair: "%02d:%02d" % pair
)


@given(st.lists(CLOCKS, min_size=1, max_size=9), CLOCKS, CLOCKS, st.booleans())
def test_newest_session_always_stays(
    made: List[str], one: str, other: str, all_before: bool
) -> None:
    sessions = [at(sequence + 1, each) for sequence, each in enumerate(made)]
    texts = [name(one), "newest"]
    if one != other and not all_before:
        texts.append(",".join(sorted([name(one), name(other)])))
    for text in texts:
        found = pruned(sessions, text, all_before)
        assert len(sessions) not in found
        assert found == sorted(set(found))


@given(st.lists(CLOCKS, min_size=1, max_size=9, unique=True), CLOCKS, CLOCKS)
def test_range_reaches_by_time_from_end_to_end(
    made: List[str], one: str, other: str
) -> None:
    first, last = sorted((one, other))
    sessions = [at(n + 1, each) for n, each in enumerate(sorted(made))]
    if first != last:
        expected = [
            n + 1
            for n, each in enumerate(sorted(made)[:-1])
            if first <= each <= last
        ]
        assert pruned(sessions, f"{name(first)},{name(last)}") == expected


def test_range_and_all_before_exclude_each_other() -> None:
    with pytest.raises(BadInput):
        pruned(DAYTIME, clocks("08:00,09:00"), all_before=True)


def test_unknown_tag_as_an_end_is_not_found() -> None:
    for text in ("^none,12:00", "08:00,^none"):
        with pytest.raises(NotFound):
            pruned(DAYTIME, clocks(text))
    with pytest.raises(NotFound):
        pruned(DAYTIME, "^none", all_before=True)


def test_volume_without_sessions_has_nothing_to_prune() -> None:
    for text in ("newest", "^all", name("08:00"), clocks("08:00,newest")):
        assert pruned([], text) == []
    for text in ("newest", "^all", name("08:00")):
        assert pruned([], text, all_before=True) == []


def test_one_session_is_the_one_named() -> None:
    for text, sequence in (
        (name("10:00"), 3),
        ("newest", 5),
        ("^first", 4),
        ("^all", 5),
    ):
        wanted = parse_session_range(text)
        assert one_session(DAYTIME, wanted, "disk").sequence == sequence
    assert one_session(DAYTIME, None, "disk").sequence == 5
    doubled = [at(1, "10:00"), at(2, "10:00")]
    wanted = parse_session_range(name("10:00"))
    assert one_session(doubled, wanted, "disk").sequence == 2


def test_session_that_is_not_there_is_not_found() -> None:
    for text in (name("10:01"), "^none"):
        with pytest.raises(NotFound, match="disk"):
            one_session(DAYTIME, parse_session_range(text), "disk")
    for text in ("newest", name("10:00")):
        with pytest.raises(NotFound, match="disk"):
            one_session([], parse_session_range(text), "disk")
    with pytest.raises(NotFound):
        one_session([], None, "disk")


def test_range_is_no_single_session() -> None:
    wanted = parse_session_range(clocks("08:00,09:00"))
    with pytest.raises(BadInput):
        one_session(DAYTIME, wanted, "disk")


def test_spec_is_read_back_as_written() -> None:
    for text in ("newest", "^first", "^all", name("10:00")):
        assert describe(parse_session_spec(text)) == text


def local(sequence: int, text: str) -> Session:
    """A session of a date string with its distance from UTC."""
    moment = datetime.fromisoformat(text)
    offset = moment.utcoffset()
    assert offset is not None
    return a_session(
        sequence,
        time_ns=int(moment.timestamp()) * 10**9,
        offset=int(offset.total_seconds()),
    )


# The clock on the wall shows 02:00 to 03:00 twice.
AUTUMN = [
    local(1, "2026-10-25T02:10+02:00"),
    local(2, "2026-10-25T02:50+02:00"),
    local(3, "2026-10-25T02:10:01+01:00"),
    local(4, "2026-10-25T02:40+01:00"),
    local(5, "2026-10-25T03:10+01:00"),
]
EAST_TO_WEST = [
    local(1, "2026-11-20T09:00+09:00"),
    local(2, "2026-11-20T10:00+09:00"),
    local(3, "2026-11-19T20:30-05:00"),
    local(4, "2026-11-19T21:30-05:00"),
    local(5, "2026-11-19T22:30-05:00"),
]


@pytest.mark.parametrize(
    "sessions, text, all_before, expected",
    [
        # Ends that exist: everything made between them, whatever it is named.
        (AUTUMN, "20261025-025000,20261025-024000", False, [2, 3, 4]),
        (AUTUMN, "20261025-021000,20261025-021001", False, [1, 2, 3]),
        (AUTUMN, "20261025-021001", True, [1, 2]),
        (AUTUMN, "20261025-024000", True, [1, 2, 3]),
        # A time that no session has never splits older from newer ones.
        (AUTUMN, "20261025-024500", True, [1]),
        (AUTUMN, "20261025-030500", True, [1, 2, 3, 4]),
        (AUTUMN, "20261025-000000", True, []),
        (EAST_TO_WEST, "20261120-100000,20261119-213000", False, [2, 3, 4]),
        (EAST_TO_WEST, "20261119-203000", True, [1, 2]),
        (EAST_TO_WEST, "20261119-210000", True, [1, 2, 3]),
        (EAST_TO_WEST, "20261120-093000", True, [1]),
    ],
)
def test_ranges_go_by_time_and_sequence_never_by_string(
    sessions: List[Session],
    text: str,
    all_before: bool,
    expected: List[int],
) -> None:
    assert pruned(sessions, text, all_before) == expected


@given(st.integers(-90, 90))
def test_all_before_any_time_takes_the_oldest_only(minutes: int) -> None:
    moment = datetime(2026, 10, 25, 2, 30) + timedelta(minutes=minutes)
    found = pruned(AUTUMN, moment.strftime(NAME_FORMAT), all_before=True)
    assert found == list(range(1, len(found) + 1))


def test_two_sessions_in_one_second_are_kept_apart() -> None:
    doubled = [at(1, "10:00"), at(2, "10:00"), at(3, "10:00"), at(4, "11:00")]
    assert pruned(doubled, name("10:00"), all_before=True) == []
    assert pruned(doubled, clocks("10:00,11:00")) == [1, 2, 3]
    assert pruned(doubled, clocks("09:00,10:00")) == [1, 2, 3]
    assert pruned(doubled, name("11:00"), all_before=True) == [1, 2, 3]


def test_range_the_wrong_way_round_is_refused() -> None:
    for text in ("11:00,09:00", "11:30,09:30", "11:00,09:30"):
        with pytest.raises(BadInput, match="must end later"):
            pruned(DAYTIME, clocks(text))


def test_not_strict_is_the_next_older_session() -> None:
    for text, sequence in (("10:30", 3), ("10:00", 3), ("23:00", 5)):
        wanted = parse_session_range(name(text))
        found = one_session(DAYTIME, wanted, "disk", strict=False)
        assert found.sequence == sequence
    for text in (name("07:00"), "^none"):
        wanted = parse_session_range(text)
        with pytest.raises(NotFound, match="nor an older one"):
            one_session(DAYTIME, wanted, "disk", strict=False)


def test_protecting_may_mean_the_newest_too() -> None:
    for text, expected in (
        ("newest", [5]),
        (clocks("11:00,newest"), [4, 5]),
        ("^second", [4, 5]),
    ):
        found = meant_sessions(DAYTIME, parse_session_range(text))
        assert [each.sequence for each in found] == expected


def test_excluded_by_name_or_pattern() -> None:
    assert is_excluded("vm-a", ("x", "vm-a"))
    assert is_excluded("sub/vm-a", ("*vm-*",))
    assert is_excluded("a[1]", ("a[1]",))
    assert not is_excluded("vm-a", ("a", "vm-b*"))
