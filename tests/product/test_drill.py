# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A drill restores for real, proves what it read back, and leaves nothing."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest

from product.machine import DATA, START, Machine
from wyng_dom0.cli.main import main
from wyng_dom0.engine.restore import How, Restore
from wyng_dom0.state import scratches
from wyng_dom0.state.places import Places
from wyng_dom0.state.scratches import Scratch

CHUNK = 128 << 10
BIG = 16 << 20
RATE = "--limit-rate=4M"
WAIT = 60.0


def drilled(machine: Machine, *words: str) -> List[str]:
    said = machine.objects("drill", *words)
    return [each["volume"] for each in said if each.get("kind") == "drill"]


def session(machine: Machine, volume: str) -> Dict[str, Any]:
    (found,) = machine.objects("list", volume)
    newest: Dict[str, Any] = found["sessions"][-1]
    return newest


def scratch_folders(machine: Machine) -> List[Path]:
    return sorted(machine.images.glob(".wyng-drill-*"))


def check_nothing_is_left(machine: Machine) -> None:
    assert scratch_folders(machine) == []
    assert scratches.noted(Places(machine.state)) == []
    assert machine.run("list", "a")


def damage_chunks(machine: Machine) -> None:
    packs = (machine.backup / "a" / "packs").rglob("*.pack")
    largest = max(packs, key=lambda path: path.stat().st_size)
    with open(largest, "r+b") as file:
        file.seek(1000)
        file.write(b"rot")


@pytest.fixture
def two(kept: Machine) -> Machine:
    """Two volumes, each with one session."""
    kept.write("b", os.urandom(5 * CHUNK))
    kept.run("send", "b")
    return kept


@contextmanager
def held_drill(machine: Machine) -> "Iterator[subprocess.Popen[bytes]]":
    """A drill that has begun to write, and is paused."""
    machine.write("big", os.urandom(BIG))
    machine.run("send", "big")
    words = [f"--meta-dir={machine.state}", RATE, "drill", "big"]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", START, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environ,
    ) as process:
        try:
            wait_for(lambda: bool(scratch_folders(machine)))
            machine.run("pause")
            wait_for(lambda: is_paused(machine))
            yield process
        finally:
            process.kill()


def is_paused(machine: Machine) -> bool:
    (status,) = machine.objects("status")
    (running,) = status["running"]
    return bool(running["paused"])


def wait_for(there: "Callable[[], bool]") -> None:
    until = time.monotonic() + WAIT
    while not there():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_drilled_session_is_proven_and_nothing_is_left(kept: Machine) -> None:
    assert drilled(kept) == ["a"]
    shown = session(kept, "a")
    assert shown["proven"] and shown["proven_by"] == "drill"
    assert "PROVEN" in kept.run("status")
    check_nothing_is_left(kept)
    assert os.listdir(kept.images) == ["a"]
    assert kept.images.joinpath("a").read_bytes() == DATA


def test_one_is_drilled_that_was_not_proven_for_the_longest(
    two: Machine,
) -> None:
    two.run("verify", "a")
    assert [drilled(two) for _ in range(3)] == [["b"], ["a"], ["b"]]


def test_what_is_named_or_all_is_drilled(two: Machine) -> None:
    assert drilled(two, "a", "b") == ["a", "b"]
    assert drilled(two, "--all") == ["a", "b"]
    assert drilled(two, "--max-time=1h", "--older-than=1h") == []
    assert drilled(two, "--all", "--volex=b") == ["a"]


def test_older_session_and_another_place_can_be_named(kept: Machine) -> None:
    old = session(kept, "a")["session"]
    kept.write("a", b"new")
    kept.run("send")
    other = kept.root / "other"
    other.mkdir()
    said = kept.objects("drill", "a", f"--session={old}", f"--scratch={other}")
    (found,) = [each for each in said if each.get("kind") == "drill"]
    assert (found["session"], found["scratch"]) == (old, str(other))
    assert found["bytes"] == len(DATA)
    assert session(kept, "a")["proven"] is None
    assert list(other.iterdir()) == []


def test_damaged_session_fails_and_is_proven_no_longer(kept: Machine) -> None:
    kept.run("drill")
    damage_chunks(kept)
    said = kept.fails_among(4, "drill")
    assert "can't be had from the archive" in said
    assert session(kept, "a")["proven"] is None
    check_nothing_is_left(kept)


def test_what_comes_back_otherwise_is_no_proof(
    kept: Machine, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """A disk that gives one other byte than it took."""
    real = Restore.run

    def lying(self: Restore, path: Path, how: How) -> bool:
        done = real(self, path, how)
        with open(path, "r+b") as file:
            file.seek(CHUNK + 5)
            byte = file.read(1)
            file.seek(CHUNK + 5)
            file.write(bytes([byte[0] ^ 1]))
        return done

    monkeypatch.setattr(Restore, "run", lying)
    assert main([f"--meta-dir={kept.state}", "drill"]) == 4
    said = capsys.readouterr().err
    assert f"{len(DATA) - CHUNK} bytes at {CHUNK}" in said
    assert "that disk or this machine's memory is at fault" in said
    assert session(kept, "a")["proven"] is None
    check_nothing_is_left(kept)


def test_killed_drill_is_cleaned_up_by_the_next(kept: Machine) -> None:
    with held_drill(kept) as process:
        (folder,) = scratch_folders(kept)
        assert folder.stat().st_mode & 0o777 == 0o700
        said = kept.fails(5, "drill", "a")
        assert "in use by drill" in said
        process.kill()
        process.wait(WAIT)
    assert scratch_folders(kept) == [folder]
    assert f"A drill left {folder}: the next one" in kept.run("status")
    # No volume of the directory, whatever lies in it.
    assert "volume" not in kept.run("--dry-run", "--all", "send")
    assert drilled(kept, "a") == ["a"]
    check_nothing_is_left(kept)


@pytest.mark.parametrize("words", [(), ("--all", "--force"), ("--force",)])
def test_killed_drill_is_cleaned_up_when_asked(
    kept: Machine, words: "tuple[str, ...]"
) -> None:
    with held_drill(kept) as process:
        (folder,) = scratch_folders(kept)
        name = () if words else (str(folder),)
        if name:
            assert "takes no name" in kept.fails(9, "delete", *name, "--clean")
        else:
            kept.run("delete", *words, "--clean")
        assert folder.exists(), "it is being drilled"
        process.kill()
        process.wait(WAIT)
    assert f"delete {folder} --clean" in kept.run("status")
    asked = (*words, "delete", *name, "--clean")
    assert str(folder) in kept.run("--dry-run", *asked)
    assert folder.exists()
    assert str(folder) in kept.run(*asked)
    check_nothing_is_left(kept)
    assert "A drill left" not in kept.run("status")


def test_place_of_no_drill_is_not_removed(kept: Machine) -> None:
    mine = kept.root / "mine"
    mine.mkdir()
    place = str(mine)
    assert "takes no name" in kept.fails(9, "delete", place, "--clean")
    scratches.note(Places(kept.state), Scratch(place))
    for words in ((place,), ("--all", "--force")):
        said = kept.fails(1, "delete", *words, "--clean")
        assert "is no scratch of a drill" in said
    assert mine.exists()


def test_cancelled_drill_takes_its_scratch_along(kept: Machine) -> None:
    with held_drill(kept) as process:
        process.terminate()
        assert process.wait(WAIT) == 1
    check_nothing_is_left(kept)


def test_drill_ends_in_time_and_another_comes_first(kept: Machine) -> None:
    kept.write("big", os.urandom(BIG))
    kept.run("send", "big")
    kept.run("verify", "a")
    words = (RATE, "--max-time=1s", "drill")
    said = kept.objects(*words)
    (left,) = [each for each in said if each.get("kind") == "drill-left"]
    assert left["volumes"] == ["big", "a"]
    assert session(kept, "big")["proven"] is None
    check_nothing_is_left(kept)
    # What was tried goes behind.
    assert drilled(kept) == ["a"]


def test_full_place_is_refused_before_anything_is_written(
    kept: Machine,
) -> None:
    said = kept.fails(1, "drill", "--guard-data=1")
    assert "there is no room in" in said and "--scratch" in said
    check_nothing_is_left(kept)


def test_what_is_no_scratch_of_ours_is_left_alone(kept: Machine) -> None:
    mine = kept.root / "mine"
    mine.mkdir()
    (mine / "file").write_bytes(b"mine")
    scratches.note(Places(kept.state), Scratch(str(mine)))
    done = kept.bare(f"--meta-dir={kept.state}", "drill")
    assert done.returncode == 0
    assert "is no scratch of a drill" in done.stderr
    assert (mine / "file").read_bytes() == b"mine"


def test_what_lies_in_memory_is_said(kept: Machine) -> None:
    kept.run("drill")
    said = kept.run("--json", "--scratch=/dev/shm", "drill")
    found = [json.loads(line) for line in said.splitlines()]
    (report,) = [each for each in found if each.get("kind") == "drill"]
    assert report["cached"] == len(DATA)
    texts = [e["text"] for e in found if e.get("event") == "notice"]
    assert len(texts) == 1 and "says nothing of a disk" in texts[0]


@pytest.mark.parametrize(
    "code, words",
    [
        (9, ("--session=19990101-000000,newest",)),
        (9, ("--scratch=qubes",)),
        (6, ("--scratch=/nowhere",)),
        (6, ("nothing",)),
        (9, ("--all", "a")),
    ],
)
def test_what_can_not_be_meant_is_one_sentence(
    kept: Machine, code: int, words: "tuple[str, ...]"
) -> None:
    kept.fails(code, "drill", *words)
    check_nothing_is_left(kept)
