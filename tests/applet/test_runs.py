# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Events of runs, folded into how each of them stands."""

from typing import Any

from wyng_dom0.applet import run_words
from wyng_dom0.applet.icons import GOOD
from wyng_dom0.applet.runs import (
    DONE,
    FAILED,
    LEFT,
    PAUSED,
    RUNNING,
    Run,
    folded,
)
from wyng_dom0.applet.tray_state import note_of_run


def fold(*said: "dict[str, Any]", step: float = 1.0) -> Run:
    runs: "dict[str, Run]" = {}
    for number, each in enumerate(said):
        run = folded(runs, {"run": "send-1", **each}, number * step)
        runs[run.name] = run
    return runs["send-1"]


START = {"event": "run-started", "command": "send", "volumes": ["a", "b"]}
SIZED = {"event": "run-sized", "total_bytes": 100}


def overall(done: int, sent: int = 0) -> "dict[str, Any]":
    return {
        "event": "overall",
        "done_bytes": done,
        "total_bytes": 100,
        "sent_bytes": sent,
    }


def test_size_that_is_unknown_gives_no_part_and_no_time() -> None:
    run = fold(START)
    assert run.part is None and run.seconds_left is None


def test_time_left_follows_the_rate() -> None:
    run = fold(START, SIZED, overall(0), overall(10), overall(20))
    assert run.rate == 10 and run.seconds_left == 8 and run.part == 0.2


def test_rate_forgets_what_is_long_ago() -> None:
    slow = [overall(n) for n in range(10)]
    run = fold(START, SIZED, *slow, overall(29), overall(49), step=10)
    assert run.rate == 2


def test_pause_stands_still_and_its_time_is_no_part_of_the_rate() -> None:
    run = fold(START, SIZED, overall(10), {"event": "paused"})
    assert run.state == PAUSED and run.rate == 0
    assert (
        fold(START, {"event": "paused"}, {"event": "resumed"}).state == RUNNING
    )


def test_volumes_are_waiting_running_done_failed_or_skipped() -> None:
    run = fold(
        START,
        {"event": "volume-started", "volume": "a", "total_bytes": 5},
        {"event": "volume-done", "volume": "a", "error": None},
        {"event": "volume-done", "volume": "b", "error": "it is gone"},
        {"event": "volume-skipped", "volume": "c", "why": "it is excluded"},
    )
    states = {name: each.state for name, each in run.volumes.items()}
    assert states == {"a": "done", "b": "failed", "c": "skipped"}
    assert run.volumes["b"].why == "it is gone"


def test_end_is_done_failed_or_left() -> None:
    end: "dict[str, Any]" = {"event": "run-done", "volumes_failed": 0}
    assert fold(START, end).state == DONE
    assert fold(START, {**end, "volumes_failed": 1}).state == FAILED
    assert fold(START, {"event": "run-left"}).state == LEFT
    assert fold(START, end, {"event": "run-left"}).state == DONE
    told = fold(START, {"event": "error", "text": "no room"})
    assert told.state == FAILED and told.error == "no room"


def test_comparison_that_found_a_difference_is_done() -> None:
    text = "disk1.img differs: the volume is not S_1"
    end = {"event": "error", "text": text, "code": 2}
    run = fold({**START, "command": "diff", "volumes": []}, end)
    assert run.state == DONE and note_of_run(run) is None
    assert run_words.sign(run) == ("ok", GOOD)
    assert run_words.result(run) == f"Comparison is done: {text}."
    broken = fold({**START, "command": "diff"}, {**end, "code": 5})
    assert broken.state == FAILED and note_of_run(broken) is not None
    assert fold(START, end).state == FAILED, "volumes of a send failed"


def test_joiner_starts_in_the_middle() -> None:
    run = fold(overall(50))
    assert run.part == 0.5 and run.command == "send"


def test_nonsense_changes_nothing() -> None:
    run = fold(
        START,
        SIZED,
        {"event": "overall", "done_bytes": "x", "total_bytes": None},
        {"event": "nothing known"},
        {"event": ["list"]},
    )
    assert run.done_bytes == 0 and run.total_bytes == 100
