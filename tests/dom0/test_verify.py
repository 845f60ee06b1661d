# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A reading that is cut off goes on where it stopped."""

from typing import Any, Iterator, List, Tuple

from wyng_dom0.engine.verify import Extent, verify_session
from wyng_dom0.events import ignore


class _Session:
    name, sequence, size = "s", 1, 100


class _Page:
    name = "v"


class _Content:
    """Ten chunks of ten bytes, and which of them were fetched."""

    session, page, chunks = _Session(), _Page(), 10

    def __init__(self) -> None:
        self.fetched: List[int] = []

    def check_settings(self) -> None:
        """It has none."""

    def refs(self) -> Iterator[Tuple[int, Any]]:
        return ((number, None) for number in range(10))

    def refs_in(
        self, runs: "List[Tuple[int, int]]"
    ) -> Iterator[Tuple[int, Any]]:
        return ((n, None) for at, count in runs for n in range(at, at + count))

    def fetch(
        self, refs: Iterator[Tuple[int, Any]]
    ) -> Iterator[Tuple[int, bytes]]:
        for number, _ in refs:
            self.fetched.append(number)
            yield number, bytes(10)

    def extent(self, first: int) -> Tuple[int, int]:
        return first * 10, 10


def test_time_that_is_over_says_what_was_reached() -> None:
    content: Any = _Content()
    ticks = iter([True] * 4 + [False] * 9)
    extent = Extent(in_time=lambda: next(ticks))
    verdict = verify_session(content, ignore, extent)
    assert verdict.reached == 4 and content.fetched == [0, 1, 2, 3]
    again = verify_session(content, ignore, Extent(first=verdict.reached))
    assert again.reached is None and content.fetched == [*range(10)]


def test_end_reached_in_time_is_no_cut() -> None:
    content: Any = _Content()
    assert verify_session(content, ignore).reached is None
    assert verify_session(content, ignore, Extent(first=10)).bytes_read == 0
