# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a volume of files says never reaches outside of its own folder."""

import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import List, Tuple

import pytest

from dom0.files.rig import (
    MIB,
    Volume,
    file,
    folder,
    grow,
    hard,
    link,
    tar_of,
    volume_of,
)
from dom0.files.test_reading import shape
from wyng_dom0.errors import IntegrityError
from wyng_dom0.files.compare import Comparing
from wyng_dom0.files.entry import Entry, Kind
from wyng_dom0.files.header import BLOCK, _block, opening
from wyng_dom0.files.reader import FilesReader, Piece
from wyng_dom0.files.scan import Tree
from wyng_dom0.files.unpack import (
    LEADS_OUT,
    LINKS_NAME,
    NO_FIRST_NAME,
    TWICE,
    Owners,
    Unpacking,
    stays_inside,
)


class Place:
    """A folder to unpack into, and things beside it that must not change."""

    def __init__(self, root: Path) -> None:
        self.top = root / "top"
        self.top.mkdir(parents=True)
        self.outside = root / "outside"
        self.outside.mkdir()
        (self.outside / "victim").write_bytes(b"victim")
        os.chmod(self.outside / "victim", 0o600)
        self._before = self.state()

    def state(self) -> object:
        seen = os.stat(self.outside / "victim")
        return (
            sorted(os.listdir(self.outside.parent)),
            sorted(os.listdir(self.outside)),
            (self.outside / "victim").read_bytes(),
            (seen.st_mode, seen.st_nlink, seen.st_mtime_ns, seen.st_uid),
        )

    def unpack(
        self, data: "bytes | List[Piece]", owners: Owners = Owners()
    ) -> Unpacking:
        fd = os.open(self.top, os.O_DIRECTORY)
        try:
            reader = FilesReader(
                iter([data] if isinstance(data, bytes) else data)
            )
            unpacking = Unpacking(fd, owners)
            for entry in reader.entries():
                unpacking.take(entry, reader.content())
            unpacking.finish()
        finally:
            os.close(fd)
            assert self.state() == self._before
        return unpacking


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "place")


def test_all_comes_back_but_what_leads_out_or_gives_rights(
    tmp_path: Path, place: Place
) -> None:
    home = grow(tmp_path / "home")
    unpacking = place.unpack(volume_of(home))
    wanted, found = shape(home), shape(place.top)
    listed = place.top / os.fsdecode(LINKS_NAME)
    text = listed.read_bytes()
    assert b"out -> /etc/passwd\n" in text
    del wanted["out"], found[os.fsdecode(LINKS_NAME)]
    assert stat.S_IMODE(os.stat(place.top / "plain.txt").st_mode) == 0o751
    del wanted["plain.txt"], found["plain.txt"]
    assert found == wanted
    assert (b"out", LEADS_OUT) in unpacking.left_out
    same = os.stat(place.top / "folder" / "same")
    assert same.st_ino == os.stat(place.top / "large").st_ino


def test_holes_stay_holes(tmp_path: Path, place: Place) -> None:
    home = grow(tmp_path / "home")
    data = volume_of(home)
    step = 1 << 17
    place.unpack([data[at : at + step] for at in range(0, len(data), step)])
    seen = os.stat(place.top / "sparse")
    assert seen.st_size == 16 * MIB and seen.st_blocks * 512 < 2 * MIB


BAD_PATHS = (
    *(b"../victim", b"/victim", b"a/../../outside/victim", b".", b"..", b""),
    *(
        b"a//b",
        b"a/./b",
        b"./a",
        b"a/..",
        b"x" * 256,
        b"a/" * 2100 + b"b",
        b"a/" * 256 + b"b",
    ),
)


@pytest.mark.parametrize("path", BAD_PATHS)
@pytest.mark.parametrize("kind", [Kind.FILE, Kind.FOLDER, Kind.LINK])
def test_path_that_leads_out_is_refused(
    place: Place, path: bytes, kind: Kind
) -> None:
    with pytest.raises(IntegrityError):
        place.unpack(tar_of((Entry(path, kind, target=b"x"), b"")))


@pytest.mark.parametrize("path", BAD_PATHS[:5])
def test_other_name_of_a_file_outside_is_refused(
    place: Place, path: bytes
) -> None:
    with pytest.raises(IntegrityError):
        place.unpack(tar_of(hard(b"mine", path)))


CLIMBING: Tuple[Tuple[Tuple[Entry, bytes], ...], ...] = (
    # A link out, then a file below it.
    (link(b"a", b"../outside"), file(b"a/victim")),
    (link(b"a", b"/"), file(b"a/etc/victim")),
    # A link that stays, and one that climbs from where it leads.
    (folder(b"d"), folder(b"d/e"), link(b"d/e/up", b"../.."))
    + (link(b"y", b"d/e/up/../outside"), file(b"y/victim")),
    # Folders that are links to other folders of ours.
    (folder(b"d"), link(b"a", b"d"), file(b"a/x")),
    (link(b"a", b"."), folder(b"a/d")),
    (link(b"a", b"b"), link(b"b", b"a"), file(b"a/x")),
    # Names of files through links.
    (link(b"a", b"../outside"), hard(b"mine", b"a/victim")),
    (link(b"a", b"../outside/victim"), hard(b"mine", b"a")),
    # A file where a folder is wanted.
    (file(b"a"), file(b"a/b")),
    # Over a link that is there.
    (link(b"a", b"../outside/victim"), file(b"a", b"evil")),
    (link(b"a", b"none"), file(b"a", b"evil"), folder(b"a")),
)


@pytest.mark.parametrize("entries", CLIMBING)
def test_links_are_no_way_out(
    place: Place, entries: "tuple[tuple[Entry, bytes], ...]"
) -> None:
    try:
        place.unpack(tar_of(*entries))
    except IntegrityError as error:
        assert "no volume of files" in str(error)
    for path in place.top.rglob("*"):
        assert Path(os.path.realpath(path)).is_relative_to(place.top)


@pytest.mark.parametrize(
    "path, target, inside",
    [
        (b"a", b"b", True),
        (b"a", b"b/c/d", True),
        (b"a", b"..", False),
        (b"d/a", b"..", True),
        (b"d/a", b"../x", True),
        (b"d/a", b"./../x", True),
        (b"d/a", b"../..", False),
        (b"d/a", b"x/..", False),
        (b"d/e/a", b"../../x/../y", False),
        (b"a", b"/x", False),
        (b"a", b"", False),
        (b"a", b"//x", False),
    ],
)
def test_link_may_climb_only_first_and_within(
    path: bytes, target: bytes, inside: bool
) -> None:
    assert stays_inside(path, target) is inside


def test_deepest_that_is_sent_comes_back_and_can_be_removed(
    tmp_path: Path, place: Place
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    at = os.open(home, os.O_DIRECTORY)
    for _ in range(300):
        os.mkdir("d", dir_fd=at)
        below = os.open("d", os.O_DIRECTORY, dir_fd=at)
        os.close(at)
        at = below
    os.close(at)
    volume = Volume(Tree(home))
    place.unpack(volume.read())
    assert (place.top / "/".join("d" * 256)).is_dir()
    assert "too deep" in volume.said[0][0]
    shutil.rmtree(place.top / "d")


def test_what_is_named_twice_is_made_once(place: Place) -> None:
    unpacking = place.unpack(
        tar_of(file(b"a", b"first"), file(b"a", b"second"), folder(b"a"))
    )
    assert (place.top / "a").read_bytes() == b"first"
    assert unpacking.left_out == [(b"a", TWICE), (b"a", TWICE)]


def test_folder_named_late_is_no_error(place: Place) -> None:
    unpacking = place.unpack(tar_of(file(b"d/e/a"), folder(b"d", 0o750)))
    assert stat.S_IMODE(os.stat(place.top / "d").st_mode) == 0o700
    assert unpacking.left_out == [(b"d", TWICE)]


def test_other_name_of_what_is_not_there_is_told(place: Place) -> None:
    unpacking = place.unpack(
        tar_of(hard(b"a", b"none/b"), hard(b"c", b"d"), hard(b"e", b"e"))
    )
    assert [what for _, what in unpacking.left_out] == [NO_FIRST_NAME] * 3
    assert os.listdir(place.top) == []


@pytest.mark.parametrize("flag", [b"3", b"4", b"6", b"7", b"L", b"S", b"\0"])
def test_devices_and_other_kinds_are_refused(place: Place, flag: bytes) -> None:
    made = tar_of(file(b"a"))
    at = len(opening()) + 2 * BLOCK
    block = _block(b"a", flag, 0)
    with pytest.raises(IntegrityError):
        place.unpack(made[:at] + block + made[at + BLOCK :])
    assert os.listdir(place.top) == []


def test_rights_are_not_given(place: Place) -> None:
    place.unpack(tar_of(file(b"a", mode=0o7755), folder(b"d", 0o7777)))
    for name, mode in (("a", 0o755), ("d", 0o777)):
        assert stat.S_IMODE(os.stat(place.top / name).st_mode) == mode


def test_capabilities_of_files_are_not_given(place: Place) -> None:
    entry, content = file(b"a")
    rights = ((b"security.capability", b"\1"), (b"trusted.x", b"y"))
    unpacking = place.unpack(tar_of((replace(entry, xattrs=rights), content)))
    assert "security.capability" not in os.listxattr(place.top / "a")
    assert len(unpacking.left_out) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="giving files away needs root")
def test_owners_are_kept_only_where_asked(place: Place) -> None:
    entry, content = file(b"d/a")
    data = tar_of((replace(entry, uid=1234, gid=1235), content))
    place.unpack(data, Owners(one=(99, 98)))
    assert os.stat(place.top / "d" / "a").st_uid == 99
    assert os.stat(place.top / "d").st_uid == 99
    (place.top / "d" / "a").unlink()
    place.unpack(data, Owners(kept=True))
    assert os.stat(place.top / "d" / "a").st_uid == 1234


def _spoiled() -> Iterator[bytes]:
    good = tar_of(file(b"a", b"content"), folder(b"d"), file(b"d/b", b"x" * 99))
    for at in range(0, len(good) - 1024, 37):
        yield good[:at] + bytes([good[at] ^ 0x15]) + good[at + 1 :]
        yield good[:at]
    yield b""
    yield bytes(4096)


def test_spoiled_volumes_are_refused_or_harmless(place: Place) -> None:
    refused = 0
    for data in _spoiled():
        try:
            place.unpack(data)
        except IntegrityError:
            refused += 1
        for path in sorted(place.top.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
    assert refused > 100


@pytest.mark.parametrize(
    "records",
    [
        b"99999999 path=a\n",
        b"20 path=a\n",
        b"0 path=a\n",
        b"10 path=abX",
        b"4 a\n\n",
        b"-9 path=a\n",
        b"35 mtime=999999999999999999999999\n",
        b"11 uid=-1\n\n",
        b"24 uid=99999999999999\n\n",
        b"12 path=a\0b\n",
        b"22 size=9999999999999\n",
    ],
)
def test_malformed_records_are_refused(place: Place, records: bytes) -> None:
    extended = _block(b"x", b"x", len(records)) + records.ljust(BLOCK, b"\0")
    data = opening() + extended + _block(b"a", b"0", 0) + bytes(1024)
    with pytest.raises(IntegrityError):
        place.unpack(data)


def test_lengths_are_checked_before_anything_of_them_is_held(
    place: Place,
) -> None:
    extended = _block(b"x", b"x", 8**11 - 1)
    endless: List[Piece] = [opening() + extended, 1 << 60]
    with pytest.raises(IntegrityError, match="too long"):
        place.unpack(endless)


def test_comparing_tells_every_kind_of_difference(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    for name in ("same", "text", "mode", "gone", "kind", "binary"):
        (home / name).write_text(f"one\n{name}\n")
    (home / "binary").write_bytes(b"\0\1" * 50000)
    (home / "sparse").write_bytes(b"")
    os.truncate(home / "sparse", MIB)
    os.symlink("a", home / "link")
    (home / "old-folder" / "deep").mkdir(parents=True)
    (home / "old-folder" / "deep" / "file").touch()
    data = Volume(Tree(home)).read()
    (home / "text").write_text("two\ntext\n")
    os.chmod(home / "mode", 0o777)
    (home / "gone").unlink()
    (home / "kind").unlink()
    (home / "kind").mkdir()
    (home / "binary").write_bytes(b"\0\2" * 50000)
    with open(home / "sparse", "r+b") as file:
        file.seek(MIB - 1)
        file.write(b"x")
    (home / "link").unlink()
    os.symlink("b", home / "link")
    (home / "new").touch()
    (home / "new-folder" / "deep").mkdir(parents=True)
    (home / "new-folder" / "deep" / "file").touch()
    shutil.rmtree(home / "old-folder")
    comparing = Comparing(Tree(home), with_texts=True)
    reader = FilesReader(iter([data]))
    for entry in reader.entries():
        for _ in comparing.watch(entry, reader.content()):
            pass
    comparing.finish("dom0:home")
    found = {each.path: each.what for each in comparing.differences}
    assert found == {
        b"text": "content",
        b"mode": "mode",
        b"gone": "missing",
        b"kind": "kind",
        b"binary": "content",
        b"sparse": "content",
        b"link": "target",
        b"new": "new",
        b"new-folder": "new",
        b"old-folder": "missing",
    }
    (text,) = [e.text for e in comparing.differences if e.path == b"text"]
    assert text.splitlines()[3:5] == ["-one", "+two"]
    assert dict(comparing.counts) == {"differing": 6, "missing": 2, "new": 2}


def test_long_texts_are_cut(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    for number in range(40):
        (home / f"f{number}").write_text("a\n" * 500)
    data = Volume(Tree(home)).read()
    for number in range(40):
        (home / f"f{number}").write_text("b\n" * 500)
    comparing = Comparing(Tree(home), with_texts=True)
    reader = FilesReader(iter([data]))
    for entry in reader.entries():
        for _ in comparing.watch(entry, reader.content()):
            pass
    texts = [each.text.splitlines() for each in comparing.differences]
    assert all(len(each) <= 101 for each in texts)
    assert sum(map(len, texts)) <= 1000 + 40
