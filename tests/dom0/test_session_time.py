# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""No two recent sessions of a volume have one name."""

from datetime import datetime, timedelta, timezone
from typing import List

from hypothesis import given
from hypothesis import strategies as st

from memory_archive import DOMAIN, a_session
from wyng_dom0.archive.page import Page, VolumeId
from wyng_dom0.engine.session_time import free_time

BEGIN = 1_700_000_000


def page_of(seconds: List[int], offset: int) -> Page:
    recent = tuple(
        a_session(at + 1, time_ns=(BEGIN + each) * 10**9, offset=offset)
        for at, each in enumerate(seconds)
    )
    return Page(VolumeId(b"v" * 16), "disk", DOMAIN, recent=recent)


def moment(seconds: int, offset: int) -> datetime:
    zone = timezone(timedelta(seconds=offset))
    return datetime.fromtimestamp(BEGIN + seconds, zone)


@given(
    st.lists(st.lists(st.integers(0, 9), max_size=6), max_size=3),
    st.integers(0, 9),
)
def test_free_time_is_free_and_behind_each_newest(
    taken: List[List[int]], wanted: int
) -> None:
    pages = [page_of(each, 3600) for each in taken]
    found = free_time(moment(wanted, 3600), pages)
    every = {second for each in taken for second in each}
    after = max([wanted, *(each[-1] + 1 for each in taken if each)])
    expected = next(n for n in range(after, 30) if n not in every)
    assert found == moment(expected, 3600)


def test_many_sends_in_one_second_never_share_a_name() -> None:
    names = []
    recent: List[int] = []
    for _ in range(200):
        found = free_time(moment(0, 3600), [page_of(recent, 3600)])
        names.append(found.strftime("%Y%m%d-%H%M%S"))
        seconds = int(found.timestamp()) - BEGIN
        # A page that is full keeps its newest session only.
        recent = [*recent, seconds] if len(recent) < 16 else [seconds]
    assert len(set(names)) == 200
    assert names == sorted(names)


def test_clock_set_back_for_good_is_believed() -> None:
    assert free_time(moment(0, 0), [page_of([3600], 0)]) == moment(0, 0)


def test_hour_that_comes_twice_makes_no_name_twice() -> None:
    summer = page_of([0, 1, 2], 7200)
    found = free_time(moment(3600, 3600), [summer])
    assert found == moment(3603, 3600)
    assert found.strftime("%Y%m%d-%H%M%S") not in {
        each.name for each in summer.recent
    }
