# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a command cost includes its descendants."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from side_by_side.processes import (
    LARGEST,
    Command,
    CommandFailed,
    descendants,
    parse_memory,
    program_name,
    run,
)

BURN = """
import time
end = time.process_time() + 0.2
while time.process_time() < end:
    pass
"""
PARENT = (
    "import subprocess, sys; subprocess.run([sys.executable, *sys.argv[1:]])"
)


def test_processor_time_of_a_grandchild_counts(tmp_path: Path) -> None:
    words = (sys.executable, "-c", PARENT, "-c", BURN)
    spent = run(Command(words), tmp_path / "log", sample=True)
    assert spent.cpu >= 0.2 and spent.wall > 0
    assert spent.peaks[LARGEST] > 1 << 20


def test_failure_says_the_last_line(tmp_path: Path) -> None:
    words = ("sh", "-c", "echo first; echo the reason; exit 3")
    with pytest.raises(CommandFailed, match="with 3: the reason"):
        run(Command(words), tmp_path / "log")


def test_expected_failure_is_none(tmp_path: Path) -> None:
    words = ("sh", "-c", "echo said; exit 3")
    spent = run(Command(words, accepted=(3,)), tmp_path / "log")
    assert spent.output == "said\n"


def test_environment_is_added_to(tmp_path: Path) -> None:
    command = Command(("sh", "-c", 'echo "$A $PWD"'), tmp_path, {"A": "b"})
    assert run(command, tmp_path / "log").output == f"b {tmp_path}\n"


def test_descendants_are_found_and_ended_ones_are_not() -> None:
    child = subprocess.Popen(["sleep", "60"])
    try:
        assert child.pid in descendants(os.getpid())
    finally:
        child.kill()
        child.wait()
    assert child.pid not in descendants(os.getpid())


@pytest.mark.parametrize(
    "line, name",
    [
        ("/usr/bin/python3 /v/bin/wyng-store serve", "wyng-store"),
        ("/usr/bin/python3 -Es /usr/bin/borg create", "borg"),
        ("restic backup", "restic"),
        ("python3", "python3"),
        ("", ""),
    ],
)
def test_program_is_named_through_its_interpreter(line: str, name: str) -> None:
    assert program_name(line.split()) == name


def test_memory_is_read_in_bytes() -> None:
    words = "Name: a VmHWM: 20 kB VmRSS: 10 kB".split()
    assert parse_memory(words) == (20 << 10, 10 << 10)
    assert parse_memory([]) == (0, 0)


def test_compiled_modules_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    said = "import sys; print(sys.dont_write_bytecode)"
    spent = run(Command((sys.executable, "-c", said)), tmp_path / "log")
    assert spent.output == "False\n"
