# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Clones that stay: whole or not there, and never taken for another file."""

import errno
import fcntl
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from file_rigs import CLONING, FileRig, run
from wyng_dom0.errors import NotFound
from wyng_dom0.names import HIDDEN_MARK, check_volume_name
from wyng_dom0.snapshots import kept_clones
from wyng_dom0.snapshots.driver import (
    CannotSnapshot,
    CannotTell,
    SnapshotRef,
    VolumeAt,
)
from wyng_dom0.snapshots.reflink import ReflinkDriver

MIB = 1 << 20
BTRFS = pytest.mark.parametrize("cloning", ["btrfs"], indirect=True)


@pytest.fixture
def rig(folder: Path) -> FileRig:
    return FileRig(ReflinkDriver(), folder)


@pytest.fixture
def volume(rig: FileRig) -> VolumeAt:
    made = rig.make("disk", 4 * MIB)
    rig.write(made, 0, os.urandom(MIB))
    return made


def test_clone_is_hidden_beside_its_volume(
    rig: FileRig, volume: VolumeAt
) -> None:
    place = Path(rig.driver.take(volume).place)
    assert place.parent == rig.folder
    assert place.name.startswith(".disk.img") and HIDDEN_MARK in place.name
    assert place.stat().st_mode & 0o7777 == 0o600
    with pytest.raises(Exception, match="marks files of our own"):
        check_volume_name(place.name)


def test_clone_has_mode_0600_whatever_the_umask(
    rig: FileRig, volume: VolumeAt
) -> None:
    before = os.umask(0o777)
    try:
        ref = rig.driver.take(volume)
    finally:
        os.umask(before)
    assert os.stat(ref.place).st_mode & 0o7777 == 0o600


def test_snapshot_tells_the_volumes_mode_and_time_of_then(
    rig: FileRig, volume: VolumeAt
) -> None:
    os.chmod(volume.place, 0o640)
    then = os.stat(volume.place).st_mtime_ns
    ref = rig.driver.take(volume)
    rig.write(volume, 0, b"later")
    with rig.driver.open(ref, volume) as snapshot:
        assert snapshot.mode == 0o640
        assert snapshot.mtime_ns == then


@pytest.mark.parametrize("name", ["n" * 251, "\N{SNOWMAN}" * 83])
def test_volume_with_the_longest_name_is_cloned(
    rig: FileRig, name: str
) -> None:
    volume = rig.make(name, MIB)
    ref = rig.driver.take(volume)
    assert rig.driver.list_own(rig.pool) == [ref]
    assert os.fsencode(ref.place).decode("utf-8") == ref.place


def writes(ref: SnapshotRef) -> None:
    with open(ref.place, "r+b") as file:
        file.write(b"x")


def writes_and_sets_the_time_back(ref: SnapshotRef) -> None:
    before = os.stat(ref.place)
    writes(ref)
    os.utime(ref.place, ns=(before.st_atime_ns, before.st_mtime_ns))


def copies_over(ref: SnapshotRef) -> None:
    other = ref.place + "-other"
    shutil.copy2(ref.place, other)
    os.rename(other, ref.place)


def moves_away_and_back(ref: SnapshotRef) -> None:
    os.rename(ref.place, ref.place + "-other")
    os.rename(ref.place + "-other", ref.place)


def links_elsewhere(ref: SnapshotRef) -> None:
    os.rename(ref.place, ref.place + "-other")
    os.symlink(ref.place + "-other", ref.place)


def makes_a_folder(ref: SnapshotRef) -> None:
    os.unlink(ref.place)
    os.mkdir(ref.place)


def makes_a_pipe(ref: SnapshotRef) -> None:
    os.unlink(ref.place)
    os.mkfifo(ref.place)


@pytest.mark.parametrize(
    "meddles",
    [
        writes,
        writes_and_sets_the_time_back,
        copies_over,
        moves_away_and_back,
        links_elsewhere,
        makes_a_folder,
        makes_a_pipe,
    ],
)
@BTRFS
def test_clone_that_was_meddled_with_is_no_snapshot_any_more(
    rig: FileRig, volume: VolumeAt, meddles: Callable[[SnapshotRef], None]
) -> None:
    ref, other = rig.driver.take(volume), rig.driver.take(volume)
    meddles(ref)
    assert not rig.driver.exists(ref)
    with pytest.raises(NotFound):
        with rig.driver.open(ref, volume):
            raise AssertionError("opened")
    for pair in ((ref, other), (other, ref)):
        with rig.driver.comparing(pair) as comparing:
            with pytest.raises(CannotTell):
                list(comparing(*pair))
    rig.driver.drop([ref])
    assert os.path.lexists(ref.place), "what isn't ours any more was removed"
    assert rig.driver.exists(other)


def test_clone_is_known_again_after_a_restart(
    rig: FileRig, volume: VolumeAt, cloning: "tuple[str, Path]"
) -> None:
    refs = [rig.driver.take(volume), rig.driver.take(volume)]
    key, point = cloning
    run("umount", point)
    run("mount", "-o", CLONING[key][1], point.parent / "image", point)
    assert all(rig.driver.exists(ref) for ref in refs)
    assert rig.driver.list_own(rig.pool) == sorted(refs, key=str)
    with rig.driver.comparing(refs) as comparing:
        assert list(comparing(*refs)) == []


def test_clones_are_listed_in_folders_below(rig: FileRig) -> None:
    folder = rig.folder / "appvms" / "work"
    folder.mkdir(parents=True)
    below = FileRig(rig.driver, folder)
    ref = rig.driver.take(below.make("private", MIB))
    (rig.folder / "loop").symlink_to(rig.folder)
    assert rig.driver.list_own(rig.pool) == [ref]


def test_second_name_of_a_clone_is_another_snapshot(
    rig: FileRig, volume: VolumeAt
) -> None:
    ref = rig.driver.take(volume)
    os.link(ref.place, ref.place[:-32] + "0" * 32)
    one, other = rig.driver.list_own(rig.pool)
    assert one.identity != other.identity


def test_clones_of_another_state_are_not_listed(
    rig: FileRig, volume: VolumeAt
) -> None:
    one, other = ReflinkDriver("0a1b2c3d"), ReflinkDriver("0a1b2c3e")
    refs = [each.take(volume) for each in (one, other, rig.driver)]
    drivers = (one, other, rig.driver)
    assert [each.list_own(rig.pool) for each in drivers] == [[e] for e in refs]
    # Any two can be compared, and dropped, by whoever was told of them.
    with one.comparing(refs[:2]) as comparing:
        assert list(comparing(refs[0], refs[1])) == []
    one.drop(refs)
    assert rig.strangers() == []


def test_only_what_is_named_as_a_clone_is_listed(rig: FileRig) -> None:
    for name in (
        ".disk.img.wyng-kept-",
        f".disk.img.wyng-kept-{'0' * 31}",
        f".disk.img.wyng-kept-{'0' * 32}-x",
        f"disk.img.wyng-kept-{'0' * 32}",
        ".wyng-tmp-a",
        ".disk.wyng-partial-1",
    ):
        (rig.folder / name).write_bytes(b"not ours")
    (rig.folder / f".d.wyng-kept-{'0' * 32}").mkdir()
    os.mkfifo(rig.folder / f".e.wyng-kept-{'0' * 32}")
    assert rig.driver.list_own(rig.pool) == []


def test_clone_is_on_the_disk_before_it_has_its_name(
    rig: FileRig, volume: VolumeAt, mocker: MockerFixture
) -> None:
    """Volume synced, cloned, clone synced, named, name synced."""
    steps: list[str] = []

    def noting(kind: str, module: object, call: str) -> None:
        real = getattr(module, call)

        def noted(*words: object, **more: object) -> object:
            subject = kind
            if call == "fsync":
                target = os.readlink(f"/proc/self/fd/{words[0]}")
                subject = f"{kind} {name_of(target)}"
            if call != "ioctl" or words[1] == kept_clones.FICLONE:
                steps.append(subject)
            return real(*words, **more)

        mocker.patch.object(module, call, noted)

    def name_of(target: str) -> str:
        if target == volume.place:
            return "volume"
        return "folder" if target == str(rig.folder) else "clone"

    noting("sync", os, "fsync")
    noting("clone", fcntl, "ioctl")
    noting("name", os, "link")
    rig.driver.take(volume)
    assert steps == [
        "sync volume",
        "clone",
        "sync clone",
        "name",
        "sync clone",
        "sync folder",
    ]


def without_nameless_files(mocker: MockerFixture) -> None:
    real = os.open

    def no_tmpfile(where: str, flags: int, *more: int, **named: int) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(errno.EOPNOTSUPP, "Operation not supported")
        return real(where, flags, *more, **named)

    mocker.patch("wyng_dom0.snapshots.kept_clones.os.open", no_tmpfile)


def test_file_system_without_nameless_files_is_served(
    rig: FileRig, volume: VolumeAt, mocker: MockerFixture
) -> None:
    without_nameless_files(mocker)
    refs = [rig.driver.take(volume), rig.driver.take(volume)]
    assert all(rig.driver.exists(ref) for ref in refs)
    assert len(rig.strangers()) == 2
    with rig.driver.comparing(refs) as comparing:
        assert list(comparing(*refs)) == []


def test_failed_clone_leaves_nothing(
    rig: FileRig, volume: VolumeAt, mocker: MockerFixture
) -> None:
    without_nameless_files(mocker)
    mocker.patch("fcntl.ioctl", side_effect=OSError(errno.EXDEV, "no"))
    with pytest.raises(CannotSnapshot):
        rig.driver.take(volume)
    assert rig.strangers() == []


def test_half_made_clone_of_a_dead_run_is_listed_and_dropped(
    rig: FileRig, volume: VolumeAt, mocker: MockerFixture
) -> None:
    without_nameless_files(mocker)
    child = os.fork()
    if not child:
        kept_clones.durable.name_file = lambda fd, path: os._exit(0)
        try:
            rig.driver.take(volume)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    (left,) = rig.driver.list_own(rig.pool)
    assert ".wyng-part-" in left.place
    rig.driver.drop([left])
    assert rig.strangers() == []


def test_clone_in_the_making_is_not_listed(
    rig: FileRig, volume: VolumeAt, mocker: MockerFixture
) -> None:
    without_nameless_files(mocker)
    seen = []

    def look(fd: int, path: Path) -> None:
        seen.append(rig.driver.list_own(rig.pool))
        assert len(rig.strangers()) == 1
        raise OSError(errno.EIO, "enough")

    mocker.patch.object(kept_clones.durable, "name_file", look)
    with pytest.raises(Exception, match="enough"):
        rig.driver.take(volume)
    assert seen == [[]] and rig.strangers() == []


SET_FLAGS, NO_COW = 0x40086602, 0x00800000


def set_no_cow(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        fcntl.ioctl(fd, SET_FLAGS, struct.pack("=l", NO_COW))
    finally:
        os.close(fd)


@pytest.mark.parametrize("of_file", [False, True])
@pytest.mark.parametrize("of_folder", [False, True])
@BTRFS
def test_file_without_copy_on_write_is_cloned_in_any_folder(
    rig: FileRig, of_file: bool, of_folder: bool
) -> None:
    """btrfs refuses to clone such a file into one of the other kind."""
    volume = rig.make("disk", 0)
    if of_file:
        set_no_cow(Path(volume.place))
    if of_folder:
        set_no_cow(rig.folder)
    rig.write(volume, 0, os.urandom(MIB))
    old = rig.driver.take(volume)
    rig.write(volume, 5000, b"in place?")
    new = rig.driver.take(volume)
    with rig.driver.comparing([old, new]) as comparing:
        assert list(comparing(old, new)) == [(4096, 4096)]
