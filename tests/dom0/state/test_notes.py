# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Notes about archives: read back as written, damaged as none."""

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from wyng_common.ids import ArchiveId
from wyng_dom0.errors import BadInput
from wyng_dom0.state import choices, seen_volumes, tried_sends
from wyng_dom0.state.choices import Choices, choose, read_choices
from wyng_dom0.state.places import Places
from wyng_dom0.state.seen_volumes import (
    Seen,
    SeenVolume,
    note_seen,
    read_seen,
)
from wyng_dom0.state.tried_sends import Tried, note_tried, read_tried

ID = ArchiveId(b"a" * 16)
NOW = datetime(2026, 11, 26, 12, tzinfo=timezone(timedelta(hours=1)))
URL = "internal:/x"
VOLUMES = (
    SeenVolume("ab" * 16, "näme", 2, "20261126-120000", 7, NOW, 5, "cd" * 32),
    SeenVolume("cd" * 16, "empty", 0),
)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "state")


def test_what_was_seen_is_read_back(places: Places) -> None:
    assert read_seen(places, ID, URL) is None
    note_seen(places, ID, URL, Seen(4, NOW, VOLUMES))
    assert read_seen(places, ID, URL) == Seen(4, NOW, VOLUMES)
    assert read_seen(places, ID, "internal:/y") is None
    seen_volumes.forget(places, ID, URL)
    assert read_seen(places, ID, URL) is None


def test_what_was_seen_later_is_not_noted_over(places: Places) -> None:
    """A list that began before a send and ends behind it."""
    note_seen(places, ID, URL, Seen(4, NOW, VOLUMES))
    note_seen(places, ID, URL, Seen(3, NOW, ()))
    assert read_seen(places, ID, URL) == Seen(4, NOW, VOLUMES)
    note_seen(places, ID, URL, Seen(4, NOW, ()))
    assert read_seen(places, ID, URL) == Seen(4, NOW, ())


def test_failure_stays_until_a_send_goes_through(places: Places) -> None:
    later = NOW + timedelta(hours=1)
    note_tried(places, ID, NOW, {}, ["a", "b"], ["a", "b"])
    note_tried(places, ID, later, {"b": "x" * 900}, ["a"], ["a", "b"])
    found = read_tried(places, ID)
    assert found["a"] == Tried(sent=later)
    assert found["b"] == Tried(NOW, later, "x" * tried_sends.ERROR_MAX)
    note_tried(places, ID, later, {}, ["b"], ["b"])
    assert read_tried(places, ID) == {"b": Tried(sent=later)}
    tried_sends.follow_rename(places, ID, "b", "c")
    assert read_tried(places, ID) == {"c": Tried(sent=later)}


def test_last_choice_of_a_name_counts(places: Places) -> None:
    assert read_choices(places, ID) == choices.NONE
    choose(places, ID, ["a"], ["b", "c*"])
    choose(places, ID, ["b"], ["a"])
    assert read_choices(places, ID) == Choices(("b",), ("a", "c*"))
    choose(places, ID, dropped=["b", "c*"])
    assert read_choices(places, ID) == Choices((), ("a",))


def test_too_many_choices_are_refused(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choices, "NAMES_MAX", 3)
    choose(places, ID, ["a"], ["b", "c"])
    with pytest.raises(BadInput, match="at most 3"):
        choose(places, ID, ["d"])
    assert read_choices(places, ID) == Choices(("a",), ("b", "c"))


DAMAGE = [b"", b"[", b"[]", b"{}", b'{"volumes": 3}', b'{"included": [1]}']


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_notes_are_none_and_damaged_choices_are_told(
    places: Places, damage: bytes
) -> None:
    note_seen(places, ID, URL, Seen(4, NOW, VOLUMES))
    note_tried(places, ID, NOW, {}, ["a"], [])
    choose(places, ID, (), ["a"])
    for path in places.root.glob("*/*.json"):
        path.write_bytes(damage)
    assert read_seen(places, ID, URL) is None
    assert read_tried(places, ID) == {}
    with pytest.raises(BadInput, match="is damaged"):
        read_choices(places, ID)
    note_seen(places, ID, URL, Seen(1, NOW, VOLUMES))
    assert read_seen(places, ID, URL) == Seen(1, NOW, VOLUMES)
