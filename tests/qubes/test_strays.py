# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Whose snapshots are looked for: none that another state made.

Two users of one machine, or a test and a daily run, back up the same volumes
with states that know nothing of each other.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from product.machine import OFF, START, Machine

MIB = 1 << 20
WAIT = 60.0


@pytest.fixture
def two(disk: Path, tmp_path: Path) -> "Iterator[tuple[Machine, Machine]]":
    """Two states, an archive each, of one folder of two images."""
    images = disk / "images"
    images.mkdir()
    for name in ("a", "b"):
        (images / name).write_bytes(os.urandom(8 * MIB))
    made = []
    for each in ("one", "other"):
        machine = Machine(tmp_path / each)
        machine.images = images
        machine.init(*OFF)
        made.append(machine)
    yield made[0], made[1]
    for path in [*images.iterdir()]:
        path.unlink()
    images.rmdir()


def kept(machine: Machine) -> "set[str]":
    return {each.name for each in machine.images.glob(".*.wyng-kept-*")}


@contextmanager
def held_send(machine: Machine) -> "Iterator[subprocess.Popen[bytes]]":
    """A send that has its snapshots, and is paused while it reads."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", START, f"--meta-dir={machine.state}"),
            *("--limit-rate=1M", "send", "a", "b"),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    with process:
        try:
            until = time.monotonic() + WAIT
            while len(kept(machine)) < 2:
                assert time.monotonic() < until and process.poll() is None
            machine.run("pause")
            yield process
        finally:
            process.kill()


def test_send_keeps_its_snapshots_while_another_state_sends(
    two: "tuple[Machine, Machine]",
) -> None:
    one, other = two
    with held_send(one) as process:
        mine = kept(one)
        other.run("send", "a", "b")
        assert mine <= kept(one)
        one.run("resume")
        said = process.communicate(timeout=WAIT)[1]
        assert process.returncode == 0, said
    assert one.volumes() == {"a": 1, "b": 1}
