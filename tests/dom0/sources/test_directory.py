# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A directory as a source: what is a volume, and what leads out of it."""

import os
from pathlib import Path

import pytest

from wyng_dom0.errors import BadInput, NotFound, SourceError, TargetError
from wyng_dom0.snapshots.choose import take_best
from wyng_dom0.sources.directory import DirectorySource, open_directory


@pytest.fixture
def source(tmp_path: Path) -> DirectorySource:
    root = tmp_path / "images"
    (root / "sub").mkdir(parents=True)
    (root / "disk1.img").write_bytes(b"one")
    (root / "sub" / "disk2.img").write_bytes(b"")
    (tmp_path / "secret").write_bytes(b"secret")
    return open_directory(str(root))


def test_volumes_are_files_below_the_root(source: DirectorySource) -> None:
    os.mkfifo(source.root / "pipe")
    (source.root / ".disk1.img.wyng-partial-00").write_bytes(b"x")
    (source.root / "dangling").symlink_to("nothing")
    (source.root / "bad\nname").write_bytes(b"x")
    assert source.list_volumes() == ["disk1.img", "sub/disk2.img"]


def test_what_may_be_meant_and_is_no_volume_is_told(
    source: DirectorySource,
) -> None:
    assert source.overlooked() == []
    os.mkfifo(source.root / "pipe")
    (source.root / ".disk1.img.wyng-partial-00").write_bytes(b"x")
    assert source.overlooked() == []
    (source.root / "dangling").symlink_to("nothing")
    (source.root / "sub" / "bad\nname").write_bytes(b"x")
    (source.root / os.fsdecode(b"bad\xff")).write_bytes(b"x")
    names, told = zip(*source.overlooked(), strict=True)
    assert names == (os.fsdecode(b"bad\xff"), "dangling", "sub/bad\nname")
    assert "not valid UTF-8" in told[0] and "No such file" in told[1]
    assert "'sub/bad\\nname' holds a control character" in told[2]


def test_description_is_of_the_volume(source: DirectorySource) -> None:
    os.chmod(source.root / "disk1.img", 0o640)
    found = source.describe("disk1.img")
    assert (found.size, found.mode, found.block_device) == (3, 0o640, False)
    assert (found.uid, found.gid) == (os.geteuid(), os.getegid())
    assert source.describe("sub/disk2.img").size == 0


def test_absent_volume_is_not_found(source: DirectorySource) -> None:
    for name in ("none.img", "sub/none", "disk1.img/x", "none/x"):
        assert not source.exists(name)
        with pytest.raises(NotFound, match="no volume"):
            source.open(name)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a\nb", ""])
def test_name_that_leaves_the_root_is_refused(
    source: DirectorySource, name: str
) -> None:
    for use in (
        source.open,
        source.describe,
        lambda each: source.place_for(each, 0),
    ):
        with pytest.raises(BadInput):
            use(name)


def test_link_inside_the_root_is_followed(source: DirectorySource) -> None:
    (source.root / "link").symlink_to("sub/disk2.img")
    (source.root / "folder").symlink_to("sub")
    assert source.describe("link").path == source.root / "sub/disk2.img"
    assert source.describe("folder/disk2.img").size == 0


def test_link_out_of_the_root_is_refused(source: DirectorySource) -> None:
    (source.root / "link").symlink_to("../secret")
    (source.root / "folder").symlink_to("..")
    for name in ("link", "folder/secret"):
        with pytest.raises(SourceError, match="leads out of"):
            source.open(name)
        with pytest.raises(TargetError, match="outside of"):
            source.place_for(name, 0)


def test_sibling_with_the_same_beginning_is_outside(
    source: DirectorySource,
) -> None:
    other = Path(f"{source.root}-other")
    other.mkdir()
    (other / "x").write_bytes(b"x")
    (source.root / "link").symlink_to(other / "x")
    with pytest.raises(SourceError, match="leads out of"):
        source.open("link")


def test_what_is_no_volume_is_refused_at_once(source: DirectorySource) -> None:
    os.mkfifo(source.root / "pipe")
    (source.root / "null").symlink_to("/dev/null")
    for name in ("pipe", "null", "sub"):
        with pytest.raises(SourceError, match="neither a file nor a block"):
            source.open(name)


def test_device_behind_a_link_is_a_volume(
    source: DirectorySource, loop_device: Path
) -> None:
    (source.root / "lv").symlink_to(loop_device)
    found = source.describe("lv")
    assert (found.size, found.block_device) == (8 << 20, True)
    assert "lv" in source.list_volumes()
    assert source.place_for("lv", 0) == loop_device
    volume = source.locate("lv")
    assert (volume.place, volume.pool) == (str(loop_device), "/dev")
    driver, ref = take_best(volume, source.drivers())
    with driver.open(ref, volume) as snapshot:
        assert (snapshot.size, snapshot.driver) == (8 << 20, "plain")
        assert snapshot.read(0, 2) == b"\xaa\xaa"


def test_place_for_makes_the_folders(source: DirectorySource) -> None:
    place = source.place_for("new/deep/disk.img", 0)
    assert place == source.root / "new/deep/disk.img"
    assert place.parent.is_dir()
    with pytest.raises(TargetError, match="no folder"):
        source.place_for("disk1.img/x", 0)


def test_source_that_is_no_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(NotFound):
        open_directory(str(tmp_path / "none"))
    for bad in ("file", "loop"):
        with pytest.raises(BadInput):
            open_directory(str(tmp_path / bad))
