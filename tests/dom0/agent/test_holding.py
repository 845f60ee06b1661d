# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The agent gives the key to its user only, and forgets it in time."""

import os
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from memory_archive import ARCHIVE
from wyng_dom0.agent import holding
from wyng_dom0.agent.holding import HARD_SECONDS, Holder, listen
from wyng_dom0.state import key_agent
from wyng_dom0.state.places import Places

KEY = bytes(range(32))


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Agent:
    """An agent in a thread of this process."""

    def __init__(self, places: Places, clock: Clock) -> None:
        self.key = bytearray(KEY)
        self.holder = Holder(self.key, 60.0, clock)
        self._ready = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(places,))
        self.thread.start()
        assert self._ready.wait(10)

    def _run(self, places: Places) -> None:
        with listen(places, ARCHIVE) as listener:
            self._ready.set()
            self.holder.serve(listener)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / ("deep" * 40) / "state")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def agent(
    places: Places, clock: Clock, mocker: MockerFixture
) -> Iterator[Agent]:
    mocker.patch.object(holding, "_LOOK_SECONDS", 0.02)
    agent = Agent(places, clock)
    yield agent
    clock.now += 10 * HARD_SECONDS
    agent.thread.join(10)
    assert not agent.thread.is_alive()


def test_key_is_given_until_nobody_asked_for_long(
    places: Places, agent: Agent, clock: Clock
) -> None:
    for _ in range(5):
        clock.now += 59
        assert key_agent.ask_key(places, ARCHIVE) == KEY
    clock.now += 61
    agent.thread.join(10)
    assert key_agent.ask_key(places, ARCHIVE) is None
    assert agent.key == bytes(32)
    assert not places.agent(ARCHIVE).exists()


def test_key_is_forgotten_at_last_whoever_asks(
    places: Places, agent: Agent, clock: Clock
) -> None:
    while clock.now < 1000 + HARD_SECONDS - 60:
        clock.now += 55
        assert key_agent.ask_key(places, ARCHIVE) == KEY
    clock.now += 60
    agent.thread.join(10)
    assert key_agent.ask_key(places, ARCHIVE) is None
    assert agent.key == bytes(32)


def test_key_is_gone_when_the_end_is_confirmed(
    places: Places, agent: Agent
) -> None:
    assert key_agent.end_agent(places, ARCHIVE)
    assert agent.key == bytes(32)
    assert not key_agent.end_agent(places, ARCHIVE)


def test_other_users_are_given_nothing(
    places: Places, agent: Agent, mocker: MockerFixture
) -> None:
    found = os.lstat(places.agent(ARCHIVE))
    assert stat.S_IMODE(found.st_mode) == 0o600
    assert stat.S_IMODE(os.stat(places.root / "agent").st_mode) == 0o700
    mocker.patch("os.geteuid", return_value=os.geteuid() + 1)
    with socket.socket(socket.AF_UNIX) as peer:
        with key_agent.socket_address(places, ARCHIVE) as address:
            peer.connect(address)
        try:
            peer.sendall(key_agent.GIVE)
            answer = peer.recv(64)
        except (ConnectionResetError, BrokenPipeError):
            answer = b""
    assert answer == b""


def test_silent_and_babbling_peers_end_nothing(
    places: Places, agent: Agent, mocker: MockerFixture
) -> None:
    mocker.patch.object(holding, "_PEER_SECONDS", 0.05)
    for said in (b"", b"?", b"x" * 1000):
        with socket.socket(socket.AF_UNIX) as peer:
            with key_agent.socket_address(places, ARCHIVE) as address:
                peer.connect(address)
            peer.sendall(said)
            assert key_agent.ask_key(places, ARCHIVE) == KEY


def test_stale_socket_is_no_agent(places: Places, clock: Clock) -> None:
    with listen(places, ARCHIVE):
        os.link(places.agent(ARCHIVE), places.agent(ARCHIVE).with_name("old"))
    os.rename(places.agent(ARCHIVE).with_name("old"), places.agent(ARCHIVE))
    assert key_agent.ask_key(places, ARCHIVE) is None
    with listen(places, ARCHIVE):
        assert places.agent(ARCHIVE).exists()
