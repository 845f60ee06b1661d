# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a backup qube types: a sentence, a code, and one call of qrexec."""

import os
import subprocess
import sys
from pathlib import Path
from typing import List

import pytest

from asking.rig import Rig
from qrexec_stand_in.qubes import ROOT

PROGRAMS = ("wyng-request-restore", "wyng-ready")


def typed(
    folder: "Path | str", *words: str
) -> "subprocess.CompletedProcess[str]":
    """A program of the VM side, with that folder's qrexec-client-vm."""
    start = "import sys, runpy; sys.argv[:] = sys.argv[1:];"
    return subprocess.run(
        [
            sys.executable,
            "-c",
            f"{start} runpy.run_path(sys.argv[0], " "run_name='__main__')",
            str(ROOT / "backupvm" / words[0]),
            *words[1:],
        ],
        env={
            "PATH": f"{folder}:/usr/bin:/bin",
            "PYTHONPATH": os.pathsep.join(sys.path),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_what_is_asked_for_is_filed(allowed: Rig) -> None:
    folder = allowed.qubes.client_of("backup")
    done = typed(folder, PROGRAMS[0], "work", "20261101-120000")
    assert (done.returncode, done.stderr) == (0, "")
    assert "handed over" in done.stdout and "does not say" in done.stdout
    # Decided about by a process of its own, which ends before long.
    while not allowed.asked():
        pass
    assert allowed.asked()[0].session == "20261101-120000"


def test_disk_that_is_here_starts_a_send(allowed: Rig) -> None:
    done = typed(allowed.qubes.client_of("backup"), PROGRAMS[1], "mine")
    assert done.returncode == 0 and "mine is ready" in done.stdout
    while not allowed.dom0.lines("told"):
        pass
    assert "qvm-wyng-send@laptop.service" in allowed.dom0.lines("told")[0]


@pytest.mark.parametrize("program", PROGRAMS)
def test_refusal_is_told_with_what_to_do(rig: Rig, program: str) -> None:
    done = typed(rig.qubes.client_of("work"), program, "work")
    assert done.returncode == 1 and "requests allow" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        [PROGRAMS[0]],
        [PROGRAMS[0], "dom0"],
        [PROGRAMS[0], "a/b"],
        [PROGRAMS[0], "-x"],
        [PROGRAMS[0], "work", "yesterday"],
        [PROGRAMS[0], "work", "20261101-120000", "more"],
        [PROGRAMS[1]],
        [PROGRAMS[1], "a+b"],
        [PROGRAMS[1], "--help"],
        [PROGRAMS[1], "a" * 65],
    ],
)
def test_bad_words_call_nobody(tmp_path: Path, words: "List[str]") -> None:
    done = typed(tmp_path, *words)
    assert done.returncode == 9 and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "script", ["exit 125", "exit 255", "exit 0", "printf ab", "exit 127"]
)
def test_call_that_broke_off_is_told(tmp_path: Path, script: str) -> None:
    client = tmp_path / "qrexec-client-vm"
    client.write_text(f"#!/bin/sh\n{script}\n")
    client.chmod(0o755)
    done = typed(tmp_path, PROGRAMS[1], "mine")
    assert done.returncode == 5 and "broke off" in done.stderr


def test_elsewhere_than_in_a_qube_is_told(tmp_path: Path) -> None:
    done = typed(tmp_path, PROGRAMS[0], "work")
    assert done.returncode == 5 and "no qube" in done.stderr
