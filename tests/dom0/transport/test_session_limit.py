# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A call is ended when its time is over, what was held not counted."""

import itertools
import threading
import time

import pytest
from pytest_mock import MockerFixture

from wyng_common.messages import Capability, Op
from wyng_dom0.commands import access
from wyng_dom0.engine.opened import Access
from wyng_dom0.errors import DestinationError
from wyng_dom0.runs.hold import Hold
from wyng_dom0.transport.connection import Connection
from wyng_dom0.transport.destination import parse_destination
from wyng_dom0.transport.reach import Reach
from wyng_dom0.transport.session_limit import SessionLimit
from wyng_dom0.transport.start import StoreProcess


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
        looks.append(0.005 * min(len(looks), 19))
        return looks[-1]

    began = time.monotonic()
    SessionLimit(0.01, held, ended.set).start()
    assert ended.wait(20)
    # Whenever it came to look: what was held by then came on top.
    assert time.monotonic() - began >= 0.01 + looks[-1]


def test_stopped_limit_ends_nothing() -> None:
    ended = threading.Event()
    held = itertools.count()
    limit = SessionLimit(0.5, lambda: float(next(held)), ended.set)
    limit.start()
    limit.stop()
    assert not ended.wait(0.6)


def test_connection_that_is_held_goes_on_until_it_is_let_go() -> None:
    began, looks = time.monotonic(), 0

    def held() -> float:
        nonlocal looks
        looks += 1
        return time.monotonic() - began if looks < 30 else 0.0

    process = StoreProcess(["sleep", "60"])
    reach = Reach(session_limit=0.01, held=held)
    with pytest.raises(DestinationError, match="limit of .* is over"):
        with Connection(process, reach) as connection:
            connection.ask(Op.HELLO).wait()
    assert looks >= 30


def test_open_archive_is_told_how_long_the_run_was_held(
    mocker: MockerFixture,
) -> None:
    opening = mocker.patch.object(access, "open_archive")
    where = parse_destination("internal:/x", "")
    chosen = mocker.Mock(access=Access(where, mocker.Mock(), None))
    context = mocker.Mock(hold=Hold())
    context.options.command = "list"
    with access.open_chosen(context, chosen, Capability.GET):
        given = opening.call_args.args[0].destination.reach
    assert given.held == context.hold.seconds
    assert opening.call_args.args[-1] is context.hold
