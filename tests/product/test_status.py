# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`status` tells all that is known here, with nothing in reach."""

import shutil
from typing import Any

from product.machine import Machine


def told(machine: Machine, *words: str) -> "dict[str, Any]":
    (report,) = machine.objects("status", *words)
    return report


def test_status_tells_of_archives_and_the_room_they_have(
    kept: Machine,
) -> None:
    before = told(kept)
    (archive,) = before["archives"]
    assert archive["name"] == "a"
    assert archive["destination"] == kept.dest()
    assert archive["source"] == str(kept.images)
    assert archive["every"] == 86400 and not archive["overdue"]
    assert archive["last_send"] and archive["next_run"] is None
    assert archive["last_head"].startswith("2-")
    assert archive["proven"] is None
    kept.run("verify", "a")
    assert told(kept)["archives"][0]["proven"] > archive["last_send"]
    space = archive["space"]
    assert 0 < space["used"] < space["free"] <= space["total"]
    assert before["running"] == [] and before["problems"] == []
    text = kept.run("status")
    assert archive["last_head"] in text and "Nothing is running" in text


def test_status_needs_no_destination_and_no_source(kept: Machine) -> None:
    shutil.rmtree(kept.backup)
    shutil.rmtree(kept.images)
    found = told(kept)
    assert found["archives"][0]["space"]["free"] > 0
    (problem,) = found["problems"]
    assert str(kept.images) in problem
    assert f"Not told: {problem}." in kept.run("status")


def test_status_of_a_new_machine_is_empty(machine: Machine) -> None:
    found = told(machine)
    assert found.pop("kind") == "status"
    assert found.pop("requests") == 0
    assert set(map(len, found.values())) == {0}
    assert "arch-init makes one" in machine.run("status")
    assert not machine.state.exists()


def test_every_archive_and_source_is_shown_once(kept: Machine) -> None:
    kept.init("--encrypt=off", name="b")
    found = told(kept)
    assert [each["name"] for each in found["archives"]] == ["a", "b"]
    assert found["archives"][1]["last_send"] is None
    only = told(kept, "--archive=b")
    assert [each["name"] for each in only["archives"]] == ["b"]
    assert "no archive named 'c'" in kept.fails(6, "--archive=c", "status")


def test_default_of_the_config_hides_no_other_archive(kept: Machine) -> None:
    kept.init("--encrypt=off", name="b")
    config = kept.root / "config.yaml"
    config.write_text("archive: b\n")
    given = f"--config={config}"
    assert "b" in kept.run(given, "list")
    for words in (("status",), ("overview",)):
        (found,) = kept.objects(given, *words)
        assert [each["name"] for each in found["archives"]] == ["a", "b"]
        (found,) = kept.objects(given, "--archive=b", *words)
        assert [each["name"] for each in found["archives"]] == ["b"]
    assert len(kept.run(given, "overdue").splitlines()) == 2


def test_overdue_archive_is_told(kept: Machine) -> None:
    (archive,) = told(kept, "--every=2h")["archives"]
    assert archive["every"] == 7200 and not archive["overdue"]
    for note in (kept.state / "sent").iterdir():
        note.write_text("2026-01-01T00:00:00+00:00")
    (archive,) = told(kept)["archives"]
    assert archive["overdue"] and "OVERDUE" in kept.run("status")


def test_damaged_notes_are_no_error(kept: Machine) -> None:
    for folder in ("space", "sent"):
        for note in (kept.state / folder).iterdir():
            note.write_bytes(b"\xff[")
    for pin in (kept.state / "heads").iterdir():
        pin.write_bytes(b"{}")
    found = told(kept)
    (archive,) = found["archives"]
    assert archive["space"] is None and archive["last_send"] is None
    assert archive["last_head"] is None
    assert "damaged" in found["problems"][0]
