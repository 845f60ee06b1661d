# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""When a run is held, for how long, and when it may be ended."""

import threading
import time
from collections.abc import Callable

import pytest

from wyng_dom0.errors import SourceError
from wyng_dom0.runs.hold import Hold


def once_held(hold: Hold, act: Callable[[], None]) -> "list[bool]":
    """What is told while another thread acts as soon as the run is held."""
    told: "list[bool]" = []
    thread = threading.Thread(target=act)

    def tell(is_held: bool) -> None:
        told.append(is_held)
        if is_held:
            thread.start()

    hold.pass_point(tell)
    thread.join()
    return told


def test_run_that_nobody_holds_goes_on() -> None:
    told: "list[bool]" = []
    Hold().pass_point(told.append)
    assert told == []


def test_paused_run_waits_until_it_is_resumed() -> None:
    hold = Hold()
    hold.pause()
    assert once_held(hold, hold.resume) == [True, False]
    hold.pass_point(pytest.fail)


def test_pause_that_is_taken_back_holds_nothing() -> None:
    hold = Hold()
    hold.pause()
    hold.resume()
    hold.pass_point(pytest.fail)


def test_time_held_is_counted_while_it_lasts_and_afterwards() -> None:
    hold = Hold()
    seen: "list[float]" = []

    def look_and_resume() -> None:
        while not seen or seen[-1] <= 0:
            seen.append(hold.seconds())
        hold.resume()

    assert hold.seconds() == 0
    hold.pause()
    once_held(hold, look_and_resume)
    after = hold.seconds()
    assert 0 < seen[-1] <= after == hold.seconds()


def test_chores_go_on_while_it_is_held() -> None:
    hold = Hold(look_seconds=0.001)
    done: "list[int]" = []

    def chore() -> None:
        done.append(1)
        if len(done) == 3:
            hold.resume()

    hold.pause()
    with hold.meanwhile(chore):
        hold.pass_point(lambda _: None)
    assert len(done) == 3
    hold.pause()
    assert once_held(hold, hold.resume) == [True, False]
    assert len(done) == 3


def test_failed_chore_ends_the_hold_and_is_told() -> None:
    hold = Hold(look_seconds=0.001)
    told: "list[bool]" = []

    def full() -> None:
        raise SourceError("the pool is filling")

    hold.pause()
    with hold.meanwhile(full), pytest.raises(SourceError):
        hold.pass_point(told.append)
    assert told == [True, False]
    before = hold.seconds()
    time.sleep(0.002)
    assert hold.seconds() == before


def test_cancel_ends_at_once_what_may_be_left() -> None:
    with pytest.raises(KeyboardInterrupt):
        Hold().cancel()


def test_cancel_waits_for_what_must_not_be_left_half_done() -> None:
    hold = Hold()
    with hold.undisturbed():
        with hold.undisturbed():
            hold.cancel()
    with pytest.raises(KeyboardInterrupt):
        hold.pass_point(pytest.fail)


def test_second_cancel_waits_for_nothing() -> None:
    hold = Hold()
    with hold.undisturbed():
        hold.cancel()
        with pytest.raises(KeyboardInterrupt):
            hold.cancel()
