# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What rules keep: tables of dates, and what holds for any list of dates."""

import time
from datetime import datetime, timedelta, timezone
from typing import Dict, List, Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory_archive import a_session
from wyng_dom0.archive.session import Label, Session
from wyng_dom0.engine.retention import Retention, judge
from wyng_dom0.names import parse_session_spec
from wyng_dom0.rules import ApDays, Rules, parse_apdays

UTC = timezone.utc


def at(sequence: int, text: str, *tags: str, pinned: bool = False) -> Session:
    """A session of a date string, `2026-11-20 10:00+01:00` or without time."""
    moment = datetime.fromisoformat(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    offset = moment.utcoffset()
    assert offset is not None
    return a_session(
        sequence,
        time_ns=int(moment.timestamp()) * 10**9,
        offset=int(offset.total_seconds()),
        tags=tuple(Label(each) for each in tags),
        pinned=pinned,
    )


def listed(*texts: str) -> List[Session]:
    return [at(number + 1, text) for number, text in enumerate(texts)]


def days(first: str, count: int, hours: int = 24) -> List[Session]:
    """Sessions every so many hours from a date on."""
    begin = datetime.fromisoformat(first)
    return listed(
        *(str(begin + timedelta(hours=hours * n)) for n in range(count))
    )


def after(sessions: Sequence[Session]) -> datetime:
    return max(each.time for each in sessions) + timedelta(minutes=1)


def judged(
    sessions: "Mapping[str, Sequence[Session]] | Sequence[Session]",
    rules: Rules,
    *spared: str,
    now: "datetime | None" = None,
) -> Retention:
    volumes = sessions if isinstance(sessions, Mapping) else {"a": sessions}
    latest = [each for some in volumes.values() for each in some]
    return judge(
        volumes,
        list(volumes),
        lambda _: rules,
        [parse_session_spec(each) for each in spared],
        now or (after(latest) if latest else LATE),
    )


def kept(retention: Retention, volume: int = 0) -> List[int]:
    verdicts = retention.volumes[volume].verdicts
    return [each.session.sequence for each in verdicts if each.keep]


WORKDAY = (
    "2026-11-18 09:00",
    "2026-11-18 09:40",
    "2026-11-18 17:00",
    "2026-11-19 09:00",
    "2026-11-21 12:00",
    "2026-11-23 09:00",
    "2026-11-23 10:00",
)


@pytest.mark.parametrize(
    "rules, expected",
    [
        (Rules(last=1), [7]),
        (Rules(last=3), [5, 6, 7]),
        (Rules(last=99), [1, 2, 3, 4, 5, 6, 7]),
        (Rules(hourly=2), [6, 7]),
        (Rules(hourly=6), [2, 3, 4, 5, 6, 7]),
        (Rules(daily=1), [7]),
        (Rules(daily=3), [4, 5, 7]),
        (Rules(daily=99), [3, 4, 5, 7]),
        (Rules(weekly=2), [5, 7]),
        (Rules(monthly=9), [7]),
        (Rules(daily=1, last=2), [6, 7]),
        (Rules(within=3600), [6, 7]),
        (Rules(within=2 * 86400), [5, 6, 7]),
        (Rules(within=1), [7]),
    ],
)
def test_rules_keep_what_they_say(rules: Rules, expected: List[int]) -> None:
    assert kept(judged(listed(*WORKDAY), rules)) == expected


@pytest.mark.parametrize(
    "rules, dates, expected",
    [
        # Weeks begin on Mondays; 2026-11-22 is a Sunday.
        (Rules(weekly=9), ("2026-11-21", "2026-11-22", "2026-11-23"), [2, 3]),
        (Rules(monthly=2), ("2026-09-30", "2026-10-31", "2026-11-01"), [2, 3]),
        (Rules(yearly=2), ("2024-05-05", "2025-12-31", "2026-01-01"), [2, 3]),
        # The day is that of the clock on the wall of then.
        (
            Rules(daily=9),
            ("2026-11-20T00:30+09:00", "2026-11-20T23:30+09:00"),
            [2],
        ),
        (
            Rules(daily=9),
            ("2026-11-19T23:30+09:00", "2026-11-20T00:30+09:00"),
            [1, 2],
        ),
        # The hour that comes twice in autumn is two hours.
        (
            Rules(hourly=9),
            ("2026-10-25T02:30+02:00", "2026-10-25T02:30+01:00"),
            [1, 2],
        ),
    ],
)
def test_periods_are_those_of_the_calendar(
    rules: Rules, dates: Sequence[str], expected: List[int]
) -> None:
    assert kept(judged(listed(*dates), rules)) == expected


@pytest.mark.parametrize(
    "text, count, expected",
    [
        # A days: what is older goes. The newest is of day 9.
        ("5:0:1:1", 10, [5, 6, 7, 8, 9, 10]),
        ("0:0:1:1", 10, list(range(1, 11))),
        ("9:0:1:1", 10, list(range(1, 11))),
        # B days: beyond, one a day is one a day.
        ("0:3:1:1", 10, list(range(1, 11))),
        ("0:3:1000:1", 10, [6, 7, 8, 9, 10]),
        ("0:3:1000:2", 10, [1, 6, 7, 8, 9, 10]),
        ("0:3:1000:3", 10, [1, 3, 6, 7, 8, 9, 10]),
        ("0:3:1000:99", 10, list(range(1, 11))),
        ("7:3:1000:1", 10, [6, 7, 8, 9, 10]),
        ("7:3:1000:2", 10, [3, 6, 7, 8, 9, 10]),
    ],
)
def test_apdays_keep_what_they_say(
    text: str, count: int, expected: List[int]
) -> None:
    sessions = days("2026-11-01 12:00", count)
    found = kept(judged(sessions, Rules(apdays=parse_apdays(text))))
    assert found == expected


def test_apdays_leave_so_many_in_each_span() -> None:
    sessions = days("2026-08-01", 100 * 24, hours=1)
    found = judged(sessions, Rules())  # 0:62:1:2
    per_day: Dict[str, int] = {}
    for verdict in found.volumes[0].verdicts:
        if verdict.keep:
            day = str(verdict.session.time.date())
            per_day[day] = per_day.get(day, 0) + 1
    newest = sessions[-1].time.date()
    for day, count in per_day.items():
        age = (newest - datetime.fromisoformat(day).date()).days
        assert count == (2 if age > 62 else 24), day


def test_volumes_are_thinned_in_step() -> None:
    hourly = days("2026-08-01", 90 * 24, hours=1)
    other = [each for each in hourly if each.time.hour % 7 == 0]
    found = judged({"a": hourly, "b": other}, Rules())
    first, second = (
        {v.session.time_ns for v in each.verdicts if v.keep}
        for each in found.volumes
    )
    beyond = hourly[-1].time_ns - 63 * 86400 * 10**9
    assert {t for t in second if t < beyond} <= first


def test_ages_count_from_the_archives_newest_session() -> None:
    old, new = days("2026-01-01", 5), days("2026-06-01", 5)
    rules = Rules(apdays=ApDays(older=30, thin=0))
    found = judged({"old": old, "new": new}, rules)
    assert kept(found, 0) == [5] and kept(found, 1) == [1, 2, 3, 4, 5]
    # However late it is now: nothing ages while nothing is committed.
    late = datetime(2036, 1, 1, tzinfo=UTC)
    assert kept(judged({"new": new}, rules, now=late)) == [1, 2, 3, 4, 5]


def test_order_is_by_sequence_when_the_clock_goes_back() -> None:
    sessions = listed(
        "2026-11-20 10:00", "2026-11-20 11:00", "2026-11-20 09:00"
    )
    assert kept(judged(sessions, Rules(last=1))) == [3]
    assert kept(judged(sessions, Rules(daily=1))) == [3]


def test_two_sessions_in_one_second_are_two() -> None:
    sessions = listed("2026-11-20 10:00", "2026-11-20 10:00", "2026-11-21")
    assert kept(judged(sessions, Rules(last=2))) == [2, 3]
    assert kept(judged(sessions, Rules(daily=2))) == [2, 3]


def test_newest_protected_and_spared_stay() -> None:
    sessions = [
        at(1, "2026-01-01", "keepme"),
        at(2, "2026-01-02", pinned=True),
        at(3, "2026-01-03"),
        at(4, "2026-01-04"),
        at(5, "2026-01-05", "other"),
        at(6, "2026-11-20"),
    ]
    rules = Rules(apdays=ApDays(older=1, thin=0))
    assert kept(judged(sessions, rules)) == [2, 6]
    assert kept(judged(sessions, rules, "^keepme")) == [1, 2, 6]
    assert kept(judged(sessions, rules, "^all")) == [1, 2, 5, 6]
    assert kept(judged(sessions, rules, sessions[3].name)) == [2, 4, 6]
    tagged = Rules(last=1, tags=("other",))
    assert kept(judged(sessions, tagged)) == [2, 5, 6]
    reasons = [v.why for v in judged(sessions, tagged).volumes[0].verdicts]
    assert reasons[1] == "protected" and reasons[5] == "newest"
    assert reasons[0] == reasons[2] == "no rule keeps it"


def test_keep_tag_alone_makes_nothing_go() -> None:
    sessions = days("2026-11-01", 5)
    assert kept(judged(sessions, Rules(tags=("x",)))) == [1, 2, 3, 4, 5]


RULES = st.one_of(
    st.builds(
        Rules,
        last=st.integers(0, 5),
        hourly=st.integers(0, 5),
        daily=st.integers(0, 5),
        weekly=st.integers(0, 5),
        monthly=st.integers(0, 5),
        yearly=st.integers(0, 5),
        within=st.integers(0, 10**7),
    ),
    st.builds(
        lambda *four: Rules(apdays=ApDays(*four)),
        st.integers(0, 400),
        st.integers(0, 400),
        st.integers(1, 30),
        st.integers(1, 5),
    ),
)
MOMENTS = st.lists(
    st.tuples(
        st.integers(0, 10**8),
        st.sampled_from([-18000, 0, 32400]),
        st.booleans(),
    ),
    max_size=30,
)


def made(moments: "Sequence[tuple[int, int, bool]]") -> List[Session]:
    return [
        a_session(number + 1, time_ns=t * 10**9, offset=offset, pinned=pinned)
        for number, (t, offset, pinned) in enumerate(moments)
    ]


def left(retention: Retention) -> Dict[str, List[Session]]:
    return {
        each.volume: [v.session for v in each.verdicts if v.keep]
        for each in retention.volumes
    }


@given(MOMENTS, MOMENTS, RULES)
@settings(max_examples=200, deadline=None)
def test_newest_and_protected_stay_whatever_the_rules(
    one: "Sequence[tuple[int, int, bool]]",
    two: "Sequence[tuple[int, int, bool]]",
    rules: Rules,
) -> None:
    volumes = {"a": made(one), "b": made(two)}
    found = judged(volumes, rules, now=datetime(2026, 1, 1, tzinfo=UTC))
    for each in found.volumes:
        sessions = volumes[each.volume]
        assert [v.session for v in each.verdicts] == sessions
        for verdict in each.verdicts:
            must = verdict.session.pinned or verdict.session is sessions[-1]
            assert verdict.why and (verdict.keep or not must)


@given(MOMENTS, MOMENTS, RULES)
@settings(max_examples=200, deadline=None)
def test_pruning_again_removes_no_more(
    one: "Sequence[tuple[int, int, bool]]",
    two: "Sequence[tuple[int, int, bool]]",
    rules: Rules,
) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    once = left(judged({"a": made(one), "b": made(two)}, rules, now=now))
    if rules.selects:
        assert left(judged(once, rules, now=now)) == once
    else:
        # The calendar may have had moments that only a newest one shares.
        again = left(judged(once, rules, now=now))
        assert all(set(again[name]) <= set(once[name]) for name in once)


@given(st.lists(st.integers(0, 10**8), min_size=1, unique=True), RULES)
@settings(max_examples=200, deadline=None)
def test_thinning_leaves_something_of_every_span(
    moments: List[int], rules: Rules
) -> None:
    apdays = ApDays(thin=30, span=7, left=2)
    sessions = made([(t, 0, False) for t in sorted(moments)])
    found = judged(sessions, Rules(apdays=apdays))

    def spans(some: Sequence[Session]) -> Dict[int, int]:
        count: Dict[int, int] = {}
        for each in some[:-1]:
            span = (each.time_ns // 10**9 // 86400 + 3) // 7
            count[span] = count.get(span, 0) + 1
        return count

    before, afterwards = spans(sessions), spans(left(found)["a"])
    today = sessions[-1].time_ns // 10**9 // 86400
    for span, count in before.items():
        assert afterwards[span] >= min(count, 2)
        if (span + 1) * 7 - 3 < today - 30:
            assert afterwards[span] <= 2


LATE = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.mark.parametrize(
    "sessions, now, said",
    [
        (days("2026-11-01", 20), LATE, None),
        # The newest session lies ahead of this machine's clock.
        (days("2036-11-01", 20), LATE, "ahead of this machine's clock"),
        # The clock was set back: earlier ones are later than the newest.
        (
            [*days("2026-11-01", 20), at(21, "2020-01-01")],
            LATE,
            "the session 20261120-000000, which is later than its newest",
        ),
        # It went ahead, and nothing has put it right yet.
        (
            [*days("2026-01-01", 20), at(21, "2026-11-20")],
            LATE,
            "went ahead by 304 days",
        ),
        (
            [
                *days("2026-01-01", 20),
                *(at(n + 21, f"2026-11-{n + 10}") for n in range(5)),
            ],
            LATE,
            "went ahead by",
        ),
        # A month between sessions is no jump where that is usual.
        (days("2024-01-01", 20, hours=35 * 24), LATE, None),
    ],
)
def test_clock_that_jumped_is_an_alarm(
    sessions: List[Session], now: datetime, said: "str | None"
) -> None:
    # 15 of 20 or more stay, so that loss alone is no alarm.
    found = judged(sessions, Rules(last=15), now=now)
    assert len(found.volumes[0].doomed) >= 5
    if said is None:
        assert not found.alarms
    else:
        assert len(found.alarms) == 1 and said in found.alarms[0]


def test_losing_more_than_half_is_an_alarm() -> None:
    sessions = days("2026-11-01", 20)
    assert not judged(sessions, Rules(last=10)).alarms
    (alarm,) = judged(sessions, Rules(last=9)).alarms
    assert alarm == "11 of 20 sessions would be removed"
    # One volume's loss is not hidden by many others that lose nothing.
    volumes = {f"v{n}": days("2026-11-01", 1) for n in range(50)}
    volumes["a"] = days("2026-10-13", 20)
    (alarm,) = judged(volumes, Rules(last=5)).alarms
    assert alarm == "15 of 20 sessions of 'a' would be removed"


def test_nothing_to_remove_is_no_alarm() -> None:
    assert not judged(days("2036-11-01", 20), Rules(last=99), now=LATE).alarms
    assert judged({}, Rules()) == Retention(())
    assert judged({"a": []}, Rules()).volumes[0].verdicts == ()


def test_hundred_thousand_sessions_take_under_a_second() -> None:
    moments = [(3600 * n, 3600, False) for n in range(1000)]
    volumes = {f"v{n}": made(moments) for n in range(100)}
    now = datetime(2026, 1, 1, tzinfo=UTC)
    for rules in (Rules(), Rules(hourly=24, daily=7, monthly=9, yearly=9)):
        begun = time.process_time()
        judge(volumes, list(volumes), lambda _, r=rules: r, [], now)
        assert time.process_time() - begun < 1.0
