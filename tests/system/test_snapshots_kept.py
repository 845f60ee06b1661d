# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Sends, monitors and rotation on real btrfs and XFS: programs as installed.

How much a process read is what the kernel says of it (rchar), so that no
part of the program can be forgotten.
"""

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Iterator, List, Tuple

import pytest

from product.machine import Machine
from system.machine import temporary_root

MIB = 1 << 20
CHUNK = 128 * 1024
SIZE = 48 * MIB
NAME = "disk.img"
# A command in a process that tells what it has read: of the volume, and in
# all before it asks back a sample of what it sent. Later the kernel counts
# what its child, the store, has read as its own.
MEASURED = """
import sys
from wyng_dom0.cli.main import main
from wyng_dom0.engine import send, upload
read_span, prove, volume, rchar = upload._read_span, send.prove_sample, [], [0]
def read(descriptor, size, span, chunk_size):
    volume.append(span.count * chunk_size)
    return read_span(descriptor, size, span, chunk_size)
def noted(*arguments):
    with open("/proc/self/io") as file:
        rchar.append(int(file.readline().split()[1]))
    prove(*arguments)
upload._read_span, send.prove_sample = read, noted
code = main()
sys.stderr.write(f"\\n{sum(volume)} {rchar[-1]}\\n")
sys.exit(code)
"""


@pytest.fixture(params=["btrfs", "xfs"])
def machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    """Images on a file system that can clone; two archives of them."""
    kind: str = request.param
    if os.geteuid() != 0:
        pytest.skip(f"mounting {kind} needs root")
    if shutil.which(f"mkfs.{kind}") is None:
        pytest.skip(f"mkfs.{kind} is not installed")
    root = temporary_root()
    made = Machine(root / "machine")
    disk = root / "disk"
    with open(disk, "wb") as file:
        file.truncate(400 * MIB)
    call(f"mkfs.{kind}", "-q", str(disk))
    try:
        call("mount", "-o", "loop", str(disk), str(made.images))
    except subprocess.CalledProcessError as error:
        shutil.rmtree(root)
        pytest.skip(f"{kind} can't be mounted here: {error.stderr.decode()}")
    try:
        data = random.Random(1).randbytes(SIZE // 2)
        path = made.write(NAME, data)
        os.truncate(path, SIZE)
        for name in ("a", "b"):
            made.init("--encrypt=off", name=name)
            made.run(f"--archive={name}", "send", NAME)
        yield made
    finally:
        call("umount", str(made.images))
        shutil.rmtree(root)


def call(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True, timeout=60)


def send(machine: Machine, archive: str) -> Tuple[int, int]:
    """Send; bytes read of the volume, and by the process; see MEASURED."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, f"--meta-dir={machine.state}"]
        + [f"--archive={archive}", "send", NAME],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stderr
    assert "can't be told" not in done.stderr, done.stderr
    volume, everything = done.stderr.split()[-2:]
    return int(volume), int(everything)


def write(machine: Machine, *chunks: int) -> None:
    """16 KiB somewhere in each of these chunks."""
    with (machine.images / NAME).open("r+b") as file:
        for chunk in chunks:
            file.seek(chunk * CHUNK + 40_000)
            file.write(os.urandom(16_384))


def expect_sent(machine: Machine, archive: str) -> None:
    """The newest session is the volume, bit for bit."""
    found = machine.restored(NAME, "newest", f"--archive={archive}")
    assert found == (machine.images / NAME).read_bytes(), archive


def kept(machine: Machine) -> List[Path]:
    """The snapshots beside the volume."""
    return [p for p in machine.images.iterdir() if ".wyng-" in p.name]


def test_changes_alone_are_read_whatever_rotates(machine: Machine) -> None:
    for turn in range(2):
        for archive in ("a", "b"):
            places = random.Random(f"{turn}{archive}").sample(range(380), 8)
            write(machine, *places)
            told = machine.bare(f"--meta-dir={machine.state}", "monitor")
            assert told.stderr == "", "what changed was not known"
            most = 8 if (turn, archive) == (0, "a") else 16
            assert 0 < send(machine, archive)[0] <= most * CHUNK
            expect_sent(machine, archive)
    assert len(kept(machine)) == 1
    send(machine, "a")
    assert send(machine, "a")[0] == 0


def test_kernel_counts_no_more_reads_than_changes(machine: Machine) -> None:
    """40 chunks cost 39 chunks more than one does."""
    write(machine, 100)
    one = send(machine, "a")
    write(machine, *range(0, 160, 4))
    many = send(machine, "a")
    assert (one[0], many[0]) == (CHUNK, 40 * CHUNK)
    assert abs(many[1] - one[1] - 39 * CHUNK) < CHUNK


def test_discards_and_resizes_come_through(machine: Machine) -> None:
    path = machine.images / NAME
    call("fallocate", "-p", "-o", str(MIB), "-l", str(8 * MIB), str(path))
    assert send(machine, "a")[0] <= 2 * CHUNK
    expect_sent(machine, "a")
    os.truncate(path, 5 * MIB + 7)
    machine.run("monitor")
    os.truncate(path, SIZE + 5)
    write(machine, 370)
    assert send(machine, "a")[0] <= 4 * CHUNK
    for archive in ("a", "b"):
        send(machine, archive)
        expect_sent(machine, archive)


def test_volume_replaced_by_another_file_is_seen(machine: Machine) -> None:
    """As a qube's shutdown does, and as a restore does."""
    path = machine.images / NAME
    twin = machine.images / "twin"
    call("cp", "--reflink=always", str(path), str(twin))
    twin.rename(path)
    write(machine, 11)
    assert send(machine, "a")[0] == CHUNK
    expect_sent(machine, "a")
    path.unlink()
    machine.write(NAME, random.Random(2).randbytes(SIZE // 3))
    for archive in ("a", "b"):
        send(machine, archive)
        expect_sent(machine, archive)


def test_nothing_is_cloned_where_nothing_changed(machine: Machine) -> None:
    """Neither by a send nor by monitor: the folder is not even touched."""
    machine.run("--archive=a", "send", NAME)
    before = os.stat(machine.images).st_mtime_ns
    kept = sorted(os.listdir(machine.images))
    machine.run("--archive=a", "send", NAME)
    machine.run("monitor")
    assert os.stat(machine.images).st_mtime_ns == before
    assert sorted(os.listdir(machine.images)) == kept
