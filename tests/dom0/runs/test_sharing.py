# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Those who join a run are told all of it, and never slow it down."""

import queue
import socket
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest

from wyng_dom0.runs import run_files, sharing
from wyng_dom0.runs.joining import Joined, Told, join, wait_for
from wyng_dom0.runs.run_files import RunFacts
from wyng_dom0.runs.sharing import SharedRun
from wyng_dom0.state.places import Places

FACTS = RunFacts("send-000000", 1, datetime.now(timezone.utc), "send")


@pytest.fixture
def places(tmp_path: Path) -> Places:
    # Longer than what a socket's address holds.
    root = tmp_path / ("long" * 40)
    (root / "runs").mkdir(parents=True)
    return Places(root)


@pytest.fixture
def said() -> "queue.SimpleQueue[str]":
    return queue.SimpleQueue()


@pytest.fixture
def shared(
    places: Places, said: "queue.SimpleQueue[str]"
) -> Iterator[SharedRun]:
    path = run_files.socket_of(places, FACTS.run)
    with SharedRun(path, said.put) as shared:
        yield shared


def joined_to(places: Places) -> Joined:
    joined = join(places, FACTS)
    assert joined is not None
    return joined


def hear(joined: Joined, count: int) -> "list[Told]":
    """So many objects, or as many as come before the end."""
    found: "list[Told]" = []
    while len(found) < count:
        told = joined.read()
        if told is None:
            return found
        found += told
    return found


def notice(text: str) -> Told:
    return {"event": "notice", "text": text}


def wait_until_in(shared: SharedRun, joined: Joined, said: str) -> None:
    """Return when the run has let the joiner in."""
    shared.tell(notice(said))
    while said not in [told.get("text") for told in hear(joined, 1)]:
        pass


def test_several_hear_the_same(shared: SharedRun, places: Places) -> None:
    both = [joined_to(places), joined_to(places)]
    for each in both:
        wait_until_in(shared, each, "in")
    shared.tell(notice("x"))
    for each in both:
        texts = [told["text"] for told in hear(each, 1)]
        assert texts[-1] in ("in", "x")


def test_late_joiner_is_told_what_was_before(
    shared: SharedRun, places: Places
) -> None:
    shared.tell({"event": "run-started", "command": "send"})
    shared.tell({"event": "paused", "run": "send-000000"})
    joined = joined_to(places)
    assert hear(joined, 2) == [
        {"event": "run-started", "command": "send", "replay": True},
        {"event": "paused", "run": "send-000000", "replay": True},
    ]
    shared.tell({"event": "resumed", "run": "send-000000"})
    assert hear(joined, 1) == [{"event": "resumed", "run": "send-000000"}]


def test_words_of_joiners_are_obeyed_and_others_are_not(
    shared: SharedRun, places: Places, said: "queue.SimpleQueue[str]"
) -> None:
    joined = joined_to(places)
    for word in ("shutdown", "pause", "resume", "../../x", "cancel"):
        joined.say(word)
    assert [said.get(timeout=20) for _ in range(3)] == [
        "pause",
        "resume",
        "cancel",
    ]


def test_word_of_one_who_left_at_once_is_heard(
    shared: SharedRun, places: Places, said: "queue.SimpleQueue[str]"
) -> None:
    shared.tell(notice("what it will never read"))
    for _ in range(20):
        joined = joined_to(places)
        joined.say("pause")
        joined.close()
        assert said.get(timeout=20) == "pause"


def test_joiner_that_talks_without_end_is_let_go_of(
    shared: SharedRun, places: Places
) -> None:
    joined = joined_to(places)
    joined.say("x" * 100_000)
    assert hear(joined, 1) == []


def test_run_never_waits_for_one_who_does_not_read(
    shared: SharedRun, places: Places
) -> None:
    slow, quick = joined_to(places), joined_to(places)
    wait_until_in(shared, quick, "in")
    # More than the kernel and the run keep for one.
    long = "x" * 100_000
    most = 2 * sharing._BEHIND_MOST // len(long)
    for number in range(most):
        shared.tell({"event": "notice", "text": f"{number} {long}"})
        texts = [str(told["text"]) for told in hear(quick, 1)]
        assert texts[-1].startswith(f"{number} ")
    # It gets what was kept for it, and then the end.
    assert len(hear(slow, most + 1)) < most


def test_progress_is_what_a_slow_one_misses_first(
    shared: SharedRun, places: Places
) -> None:
    slow = joined_to(places)
    wait_until_in(shared, slow, "in")
    filling = {"event": "progress", "volume": "x" * 1000}
    for _ in range(3_000):
        shared.tell(filling)
    shared.tell(notice("last"))
    kinds = []
    while not kinds or kinds[-1] != "notice":
        kinds += [told["event"] for told in hear(slow, 1)]
    assert kinds.count("progress") < 3_000


def test_dead_joiner_is_forgotten(shared: SharedRun, places: Places) -> None:
    for _ in range(2 * sharing.JOINERS_MOST):
        gone = joined_to(places)
        gone.close()
    for _ in range(100):
        joined = joined_to(places)
        shared.tell(notice("x"))
        if wait_for(joined, ("notice",), 5.0) == "notice":
            break
        joined.close()
    else:
        pytest.fail("the dead ones keep their places")


def test_no_more_join_than_there_is_room_for(
    shared: SharedRun, places: Places
) -> None:
    kept = []
    for number in range(sharing.JOINERS_MOST):
        kept.append(joined_to(places))
        wait_until_in(shared, kept[-1], str(number))
    extra = joined_to(places)
    assert hear(extra, 1) == []
    for each in kept:
        each.close()


def test_socket_is_for_its_user_alone(
    shared: SharedRun, places: Places
) -> None:
    path = run_files.socket_of(places, FACTS.run)
    assert path.stat().st_mode & 0o777 == 0o600


def test_end_of_the_run_is_the_end_of_the_connection(places: Places) -> None:
    path = run_files.socket_of(places, FACTS.run)
    with SharedRun(path, lambda word: None) as shared:
        joined = joined_to(places)
        wait_until_in(shared, joined, "in")
        shared.tell(notice("last"))
    assert [told["text"] for told in hear(joined, 5)][-1] == "last"


def test_run_that_lets_nobody_in_is_no_error(places: Places) -> None:
    assert join(places, FACTS) is None
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM):
        run_files.socket_of(places, FACTS.run).touch()
        assert join(places, FACTS) is None
