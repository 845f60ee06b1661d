# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`overview` tells how every volume stands, with nothing in reach."""

import shutil
from typing import Any

from product.machine import DATA, Machine


def told(machine: Machine, *words: str) -> "dict[str, Any]":
    (report,) = machine.objects("overview", *words)
    return report


def states(machine: Machine) -> "dict[str, str]":
    return {each["volume"]: each["state"] for each in told(machine)["volumes"]}


def backup(machine: Machine, volume: str) -> "dict[str, Any]":
    (found,) = [
        each
        for row in told(machine)["volumes"]
        if row["volume"] == volume
        for each in row["backups"]
    ]
    return dict(found)


def test_all_is_told_with_neither_archive_nor_source_in_reach(
    kept: Machine,
) -> None:
    before = told(kept)
    shutil.rmtree(kept.backup)
    shutil.rmtree(kept.images)
    after = told(kept)
    (row,) = before["volumes"]
    assert (row["state"], row["present"], row["size"]) == ("ok", True, 200_000)
    (backup,) = row["backups"]
    assert backup["planned"] and backup["sessions"] == 1
    assert backup["newest"] and backup["size"] == 200_000 and backup["sent"]
    (gone,) = after["volumes"]
    assert gone == {**row, "present": None}
    assert str(kept.images) in after["problems"][0]
    assert "ok" in kept.run("overview")


def test_states_follow_what_becomes_of_volumes(kept: Machine) -> None:
    kept.write("b", DATA[:9])
    assert states(kept) == {"a": "ok", "b": "never"}
    assert not backup(kept, "b")["planned"]
    (kept.images / "a").rename(kept.images / "aside")
    kept.run("send", "b")
    kept.fails_among(2, "send")
    assert states(kept) == {"a": "missing", "aside": "never", "b": "ok"}
    failed = backup(kept, "a")
    assert failed["failed"] and "no volume 'a'" in failed["error"]
    (kept.images / "aside").rename(kept.images / "a")
    assert states(kept)["a"] == "failed"
    assert "no volume 'a'" in kept.run("overview")
    kept.run("send")
    assert states(kept) == {"a": "ok", "b": "ok"}
    assert backup(kept, "a")["sent"] > failed["sent"]
    for note in (kept.state / "tried").iterdir():
        text = note.read_text()
        note.write_text(text.replace(': "202', ': "201'))
    for note in (kept.state / "seen").iterdir():
        note.write_text(note.read_text().replace('"202', '"201'))
    assert states(kept) == {"a": "overdue", "b": "overdue"}


def test_archive_that_was_just_made_has_sent_nothing(machine: Machine) -> None:
    machine.write("a", DATA)
    machine.init("--encrypt=off")
    assert states(machine) == {"a": "never"}
    assert told(machine)["seen"][0]["seen_at"]


def test_archive_that_was_taken_over_is_known_at_once(kept: Machine) -> None:
    kept.init("--encrypt=off", name="b")
    url = kept.dest()
    other = Machine(kept.root / "other")
    other.run(f"--from={url}", f"--local={kept.images}", "arch-init")
    (row,) = told(other)["volumes"]
    assert row["state"] == "ok" and row["backups"][0]["sent"] is None


def test_rename_delete_and_prune_are_followed(kept: Machine) -> None:
    kept.write("a", DATA + b"2")
    kept.run("send")
    assert backup(kept, "a")["sessions"] == 2
    kept.run("prune", "--keep-last=1", "--force")
    assert backup(kept, "a")["sessions"] == 1
    kept.run("rename", "a", "z")
    (kept.images / "a").rename(kept.images / "z")
    assert states(kept) == {"z": "ok"} and backup(kept, "z")["sent"]
    kept.run("delete", "z", "--force")
    assert states(kept) == {"z": "never"}


def test_proof_is_told_and_only_of_a_session_that_is_there(
    kept: Machine,
) -> None:
    assert backup(kept, "a")["proven"] is None
    kept.run("verify", "a")
    found = backup(kept, "a")
    assert found["proven"] and found["proven_session"] == found["newest"]
    kept.write("a", DATA[::-1])
    kept.run("send")
    again = backup(kept, "a")
    assert again["proven_session"] == found["newest"] != again["newest"]
    kept.run("prune", f"--session={found['newest']}", "--force")
    assert backup(kept, "a")["proven"] is None


def test_every_archive_has_its_row(kept: Machine) -> None:
    kept.init("--encrypt=off", name="b")
    (row,) = told(kept)["volumes"]
    assert [each["archive"] for each in row["backups"]] == ["a", "b"]
    assert [each["state"] for each in row["backups"]] == ["ok", "never"]
    assert row["state"] == "ok"
    (only,) = told(kept, "--archive=b")["volumes"]
    assert only["state"] == "never"


def test_machine_without_archives_has_nothing_to_tell(machine: Machine) -> None:
    found = told(machine)
    assert found.pop("kind") == "overview"
    assert set(map(len, found.values())) == {0}
    assert "No volume is known here" in machine.run("overview")
    assert not machine.state.exists()


def test_choice_stays_until_it_is_made_anew(kept: Machine) -> None:
    kept.write("b", DATA[:9])
    kept.write("tmp-1", DATA[:9])
    kept.run("send", "tmp-1")
    kept.run("exclude", "tmp-*")
    kept.run("include", "b")
    assert states(kept) == {"a": "ok", "b": "never", "tmp-1": "excluded"}
    assert backup(kept, "b")["planned"]
    assert not backup(kept, "tmp-1")["planned"]
    kept.write("tmp-1", DATA[:10])
    kept.run("send")
    assert kept.volumes() == {"a": 1, "b": 1, "tmp-1": 1}
    assert not told(kept)["archives"][0]["overdue"]
    kept.run("send", "tmp-1")
    assert kept.volumes()["tmp-1"] == 2, "naming it takes it"
    (said,) = kept.objects("include", "tmp-*")
    assert said["included"] == ["b"] and said["excluded"] == []
    assert states(kept)["tmp-1"] == "ok"


def test_choice_of_what_is_not_there_is_told(kept: Machine) -> None:
    assert "no volume 'c'" in kept.fails(6, "include", "c")
    assert "no volume 'c*'" in kept.fails(6, "include", "c*")
    done = kept.bare(f"--meta-dir={kept.state}", "exclude", "c")
    assert done.returncode == 0 and "called 'c' now" in done.stderr
    kept.run("exclude", "a")
    assert "left out by choice" in kept.fails(9, "send")


def test_damaged_choice_stops_a_send_and_not_the_overview(
    kept: Machine,
) -> None:
    kept.run("exclude", "a")
    for path in (kept.state / "choices").iterdir():
        path.write_text("{")
    assert "is damaged" in kept.fails(9, "send")
    assert "is damaged" in told(kept)["problems"][0]


def test_nothing_is_left_of_an_archive_that_was_deleted(kept: Machine) -> None:
    kept.run("exclude", "a")
    kept.run("arch-delete", "--force")
    left = [p for p in kept.state.rglob("*.json") if p.is_file()]
    assert left == []


def test_list_that_can_note_nothing_lists_all_the_same(kept: Machine) -> None:
    seen = kept.state / "seen"
    shutil.rmtree(seen)
    seen.write_text("in the way")
    done = kept.bare(f"--meta-dir={kept.state}", "list")
    assert done.returncode == 0 and "a" in done.stdout
    assert "can't be noted here" in done.stderr
