# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Events as JSON, and errors as what they carry."""

import json
import re

import pytest

from wyng_common.errors import WyngError
from wyng_dom0 import errors, events


@pytest.mark.parametrize(
    "event",
    [
        events.RunStarted("send", "laptop", ("a", "b"), "20261123-101500"),
        events.VolumeStarted("a", 10),
        events.RunSized(10),
        events.Progress("a", 1, 2, 3),
        events.Overall(1, 2, 3, 0, 1),
        events.VolumeSkipped("c", "it was never sent"),
        events.Paused("send-4f2a19"),
        events.Resumed("send-4f2a19"),
        events.VolumeDone("a", 10, 5, 3, error="no room"),
        events.Notice("x"),
        events.Warning_("y"),
        events.RunDone("send", "laptop"),
    ],
)
def test_event_becomes_one_json_object(event: events.Event) -> None:
    line = json.dumps(events.to_dict(event))
    assert "\n" not in line
    assert json.loads(line)["event"]
    assert events.from_dict(json.loads(line)) == event


@pytest.mark.parametrize(
    "told",
    [
        {"event": "frobnicated"},
        {"event": "error", "text": "x", "code": 1},
        {"event": "progress", "volume": "a"},
        {},
    ],
)
def test_what_is_no_event_of_ours_is_none(told: "dict[str, object]") -> None:
    assert events.from_dict(told) is None


def test_what_a_newer_version_adds_is_passed_over() -> None:
    told = {"event": "notice", "text": "x", "colour": "red", "run": "send-1"}
    assert events.from_dict(told) == events.Notice("x")


def test_every_event_has_a_name_of_its_own() -> None:
    kinds = events._NAMES
    assert len(set(kinds.values())) == len(kinds) == 12


def test_error_carries_what_it_is_about() -> None:
    error = errors.NotFound("there is no volume 'a'", about="a")
    assert error.about == "a" and str(error) == "there is no volume 'a'"


def test_some_volumes_failed_names_them() -> None:
    error = errors.SomeVolumesFailed((("a", "x"), ("b", "y")))
    assert "2 volume(s) failed: a, b" in str(error)
    assert error.failed[1] == ("b", "y")


def test_every_error_is_of_the_one_tree() -> None:
    kinds = [v for v in vars(errors).values() if isinstance(v, type)]
    own = [k for k in kinds if k.__module__ == "wyng_dom0.errors"]
    drawn = re.findall(r"[├└] (\w+)", errors.__doc__ or "")
    assert sorted(k.__name__ for k in own) == sorted(drawn)
    assert all(issubclass(kind, WyngError) for kind in own)
