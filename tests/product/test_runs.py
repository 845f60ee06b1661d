# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A run is seen, held and ended by other processes, in order."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any

import pytest
from pytest_mock import MockerFixture

from product.machine import START, Machine
from wyng_dom0.cli import main as program
from wyng_dom0.engine import publish, send
from wyng_dom0.engine.guard import Guard
from wyng_dom0.errors import SourceError
from wyng_dom0.runs.hold import Hold
from wyng_dom0.runs.joining import join
from wyng_dom0.runs.run_files import find_run, list_runs
from wyng_dom0.state import locks
from wyng_dom0.state.places import Places


@contextmanager
def begun(machine: Machine, *words: str) -> "Iterator[subprocess.Popen[str]]":
    """A command with --json; killed when the block is left."""
    process = subprocess.Popen(
        [sys.executable, "-c", START]
        + [f"--meta-dir={machine.state}", "--json", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def until(
    process: "subprocess.Popen[str]", event: str
) -> "list[dict[str, Any]]":
    """What it tells up to an event of that kind."""
    assert process.stdout is not None
    told: "list[dict[str, Any]]" = []
    for line in process.stdout:
        told.append(json.loads(line))
        if told[-1].get("event") == event:
            return told
    raise AssertionError((event, told))


def say(places: Places, run: str, word: str) -> None:
    """Return when the run has heard the word."""
    speaker = join(places, find_run(places, run))
    assert speaker is not None
    speaker.say(word)
    speaker.close()
    # Who joins later is greeted later.
    witness = join(places, find_run(places, run))
    assert witness is not None and witness.read()
    witness.close()


@contextmanager
def paused_send(machine: Machine) -> "Iterator[subprocess.Popen[str]]":
    """A send of the volume a, paused before it has read any of it."""
    places = Places(machine.state)
    with ExitStack() as stack:
        with locks.hold_volume(places, str(machine.images), "a", "test"):
            send = stack.enter_context(begun(machine, "send", "a"))
            (started,) = until(send, "run-started")
            say(places, started["run"], "pause")
        assert until(send, "paused")[-1]["run"] == started["run"]
        yield send


def test_paused_run_is_shown_and_goes_on_when_it_is_told_to(
    clear: Machine,
) -> None:
    data = os.urandom(3_000_000)
    clear.write("a", data)
    with begun(clear, "watch") as watch, paused_send(clear) as send:
        (run,) = list_runs(Places(clear.state))
        assert run.paused and run.archive == "a" and run.volumes == ("a",)
        assert "is paused" in clear.run("pause")
        seen = until(watch, "paused")
        assert {each["run"] for each in seen} == {run.run}
        assert f"{run.run} goes on" in clear.run("resume", "send")
        until(send, "resumed")
        overall = until(send, "run-done")[-2]
        assert overall["done_bytes"] == overall["total_bytes"] == len(data)
        assert send.wait(60) == 0
        assert until(watch, "run-left")[-2]["event"] == "run-done"
        assert watch.stdin is not None
        watch.stdin.close()
        assert watch.wait(60) == 0
    assert list_runs(Places(clear.state)) == []
    assert clear.restored("a") == data


def test_each_run_that_ends_well_says_so_once(clear: Machine) -> None:
    clear.write("a", os.urandom(200_000))
    for words in (
        ["send", "a"],
        ["verify", "a"],
        ["arch-check"],
        ["prune", "--keep-last=5"],
        ["monitor"],
        ["arch-deduplicate"],
    ):
        told = clear.objects(*words)
        (done,) = [each for each in told if each.get("event") == "run-done"]
        assert done["command"] == words[0] and told[-1] == done
    assert "run-done" not in clear.run("--json", "list")


def test_cancelled_run_leaves_no_session_and_the_next_goes_on(
    clear: Machine,
) -> None:
    data = os.urandom(3_000_000)
    clear.write("a", data)
    with paused_send(clear) as send:
        (said,) = clear.objects("cancel")
        assert said["state"] == "cancelled"
        ended = until(send, "error")[-1]
        assert ended["cancelled"] and ended["code"] == 1
        assert send.wait(60) == 1
        assert send.stderr is not None
        (line,) = send.stderr.read().splitlines()
        assert "interrupted" in line and "goes on from there" in line
    assert clear.volumes() == {}
    clear.run("send", "a")
    assert clear.restored("a") == data


def test_sigterm_ends_a_paused_run_in_order(clear: Machine) -> None:
    clear.write("a", os.urandom(300_000))
    with paused_send(clear) as send:
        send.send_signal(signal.SIGTERM)
        assert send.wait(60) == 1
    assert os.listdir(clear.state / "runs") == []
    clear.run("send", "a")


def test_killed_run_is_over_for_everybody(clear: Machine) -> None:
    clear.write("a", os.urandom(300_000))
    with paused_send(clear) as send:
        run = list_runs(Places(clear.state))[0].run
        with begun(clear, "watch", run) as watch:
            until(watch, "paused")
            send.kill()
            assert until(watch, "run-left")
            assert watch.wait(60) == 0
    assert "nothing is running" in clear.fails(6, "resume")
    assert len(os.listdir(clear.state / "runs")) == 2
    clear.run("send", "a")
    assert os.listdir(clear.state / "runs") == []


def test_run_that_cannot_be_shared_goes_on(clear: Machine) -> None:
    data = os.urandom(300_000)
    clear.write("a", data)
    (clear.state / "runs").write_text("in the way")
    said = clear.run("send", "a")
    assert "can't be watched or paused" in said
    assert clear.restored("a") == data


def terminated_in(
    mocker: MockerFixture,
    machine: Machine,
    place: "tuple[ModuleType, str]",
    *words: str,
) -> int:
    """The code of a command that gets SIGTERM as it calls a function."""
    called = getattr(*place)

    def call(*given: Any, **named: Any) -> Any:
        signal.raise_signal(signal.SIGTERM)
        return called(*given, **named)

    mocker.patch.object(*place, call)
    return here(machine, *words)


def here(machine: Machine, *words: str) -> int:
    """The code of a command in this process."""
    handlers = {
        each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        return program.main([f"--meta-dir={machine.state}", *words])
    finally:
        for each, handler in handlers.items():
            signal.signal(each, handler)


@pytest.mark.parametrize(
    "place, whole",
    [
        ((send, "announce"), True),
        ((publish, "_pinned_commit"), True),
        ((send, "settle"), True),
        ((send, "free_time"), False),
    ],
    ids=["announced", "committed", "settled", "before"],
)
def test_making_a_session_is_not_broken_off(
    kept: Machine,
    mocker: MockerFixture,
    place: "tuple[ModuleType, str]",
    whole: bool,
) -> None:
    kept.write("a", os.urandom(200_000))
    code = terminated_in(mocker, kept, place, "send", "a")
    assert code == (0 if whole else 1)
    assert kept.volumes() == {"a": 2 if whole else 1}


def test_pool_is_watched_while_a_run_is_paused(
    kept: Machine, mocker: MockerFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    kept.write("a", os.urandom(200_000))
    hold = Hold(look_seconds=0.01)
    hold.pause()
    mocker.patch.object(program, "Hold", return_value=hold)
    full = SourceError("the pool is filling")
    mocker.patch.object(Guard, "watch", side_effect=full)
    # So that a program that does not look ends, too.
    let_go = threading.Timer(20, hold.resume)
    let_go.start()
    code = here(kept, "--json", "send", "a")
    let_go.cancel()
    told = capsys.readouterr()
    assert code == 1 and "the pool is filling" in told.err
    events = [json.loads(line).get("event") for line in told.out.splitlines()]
    assert events.index("paused") < events.index("resumed")
    assert kept.volumes() == {"a": 1}
