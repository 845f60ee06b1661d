# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`probe` tells what is at a place, and leaves it as it is."""

import json
import os
from typing import Any

import pytest

from product.machine import DATA, OFF, Machine


def probed(machine: Machine, *words: str, code: int = 0) -> "dict[str, Any]":
    out = machine.run("--json", *words, "probe", code=code)
    return machine.parsed(out, "probe")


def test_free_place_is_told_with_its_room_and_left_alone(
    machine: Machine,
) -> None:
    report = probed(machine, f"--dest={machine.dest()}/")
    place = report["destination"]
    assert place["state"] == "free" and place["problem"] == ""
    assert place["url"] == machine.dest() and place["known_as"] is None
    assert 0 < place["free"] <= place["total"]
    assert list(machine.backup.iterdir()) == [] and report["source"] is None


def test_archive_is_told_by_the_name_it_has_here(machine: Machine) -> None:
    machine.init(*OFF)
    place = probed(machine, f"--dest={machine.dest()}")["destination"]
    assert (place["state"], place["known_as"]) == ("archive", "a")


def test_directory_in_use_is_refused(machine: Machine) -> None:
    folder = machine.backup / "a"
    folder.mkdir()
    (folder / "letter.txt").write_text("mine")
    place = probed(machine, f"--dest={machine.dest()}", code=1)["destination"]
    assert place["state"] == "in use" and "other files" in place["problem"]
    assert os.listdir(folder) == ["letter.txt"]
    folder.joinpath("letter.txt").unlink()
    probed(machine, f"--dest={machine.dest()}")


@pytest.mark.parametrize(
    "dest, code, sentence",
    [
        ("internal:/nowhere/at/all", 5, "is its disk mounted"),
        ("internal:relative", 9, "absolute path"),
        ("nonsense", 9, "not of the form"),
        ("ssh://-oProxyCommand=x/y", 9, "not of the form"),
    ],
)
def test_bad_place_is_a_sentence_and_a_code(
    machine: Machine, dest: str, code: int, sentence: str
) -> None:
    place = probed(machine, f"--dest={dest}", code=code)["destination"]
    assert sentence in place["problem"] and place["state"] == "unknown"


def test_source_tells_its_volumes_with_sizes(machine: Machine) -> None:
    machine.write("b", DATA)
    machine.write("sub/a", b"x")
    source = probed(machine, f"--local={machine.images}")["source"]
    assert source["volumes"] == [
        {"name": "b", "size": len(DATA), "included": True},
        {"name": "sub/a", "size": 1, "included": True},
    ]


def test_source_without_volumes_is_refused(machine: Machine) -> None:
    probed(machine, f"--local={machine.images}", code=1)
    out = machine.run("--json", "--local=/nowhere", "probe", code=6)
    assert "nowhere" in machine.parsed(out, "probe")["source"]["problem"]
    assert json.loads(out.splitlines()[-1])["event"] == "error"


def test_probe_of_nothing_tells_whether_there_are_qubes(
    machine: Machine,
) -> None:
    assert "no qubes here" in machine.run("probe")
    nothing = {"destination": None, "source": None}
    told = {"kind": "probe", "qubes": False, "timers": False}
    assert probed(machine) == {**told, **nothing}


def test_terminal_is_told_in_words(machine: Machine) -> None:
    machine.write("b", DATA)
    words = [f"--dest={machine.dest()}", f"--local={machine.images}"]
    said = machine.run(*words, "probe")
    assert "a new archive can be made there" in said and "1 volume" in said
