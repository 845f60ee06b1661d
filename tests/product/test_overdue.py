# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Missed sends are told, and only missed ones."""

from datetime import datetime, timedelta, timezone

import pytest

from product.machine import OFF, Machine
from wyng_dom0.commands.overdue import lateness, parse_every
from wyng_dom0.errors import BadInput
from wyng_dom0.state import definitions
from wyng_dom0.state.last_send import note_send, read_send
from wyng_dom0.state.places import Places

DAY = timedelta(days=1)


@pytest.fixture
def archive(machine: Machine) -> Machine:
    """An archive with two volumes, sent once."""
    machine.write("a.img", b"a" * 1000)
    machine.write("b.img", b"b" * 1000)
    machine.init(*OFF)
    machine.run("send", "a.img", "b.img")
    return machine


def set_back(machine: Machine, age: timedelta) -> None:
    """Let the last whole send be so old."""
    places = Places(machine.state)
    then = datetime.now(timezone.utc) - age
    for definition in definitions.list_definitions(places):
        note_send(places, definition.archive, then)


def age_of(machine: Machine) -> timedelta:
    places = Places(machine.state)
    began = read_send(places, definitions.load_default(places).archive)
    assert began is not None
    return datetime.now(timezone.utc) - began


def test_missed_sends_are_an_error(archive: Machine) -> None:
    assert "last whole send 20" in archive.run("overdue")
    set_back(archive, timedelta(hours=49))
    said = archive.fails(1, "--quiet", "overdue")
    assert said == (
        "the archive 'a' is overdue: its last whole send was 2 days ago"
    )
    archive.run("--every=2d", "overdue")
    archive.run("send")
    archive.run("overdue")


def test_unchanged_volumes_count_as_sent(archive: Machine) -> None:
    set_back(archive, 5 * DAY)
    assert "no change" in archive.run("send")
    assert age_of(archive) < DAY


@pytest.mark.parametrize(
    "words, is_whole",
    [
        (("send", "a.img", "b.img"), True),
        (("send", "--all"), True),
        (("send", "a.img"), False),
        (("--dry-run", "send"), False),
        (("--volex=b.img", "send", "a.img"), True),
    ],
)
def test_only_a_whole_send_counts(
    archive: Machine, words: "tuple[str, ...]", is_whole: bool
) -> None:
    set_back(archive, 5 * DAY)
    archive.run(*words)
    assert (age_of(archive) < DAY) is is_whole


def test_failed_volume_does_not_count(archive: Machine) -> None:
    set_back(archive, 5 * DAY)
    (archive.images / "b.img").unlink()
    archive.run("send", code=2)
    assert age_of(archive) > DAY


def test_config_lets_every_command_warn(archive: Machine) -> None:
    config = archive.root / "config.yaml"
    config.write_text("every: 1h\n")
    words = (f"--meta-dir={archive.state}", f"--config={config}", "list")
    assert archive.bare(*words).stderr == ""
    set_back(archive, timedelta(hours=3))
    assert "is overdue" in archive.bare(*words).stderr
    config.write_text("")
    assert archive.bare(*words).stderr == ""


def test_no_key_and_no_destination_are_needed(archive: Machine) -> None:
    archive.backup.rename(archive.root / "elsewhere")
    archive.run("overdue")


def test_archive_never_sent_to_is_overdue_from_its_making(
    machine: Machine,
) -> None:
    machine.init(*OFF)
    places = Places(machine.state)
    definition = definitions.load_default(places)
    made = definition.created
    assert not lateness(places, definition, DAY, made + 2 * DAY)
    assert "never" in lateness(places, definition, DAY, made + 3 * DAY)
    # Noted by a clock that ran ahead: no send can be told from it.
    note_send(places, definition.archive, made + 1000 * DAY)
    assert "never" in lateness(places, definition, DAY, made + 3 * DAY)
    places.last_send(definition.archive).write_bytes(b"\xff2026")
    assert read_send(places, definition.archive) is None


@pytest.mark.parametrize(
    "text, length",
    [("30m", DAY / 48), ("12h", DAY / 2), ("1d", DAY), ("2w", 14 * DAY)],
)
def test_every_is_a_number_and_a_unit(text: str, length: timedelta) -> None:
    assert parse_every(text) == length


@pytest.mark.parametrize("text", ["", "0d", "1", "d", "1.5d", "1y", "99999d"])
def test_every_refuses_what_is_no_time(text: str) -> None:
    with pytest.raises(BadInput, match="--every takes"):
        parse_every(text)
