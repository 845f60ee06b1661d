# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Targets brought up to date: what is fetched, written, and left when killed.

In place on a file system in memory, on clones on btrfs and XFS, and on block
devices.
"""

import os
import random
import shutil
import subprocess
from pathlib import Path
from typing import Callable, Iterator, List

import pytest

from system.faults import AFTER, SENDER, Fault
from system.machine import Ended, Machine, leftovers, temporary_root
from wyng_dom0.sources.unfinished import MARK

CHUNK = 64 * 1024
CHUNKS = 12
# The last chunk is a part of one; the third one is zeros.
SIZE = CHUNKS * CHUNK - 12_345
MODES = ("--sparse", "--sparse-write")
VOLUME = "one.img"


def content(turn: int) -> bytearray:
    """The volume at a turn: the second differs in two chunks and a hole."""
    data = bytearray(random.Random(1).randbytes(SIZE))
    data[2 * CHUNK : 3 * CHUNK] = bytes(CHUNK)
    if turn == 2:
        data[4 * CHUNK + 7 : 4 * CHUNK + 9] = b"xx"
        data[7 * CHUNK : 8 * CHUNK] = bytes(CHUNK)
        data[-1:] = b"y"
    return data


CHANGED = 2  # chunks with data that differ between the two turns


@pytest.fixture(scope="module")
def made() -> Iterator[Machine]:
    """A machine with two sessions of a volume, saved as `two`."""
    machine = Machine(temporary_root())
    machine.init("--encrypt=off").check()
    for turn in (1, 2):
        (machine.images / VOLUME).write_bytes(content(turn))
        machine.send(VOLUME).check()
    machine.save("two")
    yield machine
    shutil.rmtree(machine.root)


@pytest.fixture
def machine(made: Machine) -> Machine:
    made.put_back("two")
    return made


def receive(
    machine: Machine,
    target: Path,
    *words: str,
    session: str = "newest",
    fault: "Fault | None" = None,
) -> Ended:
    return machine.wyng(
        *("--json", "--force", f"--session={session}", f"--save-to={target}"),
        *words,
        "receive",
        VOLUME,
        fault=fault,
    )


def cost(ended: Ended) -> "tuple[int, int]":
    """Chunks (fetched, written), the last one counting as whole."""
    (said,) = [each for each in ended.objects if each.get("kind") == "receive"]
    return -(-said["fetched"] // CHUNK), -(-said["written"] // CHUNK)


def killed_at(write: int) -> Fault:
    """After that many writes to the target."""
    return Fault("update", SENDER, "os:pwrite", AFTER, at=write)


TARGETS: "dict[str, Callable[[], bytes]]" = {
    "older": lambda: bytes(content(1)),
    "same": lambda: bytes(content(2)),
    "empty": lambda: b"",
    "zeros": lambda: bytes(SIZE),
    "smaller": lambda: bytes(content(1)[: 5 * CHUNK + 3]),
    "larger": lambda: bytes(content(1)) + b"behind the end" * 9_000,
    "noise": lambda: random.Random(3).randbytes(SIZE),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("old", TARGETS)
def test_any_old_target_becomes_the_session(
    machine: Machine, old: str, mode: str
) -> None:
    target = machine.out / "target"
    target.write_bytes(TARGETS[old]())
    inode = target.stat().st_ino
    receive(machine, target, mode).check()
    assert target.read_bytes() == content(2)
    # In memory there are no clones: it was done in place.
    assert target.stat().st_ino == inode
    assert os.listdir(machine.out) == ["target"]


@pytest.mark.parametrize("mode", MODES)
def test_missing_target_is_made(machine: Machine, mode: str) -> None:
    target = machine.out / "target"
    receive(machine, target, mode).check()
    assert target.read_bytes() == content(2)
    assert target.stat().st_blocks * 512 < SIZE - CHUNK


def test_sparse_fetches_and_writes_only_what_differs(machine: Machine) -> None:
    target = machine.out / "target"
    target.write_bytes(content(1))
    assert cost(receive(machine, target, "--sparse").check()) == (
        CHANGED,
        CHANGED + 1,
    )
    assert cost(receive(machine, target, "--sparse").check()) == (0, 0)


def test_sparse_write_fetches_all_and_writes_what_differs(
    machine: Machine,
) -> None:
    target = machine.out / "target"
    target.write_bytes(content(1))
    fetched, written = cost(receive(machine, target, "--sparse-write").check())
    assert (fetched, written) == (CHUNKS - 2, CHANGED)


@pytest.mark.parametrize("mode", MODES)
def test_zeros_become_holes(machine: Machine, mode: str) -> None:
    target = machine.out / "target"
    target.write_bytes(b"\xaa" * SIZE)
    receive(machine, target, mode).check()
    assert target.stat().st_blocks * 512 <= (CHUNKS - 2) * CHUNK


@pytest.mark.parametrize("mode", MODES)
def test_empty_volume_empties_its_target(machine: Machine, mode: str) -> None:
    (machine.images / VOLUME).write_bytes(b"")
    machine.send(VOLUME).check()
    target = machine.out / "target"
    target.write_bytes(b"something")
    receive(machine, target, mode).check()
    assert target.read_bytes() == b""


@pytest.mark.parametrize("mode", MODES)
def test_update_in_place_says_when_it_is_incomplete(
    machine: Machine, mode: str
) -> None:
    """Killed in the middle: nothing takes the target for a whole volume
    until the same command has ended well."""
    target = machine.images / VOLUME
    target.write_bytes(content(1))
    oldest = machine.sessions(VOLUME)[0]
    target.write_bytes(random.Random(5).randbytes(SIZE))
    words = ("--json", "--force", f"--session={oldest}", mode, "receive")
    ended = machine.wyng(*words, VOLUME, fault=killed_at(5))
    assert ended.code == -9 and ended.hit
    assert target.read_bytes() not in (content(1), content(2))
    marker = target.with_name(f".{VOLUME}{MARK}")
    assert marker.exists()
    sent = machine.send().check(1)
    assert "incomplete" in sent.err and oldest in sent.err
    assert "incomplete" in machine.wyng("list").check().err
    assert len(machine.sessions(VOLUME)) == 2
    again = machine.wyng(*words, VOLUME).check()
    assert target.read_bytes() == content(1)
    assert cost(again)[1] < CHUNKS - 1, "nothing was taken up"
    assert not marker.exists()
    machine.send().check()
    assert machine.wyng("list").check().err == ""


@pytest.mark.parametrize("mode", MODES)
def test_failed_update_in_place_is_called_incomplete(
    machine: Machine, mode: str
) -> None:
    target = machine.out / "target"
    target.write_bytes(random.Random(5).randbytes(SIZE))
    damage_chunk(machine, 9)
    ended = receive(machine, target, mode).check(4)
    assert "incomplete" in ended.err and "target" in ended.err
    assert (machine.out / f".target{MARK}").exists()


def test_whole_restore_over_an_incomplete_one_takes_the_marker_away(
    machine: Machine,
) -> None:
    target = machine.out / "target"
    target.write_bytes(content(1))
    assert receive(machine, target, "--sparse", fault=killed_at(2)).code == -9
    assert (machine.out / f".target{MARK}").exists()
    receive(machine, target).check()
    assert target.read_bytes() == content(2)
    assert os.listdir(machine.out) == ["target"]


def test_damage_that_is_not_fetched_does_not_matter(machine: Machine) -> None:
    """What is there already needs no archive."""
    target = machine.out / "target"
    target.write_bytes(content(1))
    damage_chunk(machine, 9)
    receive(machine, target, "--sparse").check()
    assert target.read_bytes() == content(2)


@pytest.mark.parametrize("mode", MODES)
def test_damage_before_the_first_write_changes_nothing(
    machine: Machine, mode: str
) -> None:
    target = machine.out / "target"
    old = bytes(content(2)[: 11 * CHUNK])
    with open(target, "wb") as file:
        for at in range(0, len(old), CHUNK):
            if any(old[at : at + CHUNK]):
                os.pwrite(file.fileno(), old[at : at + CHUNK], at)
    damage_chunk(machine, 11)
    ended = receive(machine, target, mode).check(4)
    assert "incomplete" not in ended.err
    assert target.read_bytes() == old
    assert os.listdir(machine.out) == ["target"]


def damage_chunk(machine: Machine, number: int) -> None:
    """Overwrite the stored form of one chunk of the volume's content."""
    plain = bytes(content(2)[number * CHUNK : (number + 1) * CHUNK])
    needle = plain[100:200]
    found = []
    for pack in (machine.archive / "packs").rglob("*.pack"):
        data = pack.read_bytes()
        at = data.find(needle)
        if at >= 0:
            with open(pack, "r+b") as file:
                file.seek(at)
                file.write(bytes(len(needle)))
            found.append(pack)
    assert found


# Clones


@pytest.fixture(scope="module", params=["btrfs", "xfs"])
def clones(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A mounted file system that can clone."""
    kind: str = request.param
    if os.geteuid() != 0:
        pytest.skip(f"mounting {kind} needs root")
    if shutil.which(f"mkfs.{kind}") is None:
        pytest.skip(f"mkfs.{kind} is not installed")
    base = tmp_path_factory.mktemp(kind)
    image, point = base / "image", base / "mounted"
    point.mkdir()
    with open(image, "wb") as file:
        file.truncate(320 << 20)
    commands: List[List[str]] = [
        [f"mkfs.{kind}", "-q", str(image)],
        ["mount", "-o", "loop", str(image), str(point)],
    ]
    for command in commands:
        subprocess.run(command, check=True, capture_output=True)
    yield point
    subprocess.run(["umount", str(point)], check=True)


@pytest.fixture
def folder(clones: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    made = clones / request.node.name.split("[")[0][:60]
    made.mkdir()
    yield made
    shutil.rmtree(made)


@pytest.mark.parametrize("mode", MODES)
def test_update_on_a_clone_leaves_the_old_file_until_the_end(
    machine: Machine, folder: Path, mode: str
) -> None:
    target = folder / "target"
    old = random.Random(5).randbytes(SIZE)
    target.write_bytes(old)
    inode = target.stat().st_ino
    ended = receive(machine, target, mode, fault=killed_at(5))
    assert ended.code == -9 and ended.hit
    assert target.read_bytes() == old
    assert len(os.listdir(folder)) == 2
    again = receive(machine, target, mode).check()
    assert target.read_bytes() == content(2)
    assert target.stat().st_ino != inode
    assert os.listdir(folder) == ["target"]
    assert cost(again)[1] < CHUNKS, "nothing was taken up"


def test_failed_update_on_a_clone_leaves_nothing(
    machine: Machine, folder: Path
) -> None:
    target = folder / "target"
    old = random.Random(5).randbytes(SIZE)
    target.write_bytes(old)
    damage_chunk(machine, 9)
    ended = receive(machine, target, "--sparse").check(4)
    assert "incomplete" not in ended.err
    assert target.read_bytes() == old
    assert os.listdir(folder) == ["target"]


def test_whole_restore_removes_what_an_update_left(
    machine: Machine, folder: Path
) -> None:
    target = folder / "target"
    target.write_bytes(content(1))
    receive(machine, target, "--sparse", fault=killed_at(1))
    receive(machine, target).check()
    assert target.read_bytes() == content(2)
    assert os.listdir(folder) == ["target"]


# Block devices


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Path]:
    """A loop device of 1 MiB full of 0xAA."""
    if os.geteuid() != 0:
        pytest.skip("a loop device needs root")
    image = tmp_path / "device.img"
    image.write_bytes(b"\xaa" * (1 << 20))
    made = subprocess.run(
        ["losetup", "--find", "--show", str(image)], capture_output=True
    )
    if made.returncode:
        pytest.skip(f"no loop device here: {made.stderr.decode()}")
    yield Path(made.stdout.decode().strip())
    subprocess.run(["losetup", "--detach", made.stdout.strip()], check=True)


@pytest.mark.parametrize("mode", ["--verbose", *MODES])
def test_device_becomes_the_session(
    machine: Machine, device: Path, mode: str
) -> None:
    receive(machine, device, mode).check()
    data = device.read_bytes()
    assert data[:SIZE] == content(2)
    behind = b"\xaa" if mode in MODES else b"\0"
    assert set(data[SIZE:]) == set(behind)
    assert leftovers(machine.state) == []


@pytest.mark.parametrize("mode", ["--verbose", *MODES])
def test_half_written_device_is_not_taken_for_a_volume(
    machine: Machine, device: Path, mode: str
) -> None:
    ended = receive(machine, device, mode, fault=killed_at(4))
    assert ended.code == -9 and ended.hit
    (machine.images / "disk").symlink_to(device)
    assert "incomplete" in machine.send("disk").check(1).err
    receive(machine, device, mode).check()
    assert device.read_bytes()[:SIZE] == content(2)
    machine.send("disk").check()


def test_sparse_device_fetches_only_what_differs(
    machine: Machine, device: Path
) -> None:
    with open(device, "r+b") as file:
        file.write(content(1))
    ended = receive(machine, device, "--sparse").check()
    assert cost(ended) == (CHANGED, CHANGED + 1)
    assert device.read_bytes()[:SIZE] == content(2)
