# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""How far all of a run is, and what a late joiner is told of it."""

from wyng_dom0 import events
from wyng_dom0.events import Overall
from wyng_dom0.runs.picture import Object, Picture
from wyng_dom0.runs.tally import Tally

STORY: "list[events.Event]" = [
    events.RunStarted("send", "laptop", ("a", "b"), run="send-000000"),
    events.RunSized(30),
    events.VolumeStarted("a", 10),
    events.Progress("a", 4, 10, 2),
    events.VolumeDone("a", 10, 10, 3),
    events.VolumeStarted("b", 20),
    events.Progress("b", 5, 20, 1),
]


def told(story: "list[events.Event]") -> "list[Overall | None]":
    tally = Tally()
    return [tally.take(event) for event in story]


def test_all_volumes_are_counted_with_their_sizes() -> None:
    assert told(STORY) == [
        Overall(0, 0, 0, 0, 2),
        Overall(0, 30, 0, 0, 2),
        Overall(0, 30, 0, 0, 2),
        Overall(4, 30, 2, 0, 2),
        Overall(10, 30, 2, 1, 2),
        Overall(10, 30, 2, 1, 2),
        Overall(15, 30, 3, 1, 2),
    ]


def test_sizes_that_nobody_told_are_unknown_until_the_last_begins() -> None:
    story = [each for each in STORY if not isinstance(each, events.RunSized)]
    totals = [each.total_bytes for each in told(story) if each]
    assert totals == [0, 0, 0, 0, 30, 30]


def test_failed_volume_counts_as_done() -> None:
    story = [*STORY, events.VolumeDone("b", error="it is gone")]
    assert told(story)[-1] == Overall(30, 30, 3, 2, 2)
    early = [*STORY[:2], events.VolumeDone("a", error="it is gone")]
    assert told(early)[-1] == Overall(0, 30, 0, 1, 2)


def test_run_that_told_no_beginning_has_no_whole() -> None:
    assert told(STORY[2:]) == [None] * 5


def test_what_is_no_progress_changes_nothing() -> None:
    notes = [events.Notice("x"), events.VolumeSkipped("c", "it is new")]
    assert told([*STORY, *notes])[-2:] == [None, None]


def picture(story: "list[events.Event]") -> "list[Object]":
    drawn = Picture()
    for event in story:
        drawn.take(dict(events.to_dict(event)))
    return list(drawn.objects())


def kinds(story: "list[events.Event]") -> "list[object]":
    return [each["event"] for each in picture(story)]


def test_late_joiner_is_told_how_it_stands() -> None:
    assert kinds(STORY) == [
        "run-started",
        "run-sized",
        "volume-done",
        "volume-started",
        "progress",
    ]
    assert picture(STORY)[-1]["volume"] == "b"
    done = [*STORY, events.VolumeDone("b", 20)]
    assert kinds(done)[2:] == ["volume-done", "volume-done"]


def test_late_joiner_learns_of_a_pause_until_it_is_over() -> None:
    paused = [*STORY, events.Paused("send-000000")]
    assert kinds(paused)[-1] == "paused"
    assert "paused" not in kinds([*paused, events.Resumed("send-000000")])


def test_what_is_kept_for_late_joiners_is_bounded() -> None:
    story: "list[events.Event]" = []
    for number in range(10_000):
        story += [
            events.VolumeStarted(str(number), 1),
            events.Notice(str(number)),
            events.VolumeDone(str(number)),
        ]
    found = picture(story)
    assert len(found) < 5_000
    assert found[-1]["volume"] == "9999"
