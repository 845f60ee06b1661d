# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What an archive came to over time is noted as it changes."""

import json
import shutil
from typing import Any

from product.machine import DATA, Machine


def sizes(machine: Machine, *words: str) -> "list[dict[str, Any]]":
    (report,) = machine.objects("history", *words)
    return list(report["sizes"])


def test_each_send_that_brought_something_is_a_row(kept: Machine) -> None:
    (first,) = sizes(kept)
    assert first["sessions"] == 1 and first["newest"] == len(DATA)
    assert first["used"] >= first["live"] > 0 < first["free"] <= first["total"]
    assert first["plain"] >= len(DATA) and first["logical"] is None
    kept.run("send")
    assert sizes(kept) == [first], "nothing was new"
    kept.write("b", DATA[::-1])
    kept.run("send", "b")
    _, second = sizes(kept)
    assert second["sessions"] == 2 and second["newest"] == 2 * len(DATA)
    assert second["at"] > first["at"] and second["used"] > first["used"]
    kept.run("list")
    assert len(sizes(kept)) == 2
    kept.run("list", "--verbose")
    assert sizes(kept)[-1]["logical"] == 2 * len(DATA)
    shutil.rmtree(kept.backup)
    assert len(sizes(kept)) == 3
    assert "SESSIONS" in kept.run("history")


def test_day_later_the_same_is_noted_again(kept: Machine) -> None:
    (path,) = (kept.state / "history").iterdir()
    values = json.loads(path.read_text())
    values["sizes"][0]["at"] = "2026-01-01T00:00:00+00:00"
    path.write_text(json.dumps(values))
    kept.run("send")
    assert len(sizes(kept)) == 2


def test_archive_without_a_past_has_none(machine: Machine) -> None:
    machine.init("--encrypt=off")
    assert sizes(machine) == []
    assert "Nothing is noted" in machine.run("history")
    assert "no archive named 'c'" in machine.fails(6, "--archive=c", "history")


def test_damaged_rows_are_passed_over(kept: Machine) -> None:
    (path,) = (kept.state / "history").iterdir()
    values = json.loads(path.read_text())
    values["sizes"] = [3, {}, {"at": "x"}, *values["sizes"]]
    path.write_text(json.dumps(values))
    assert len(sizes(kept)) == 1
    path.write_text("[")
    assert sizes(kept) == []
    kept.write("a", DATA[:5])
    kept.run("send")
    assert len(sizes(kept)) == 1


def test_past_of_a_deleted_archive_goes(kept: Machine) -> None:
    kept.run("arch-delete", "--force")
    assert not list((kept.state / "history").iterdir())
