# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The driver for files: where it can't serve, and whom it serves how."""

import errno
import mmap
import os
import random
import subprocess
import threading
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from driver_rig import missed
from file_rigs import FileRig, punch_hole, run
from wyng_dom0.errors import SourceError
from wyng_dom0.snapshots import filesystem
from wyng_dom0.snapshots.driver import (
    CannotSnapshot,
    CannotTell,
    SnapshotRef,
    VolumeAt,
)
from wyng_dom0.snapshots.file_changes import changes_between
from wyng_dom0.snapshots.filesystem import FileSystem, Kind, filesystem_of
from wyng_dom0.snapshots.reflink import ReflinkDriver

MIB = 1 << 20
NOBODY = 65534
XFS = pytest.mark.parametrize("cloning", ["xfs"], indirect=True)


@pytest.fixture
def rig(folder: Path) -> FileRig:
    return FileRig(ReflinkDriver(), folder)


def as_nobody(call: Callable[[], None]) -> None:
    """Call it in a process without rights; fails when it raises."""
    child = os.fork()
    if not child:
        code = 1
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            call()
            code = 0
        except BaseException:
            traceback.print_exc()
            raise
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0


def reachable(folder: Path) -> None:
    """Let others go through the test's own folders, as in /home."""
    for parent in folder.parents:
        if parent.owner() == "root" and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o111)


def test_user_without_rights_misses_nothing(rig: FileRig, kind: str) -> None:
    """Without searching btrfs' tree what is compressed counts as changed."""

    def back_up() -> None:
        volume = rig.make("disk", 4 * MIB)
        rig.write(volume, 0, os.urandom(MIB) + b"text " * 50_000)
        old = rig.driver.take(volume)
        rig.write(volume, 700_000, b"changed")
        rig.punch(volume, 0, 65536)
        new = rig.driver.take(volume)
        with rig.driver.comparing([old, new]) as comparing:
            found = list(comparing(old, new))
        before, after = (Path(ref.place).read_bytes() for ref in (old, new))
        assert missed(before, after, found) == []
        if kind != "btrfs-zstd":
            assert sum(length for _, length in found) == 65536 + 4096
        rig.driver.drop(rig.driver.list_own(rig.pool))

    reachable(rig.folder)
    os.chown(rig.folder, NOBODY, NOBODY)
    as_nobody(back_up)
    assert rig.strangers() == ["disk.img"]


def test_folder_without_right_to_write_is_read_plainly(rig: FileRig) -> None:
    volume = rig.make("disk", MIB)
    os.chmod(volume.place, 0o644)
    reachable(rig.folder)

    def take() -> None:
        with pytest.raises(CannotSnapshot, match="Permission denied"):
            rig.driver.take(volume)

    as_nobody(take)


def test_read_only_mount_is_read_plainly(rig: FileRig, tmp_path: Path) -> None:
    volume = rig.make("disk", MIB)
    run("mount", "--bind", rig.folder, tmp_path)
    try:
        run("mount", "-o", "remount,ro,bind", tmp_path)
        inside = VolumeAt("disk.img", str(tmp_path / "disk.img"), str(tmp_path))
        with pytest.raises(CannotSnapshot, match="Read-only"):
            rig.driver.take(inside)
        usage = rig.driver.usage(str(tmp_path))
        assert usage is not None and usage.read_only
    finally:
        run("umount", tmp_path)
    assert rig.strangers() == [] and volume.name == "disk.img"


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_clone_that_fails_is_an_error_and_leaves_nothing(
    rig: FileRig, mocker: MockerFixture, code: int
) -> None:
    volume = rig.make("disk", MIB)
    mocker.patch(
        "wyng_dom0.snapshots.kept_clones.durable.name_file",
        side_effect=OSError(code, os.strerror(code)),
    )
    with pytest.raises(SourceError) as caught:
        rig.driver.take(volume)
    assert not isinstance(caught.value, CannotSnapshot)
    assert rig.strangers() == []


def test_snapshots_of_two_file_systems_are_not_compared(
    rig: FileRig, tmp_path: Path
) -> None:
    """Equal places on two file systems hold what they like."""
    image, point = tmp_path / "image", tmp_path / "other"
    point.mkdir()
    with open(image, "wb") as file:
        file.truncate(320 << 20)
    run("mkfs.xfs", "-q", image)
    run("mount", "-o", "loop", image, point)
    try:
        other = FileRig(ReflinkDriver(), point)
        here = rig.driver.take(rig.make("disk", MIB))
        there = other.driver.take(other.make("disk", MIB))
        for pair in ((here, there), (there, here)):
            with rig.driver.comparing(pair) as comparing:
                with pytest.raises(CannotTell, match="different file systems"):
                    list(comparing(*pair))
    finally:
        run("umount", point)


@pytest.mark.parametrize(
    "other",
    [
        FileSystem(Kind.BTRFS, "b", ""),
        FileSystem(Kind.XFS, "b", "1-data"),
        FileSystem(Kind.XFS, "a", "2-data"),
        FileSystem(Kind.XFS, "a", "1-realtime"),
    ],
)
def test_address_spaces_that_differ_are_not_compared(
    mocker: MockerFixture, tmp_path: Path, other: FileSystem
) -> None:
    one = FileSystem(Kind.XFS, "a", "1-data")
    mocker.patch(
        "wyng_dom0.snapshots.file_changes.filesystem_of",
        side_effect=[one, other],
    )
    with open(tmp_path / "a", "wb") as file:
        with pytest.raises(CannotTell):
            list(changes_between(file.fileno(), file.fileno()))


def test_file_system_that_is_not_known_tells_nothing(tmp_path: Path) -> None:
    """CIFS answers FIEMAP with places that are all the same."""
    with open("/dev/shm/wyng-reflink-test", "wb") as file:
        os.unlink(file.name)
        assert filesystem_of(file.fileno()).kind is Kind.OTHER
        with pytest.raises(CannotTell, match="not known"):
            list(changes_between(file.fileno(), file.fileno()))


def test_file_systems_are_told_apart(folder: Path, kind: str) -> None:
    with open(folder / "a", "wb") as one, open(folder / "b", "wb") as other:
        found = filesystem_of(one.fileno())
        assert found == filesystem_of(other.fileno())
        assert found.kind.value == kind.partition("-")[0]
        words = ["findmnt", "-n", "-o", "UUID", "-T", str(folder)]
        said = subprocess.run(words, capture_output=True, check=True).stdout
        assert found.identity == said.decode().strip().replace("-", "")


@XFS
def test_file_on_the_realtime_device_has_places_of_its_own(
    folder: Path, mocker: MockerFixture
) -> None:
    with open(folder / "a", "wb") as file:
        usual = filesystem_of(file.fileno())
        mocker.patch.object(filesystem, "_on_realtime", return_value=True)
        assert filesystem_of(file.fileno()) != usual


def test_ref_of_another_driver_tells_nothing(rig: FileRig) -> None:
    volume = rig.make("disk", MIB)
    ref = rig.driver.take(volume)
    for pair in (
        (replace(ref, driver="plain"), ref),
        (ref, replace(ref, driver="lvm_thin")),
    ):
        with rig.driver.comparing(pair) as comparing:
            with pytest.raises(CannotTell, match="only one of the two"):
                list(comparing(*pair))


def test_extents_that_cannot_be_read_tell_nothing(
    rig: FileRig, mocker: MockerFixture
) -> None:
    volume = rig.make("disk", MIB)
    refs = [rig.driver.take(volume), rig.driver.take(volume)]
    mocker.patch(
        "wyng_dom0.snapshots.file_changes.changed_ranges",
        side_effect=OSError(errno.EIO, "Input/output error"),
    )
    with rig.driver.comparing(refs) as comparing:
        with pytest.raises(CannotTell, match="Input/output error"):
            list(comparing(*refs))


def test_cost_is_what_only_the_snapshot_holds(rig: FileRig, kind: str) -> None:
    volume = rig.make("disk", 8 * MIB)
    rig.write(volume, 0, os.urandom(2 * MIB))
    ref = rig.driver.take(volume)
    assert rig.driver.cost([ref]) == [0]
    rig.write(volume, 0, os.urandom(2 * MIB))
    os.sync()
    (cost,) = rig.driver.cost([ref])
    assert cost == 2 * MIB
    gone = SnapshotRef("reflink", ref.place + "x", ref.identity, ref.size)
    assert rig.driver.cost([gone, ref]) == [None, cost]


def test_pool_that_is_gone_has_no_usage_and_no_snapshots(
    rig: FileRig, tmp_path: Path
) -> None:
    assert rig.driver.usage(str(tmp_path / "gone")) is None
    assert rig.driver.list_own(str(tmp_path / "gone")) == []


def test_comparing_leaves_no_descriptor_open(rig: FileRig) -> None:
    volume = rig.make("disk", MIB)
    rig.write(volume, 0, b"x" * MIB)
    old = rig.driver.take(volume)
    for offset in (0, 65536, 131072):
        rig.write(volume, offset, b"changed")
    new = rig.driver.take(volume)
    before = os.listdir("/proc/self/fd")
    with rig.driver.comparing([old, new]) as comparing:
        ranges = comparing(old, new)
        assert next(ranges) == (0, 4096)
        del ranges
        list(comparing(old, new))
    assert os.listdir("/proc/self/fd") == before


def sent_volume(rig: FileRig) -> "tuple[VolumeAt, SnapshotRef]":
    """A volume of data and a hole, and its snapshot."""
    volume = rig.make("disk", 8 * MIB)
    rig.write(volume, 0, os.urandom(MIB))
    rig.write(volume, 4 * MIB, os.urandom(3 * MIB))
    return volume, rig.driver.take(volume)


def test_volume_that_nobody_wrote_still_holds_its_snapshot(
    rig: FileRig, kind: str
) -> None:
    volume, ref = sent_volume(rig)
    assert rig.driver.still_holds(ref, volume)
    before = rig.strangers()
    assert rig.driver.still_holds(ref, volume)
    assert rig.strangers() == before


def dirty(path: Path) -> None:
    """One byte, which only the cache knows of."""
    with open(path, "r+b", buffering=0) as file:
        file.write(b"x")


def mapped(path: Path) -> None:
    """The same through a mapping."""
    with open(path, "r+b") as file, mmap.mmap(file.fileno(), 0) as view:
        view[5 * MIB] ^= 1


def same_again(path: Path) -> None:
    """What is there, written again: another place, the same bytes."""
    with open(path, "r+b", buffering=0) as file:
        data = file.read(4096)
        os.pwrite(file.fileno(), data, 0)


def in_hole(path: Path) -> None:
    with open(path, "r+b", buffering=0) as file:
        os.pwrite(file.fileno(), b"x", 2 * MIB)


def reserved_and_written(path: Path) -> None:
    with open(path, "r+b", buffering=0) as file:
        os.posix_fallocate(file.fileno(), 2 * MIB, MIB)
        os.fsync(file.fileno())
        os.pwrite(file.fileno(), b"x", 2 * MIB)


def punched(path: Path) -> None:
    with open(path, "r+b", buffering=0) as file:
        punch_hole(file.fileno(), 5 * MIB, 65536)


def grown(path: Path) -> None:
    os.truncate(path, 9 * MIB)


def cut(path: Path) -> None:
    os.truncate(path, 7 * MIB)


def cut_and_grown(path: Path) -> None:
    os.truncate(path, 5 * MIB)
    os.truncate(path, 8 * MIB)


def replaced(path: Path) -> None:
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data)


def gone(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize(
    "change",
    [
        *(dirty, mapped, same_again, in_hole, reserved_and_written, punched),
        *(grown, cut, cut_and_grown, replaced, gone),
    ],
    ids=lambda change: str(change.__name__),
)
def test_whatever_was_done_to_a_volume_is_no_still_held_snapshot(
    rig: FileRig, change: Callable[[Path], None]
) -> None:
    volume, ref = sent_volume(rig)
    change(Path(volume.place))
    assert not rig.driver.still_holds(ref, volume)


def test_snapshot_that_was_written_to_is_not_held(rig: FileRig) -> None:
    volume, ref = sent_volume(rig)
    os.chmod(ref.place, 0o600)
    dirty(Path(ref.place))
    assert not rig.driver.still_holds(ref, volume)
    rig.driver.drop([ref])
    assert not rig.driver.still_holds(ref, volume)


def test_writer_meanwhile_is_never_missed(rig: FileRig) -> None:
    """Whatever was written before the question began is in its answer."""
    volume, ref = sent_volume(rig)
    ending = threading.Event()
    written = [0]

    def write() -> None:
        with open(volume.place, "r+b", buffering=0) as file:
            while not ending.is_set():
                at = random.randrange(8 * MIB // 4096) * 4096
                os.pwrite(file.fileno(), os.urandom(4096), at)
                written[0] += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        while written[0] < 500:
            before = written[0]
            assert not (rig.driver.still_holds(ref, volume) and before)
    finally:
        ending.set()
        writer.join()
