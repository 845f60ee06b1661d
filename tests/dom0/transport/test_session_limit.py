# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A call is ended when its time is over, what was held not counted."""

import itertools
import threading

from wyng_dom0.transport.session_limit import SessionLimit


def test_call_ends_when_its_time_is_over() -> None:
    ended = threading.Event()
    SessionLimit(0.01, lambda: 0.0, ended.set).start()
    assert ended.wait(20)


def test_time_held_before_it_began_gives_no_more() -> None:
    ended = threading.Event()
    SessionLimit(0.01, lambda: 1000.0, ended.set).start()
    assert ended.wait(20)


def test_time_held_is_not_counted() -> None:
    ended = threading.Event()
    looks: "list[float]" = []

    def held() -> float:
        # Held since it began, for longer each time it is looked at.
        looks.append(0.005 * len(looks))
        return looks[-1] if len(looks) < 20 else looks[19]

    SessionLimit(0.01, held, ended.set).start()
    assert ended.wait(20)
    assert len(looks) >= 20


def test_stopped_limit_ends_nothing() -> None:
    ended = threading.Event()
    held = itertools.count()
    limit = SessionLimit(0.5, lambda: float(next(held)), ended.set)
    limit.start()
    limit.stop()
    assert not ended.wait(0.6)
