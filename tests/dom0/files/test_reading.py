# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A volume of files is a tar that any tar reads, the same each time."""

import io
import os
import shutil
import socket
import stat
import subprocess
import tarfile
from pathlib import Path
from typing import Dict

import pytest

from dom0.files.rig import (
    AT,
    KIB,
    MIB,
    Volume,
    entries_of,
    file,
    grow,
    tar_of,
    volume_of,
)
from wyng_dom0.errors import IntegrityError, NotFound
from wyng_dom0.files import contents, reader, scan
from wyng_dom0.files.entry import Bounds, Kind, TooMuch
from wyng_dom0.files.layout import ALIGNMENT
from wyng_dom0.files.scan import Tree

Shape = Dict[str, object]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return grow(tmp_path / "home")


def shape(root: Path) -> Shape:
    """All there is of a tree but for times of folders."""
    found: Shape = {}
    for folder, names, files in os.walk(root):
        for name in names + files:
            path = os.path.join(folder, name)
            seen = os.lstat(path)
            row: object = (seen.st_mode, seen.st_uid, seen.st_mtime_ns)
            if stat.S_ISLNK(seen.st_mode):
                row = os.readlink(path)
            elif stat.S_ISREG(seen.st_mode):
                row = (row, Path(path).read_bytes(), seen.st_nlink)
            found[os.path.relpath(path, root)] = row
    return found


def test_any_tar_reads_it_bit_for_bit(home: Path, tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(volume_of(home))
    out = tmp_path / "out"
    out.mkdir()
    done = subprocess.run(
        ["tar", "-xpf", tmp_path / "a.tar"], cwd=out, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    found, wanted = shape(out), shape(home)
    assert found == wanted
    assert os.stat(out / "large").st_ino == os.stat(out / "folder/same").st_ino


def test_python_reads_it_bit_for_bit(home: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(volume_of(home))) as tar:
        members = {each.name: each for each in tar}
        for name, member in members.items():
            path = home / name
            if member.isreg() or member.islnk():
                found = tar.extractfile(member)
                assert found and found.read() == path.read_bytes(), name
            else:
                assert member.isdir() or member.issym()
    listed = {os.path.relpath(p, home) for p in map(str, home.rglob("*"))}
    assert set(members) == listed


def test_same_files_give_the_same_bytes_read_in_any_steps(home: Path) -> None:
    whole = volume_of(home)
    assert volume_of(home) == whole
    assert Volume(Tree(home)).read(step=10_007) == whole


def test_our_own_reader_gives_back_what_was_listed(home: Path) -> None:
    found = entries_of(volume_of(home))
    entry, content = found[b"plain.txt"]
    assert (content, entry.mode) == (b"plain\n", 0o4751)
    assert entry.mtime_ns == 1_234_567_890_987_654_321
    assert found[b"empty"][0].mtime_ns == -1_500_000_000
    assert found[b"\xff\xfe"][1] == b"\xff\xfe"
    names = (b"large", b"folder/same")
    kinds = {found[each][0].kind for each in names}
    assert kinds == {Kind.FILE, Kind.HARD_LINK}


def test_attributes_are_kept(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    wanted = ((b"user.a=%b", b"\xff\0\n"), (b"user.b", b""))
    try:
        for name, value in wanted:
            os.setxattr(tmp_path / "a", name, value)
    except OSError:
        pytest.skip("this file system has no extended attributes")
    found = entries_of(volume_of(tmp_path))[b"a"][0].xattrs
    assert [each for each in found if each[0].startswith(b"user.")] == [*wanted]


def test_holes_of_large_files_are_not_read(home: Path) -> None:
    volume = Volume(Tree(home))
    with volume.driver.open(volume.ref, AT) as snapshot:
        read = sum(length for _, length in snapshot.data_ranges())
        ranges = list(snapshot.data_ranges())
        assert snapshot.size - read > 12 * MIB
        whole = snapshot.read(0, snapshot.size)
    at = 0
    for start, length in ranges:
        assert not whole[at:start].strip(b"\0")
        at = start + length


def test_large_contents_begin_at_whole_chunks(home: Path) -> None:
    data = volume_of(home)
    large = (home / "large").read_bytes()
    assert data.index(large) % ALIGNMENT == 0


def _chunks(data: bytes) -> "set[bytes]":
    return {data[at : at + ALIGNMENT] for at in range(0, len(data), ALIGNMENT)}


@pytest.mark.parametrize("change", ["grows", "comes", "goes"])
def test_one_small_change_leaves_nearly_all_chunks_alone(
    tmp_path: Path, change: str
) -> None:
    home = tmp_path / "home"
    for number in range(3000):
        path = home / f"d{number % 40}" / f"file{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"%d" % number * (number % 900))
    for number in range(5):
        (home / f"d{number}" / "large").write_bytes(os.urandom(MIB))
    before = _chunks(volume_of(home))
    if change == "grows":
        (home / "d7" / "file1007").write_bytes(b"now" * 5000)
    elif change == "comes":
        (home / "d7" / "another").write_bytes(b"now" * 5000)
    else:
        (home / "d7" / "file1007").unlink()
    new = _chunks(volume_of(home)) - before
    assert 1 <= len(new) <= 4


def test_sockets_and_pipes_are_left_out_and_told(home: Path) -> None:
    os.mkfifo(home / "pipe")
    here = os.getcwd()
    os.chdir(home)  # a socket's path is at most 108 bytes
    try:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind("socket")
    finally:
        os.chdir(here)
    volume = Volume(Tree(home))
    names = entries_of(volume.read())
    assert b"pipe" not in names and b"socket" not in names
    ((text, is_fault),) = volume.said
    assert "'pipe', 'socket'" in text and not is_fault


def test_caches_and_what_we_are_unpacking_are_left_out(home: Path) -> None:
    (home / ".cache" / "x").mkdir(parents=True)
    (home / ".a.wyng-unpacking-1").mkdir()
    tree = Tree(home, left_out=frozenset({b".cache"}))
    names = entries_of(Volume(tree).read())
    assert not [n for n in names if n.startswith((b".cache", b".a"))]
    assert b".cache/x" in entries_of(volume_of(home))


def test_no_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret").write_bytes(b"s")
    home = tmp_path / "home"
    home.mkdir()
    os.symlink("../elsewhere", home / "link")
    assert set(entries_of(volume_of(home))) == {b"link"}


def test_starts_may_be_patterns_and_need_not_exist(home: Path) -> None:
    starts = (b"small-1*", b"none", b"folder", b"folder/deep", b"no/where")
    names = entries_of(Volume(Tree(home, starts)).read())
    tens = {b"small-1%d" % n for n in range(10)}
    assert {n for n in names if not n.startswith(b"folder")} == {
        b"small-1",
        *tens,
    }
    assert b"folder/deep/secret" in names


def test_generated_files_are_in_it(home: Path) -> None:
    tree = Tree(home, (b"empty",), generated={b"list.txt": b"a\nb\n"})
    assert entries_of(Volume(tree).read())[b"list.txt"][1] == b"a\nb\n"


def test_too_many_files_or_bytes_are_refused_in_one_sentence(
    home: Path,
) -> None:
    for bounds, much in (
        (Bounds(files=20), "more than 20 files"),
        (Bounds(size=100_000), "more than 100000 bytes"),
    ):
        with pytest.raises(TooMuch, match=much):
            Volume(Tree(home), bounds)
    # Neither names that are left out nor what is not really there count.
    names = frozenset(b"small-%d" % number for number in range(100))
    few = len([*home.rglob("*")]) - 100
    Volume(Tree(home, left_out=names), Bounds(files=few))
    with pytest.raises(TooMuch):
        Volume(Tree(home, left_out=names), Bounds(files=few - 1))
    Volume(Tree(home), Bounds(size=10 * MIB))


def test_names_are_bounded_together_for_who_writes_and_who_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        (tmp_path / f"{number:0200}").mkdir()
    made = volume_of(tmp_path)
    most = 20 * 200
    for module in (scan, reader):
        monkeypatch.setattr(module, "KEPT_BYTES_MAX", most)
    assert len(entries_of(made)) == 20
    assert volume_of(tmp_path) == made
    (tmp_path / "a").mkdir()
    with pytest.raises(TooMuch, match="names of more than 4000 bytes"):
        volume_of(tmp_path)
    monkeypatch.setattr(reader, "KEPT_BYTES_MAX", most - 1)
    with pytest.raises(IntegrityError, match="names are too long"):
        entries_of(made)


def test_folder_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        Volume(Tree(tmp_path / "none"))


def test_file_that_vanished_is_left_out_and_told(home: Path) -> None:
    volume = Volume(Tree(home))
    for name in ("big", "small-50"):
        (home / name).unlink()
    data = volume.read()
    found = entries_of(data)
    assert b"big" not in found and b"small-50" not in found
    assert found[b"small-51"][1] == (home / "small-51").read_bytes()
    assert len(data) == volume.ref.size
    assert any("vanished" in text and fault for text, fault in volume.said)
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert "small-51" in tar.getnames()


@pytest.mark.parametrize("name", ["plain.txt", "big"])
@pytest.mark.parametrize("by", [-5, 513])
def test_file_that_changed_its_size_is_whole_or_cut(
    home: Path, name: str, by: int
) -> None:
    volume = Volume(Tree(home))
    content = (home / name).read_bytes()
    now = content[:by] if by < 0 else content + b"+" * by
    # As editors do: another file gets the name.
    (home / "new").write_bytes(now)
    os.replace(home / "new", home / name)
    found = entries_of(volume.read())
    assert found[name.encode()][1] == now[: len(content)]
    assert found[b"small-99"][1] == (home / "small-99").read_bytes()
    said = [text for text, _ in volume.said]
    assert [text for text in said if "grew" in text] == (said if by > 0 else [])


def test_file_that_shrinks_to_nothing_much_keeps_the_tar_whole(
    home: Path, tmp_path: Path
) -> None:
    volume = Volume(Tree(home))
    os.truncate(home / "big", 600)
    os.truncate(home / "sparse", 0)
    data = volume.read()
    assert len(entries_of(data)[b"big"][1]) == 600
    (tmp_path / "a.tar").write_bytes(data)
    done = subprocess.run(
        ["tar", "-tf", tmp_path / "a.tar"], capture_output=True
    )
    assert done.returncode == 0
    assert set(done.stderr.splitlines()) <= {
        b"tar: Ignoring unknown extended header keyword 'hdrcharset'"
    }


@pytest.mark.parametrize("blocks", [1, 2, 127, 128, 129, 256, 257])
def test_fillings_of_all_lengths_are_passed_over(
    tmp_path: Path, blocks: int
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "a").write_bytes(b"a" * (512 * blocks + 512))
    (home / "b").write_bytes(b"b")
    volume = Volume(Tree(home))
    os.truncate(home / "a", 512)
    data = volume.read()
    assert {p: c for p, (_, c) in entries_of(data).items()} == {
        b"a": b"a" * 512,
        b"b": b"b",
    }
    (tmp_path / "a.tar").write_bytes(data)
    command = ["tar", "-tf", tmp_path / "a.tar"]
    assert subprocess.check_output(command) == b"a\nb\n"
    with tarfile.open(tmp_path / "a.tar") as tar:
        assert tar.getnames() == ["a", "b"]


def test_file_that_shrinks_while_it_is_read_is_padded(home: Path) -> None:
    volume = Volume(Tree(home))
    whole = (home / "big").read_bytes()
    with volume.driver.open(volume.ref, AT) as snapshot:
        first = snapshot.read(0, snapshot.size // 2)
        assert len(first) == snapshot.size // 2
        where = volume_of(home).index(whole)
        head = snapshot.read(where - 1024, 1024 + 300 * KIB)
        os.truncate(home / "big", 300 * KIB)
        rest = snapshot.read(where + 300 * KIB, 600_001 - 300 * KIB)
        snapshot.check_unchanged_size()
    assert head[1024:] == whole[: 300 * KIB]
    assert not rest.strip(b"\0")
    assert any("shrank" in text and fault for text, fault in volume.said)


def test_link_put_in_place_of_a_file_is_not_followed(
    home: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_bytes(b"secret secret")
    volume = Volume(Tree(home))
    for name, target in (("plain.txt", "secret"), ("folder", "home")):
        (
            shutil.rmtree(home / name)
            if name == "folder"
            else (home / name).unlink()
        )
        os.symlink(tmp_path / target, home / name)
    data = volume.read()
    assert b"secret secret" not in data
    assert b"plain.txt" not in entries_of(data)


def test_pipe_put_in_place_of_a_file_makes_nobody_wait(home: Path) -> None:
    volume = Volume(Tree(home))
    (home / "plain.txt").unlink()
    os.mkfifo(home / "plain.txt")
    assert b"plain.txt" not in entries_of(volume.read())


def test_few_descriptors_are_open_whatever_there_is_to_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(60):
        (tmp_path / f"large{number}").write_bytes(b"l" * (200 * KIB))
    volume = Volume(Tree(tmp_path))
    most = 0
    with volume.driver.open(volume.ref, AT) as snapshot:
        for at in range(0, snapshot.size, MIB):
            snapshot.read(at, min(MIB, snapshot.size - at))
            most = max(most, len(os.listdir("/proc/self/fd")))
    assert most < len(os.listdir("/proc/self/fd")) + contents._OPEN_MOST + 4


def test_huge_sizes_and_owners_have_their_records() -> None:
    one, _ = file(b"a")
    from dataclasses import replace

    entry = replace(one, uid=1 << 31, gid=1 << 30, size=0)
    assert entries_of(tar_of((entry, b"")))[b"a"][0] == entry
