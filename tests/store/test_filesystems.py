# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""An archive lives on any file system, and says what that can't promise."""

import errno
import os
import random
import shutil
import subprocess
import warnings
from pathlib import Path
from typing import Any, Iterator, List, Tuple

import pytest

from store.client import ARCHIVE, Client, found, next_commit, run, tree
from store.local import TOKEN, Writer, check, counts, directory, reader, save
from wyng_common.messages import Capability, Op, Status, StoreFlag
from wyng_store import durable, filesystem, founding
from wyng_store.archive import open_for_reading
from wyng_store.filesystem import locate
from wyng_store.punching import can_punch
from wyng_store.reclaiming import reclaim
from wyng_store.recovering import open_for_writing

POOR = StoreFlag.NO_LINKS | StoreFlag.NO_HOLES
# What each can't promise; FUSE drivers may lack some more.
KINDS = {
    "tmpfs": StoreFlag(0),
    "ext4": StoreFlag(0),
    "xfs": StoreFlag(0),
    "btrfs": StoreFlag(0),
    "vfat": POOR,
    "exfat": POOR,
}
_FUSE_DRIVERS = {"exfat": "mount.exfat-fuse", "vfat": "fusefat"}


def _run(*words: object) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run([str(each) for each in words], capture_output=True)


def _mount_fuse(kind: str, image: Path, point: Path) -> bool:
    """Where the kernel lacks the driver: one in user space, if installed."""
    driver = _FUSE_DRIVERS.get(kind)
    if driver is None or shutil.which(driver) is None:
        return False
    if kind == "vfat":
        return not _run(driver, "-o", "rw+", image, point).returncode
    device = _run("losetup", "-f", "--show", image).stdout.decode().strip()
    return not _run(driver, device, point).returncode


def _mount(kind: str, base: Path) -> Path:
    point, image = base / "mounted", base / "image"
    point.mkdir()
    if kind == "tmpfs":
        _run("mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", point)
        return point
    with image.open("wb") as file:
        file.truncate((320 if kind in ("xfs", "btrfs") else 64) << 20)
    if _run(f"mkfs.{kind}", image).returncode:
        pytest.skip(f"mkfs.{kind} is not installed")
    if _run("mount", "-t", kind, "-o", "loop", image, point).returncode:
        if not _mount_fuse(kind, image, point):
            pytest.skip(f"neither the kernel nor FUSE can mount {kind} here")
    return point


@pytest.fixture(scope="module", params=list(KINDS))
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Tuple[str, Path]]:
    """A kind of file system and a directory on one of it."""
    if os.geteuid() != 0:
        pytest.skip("mounting a file system needs root")
    kind: str = request.param
    base = tmp_path_factory.mktemp(kind)
    point = _mount(kind, base)
    (point / "archive").mkdir()
    yield kind, point / "archive"
    _run("umount", point)
    for line in _run("losetup", "-j", base / "image").stdout.splitlines():
        _run("losetup", "-d", line.split(b":")[0].decode())


def _payloads(first: int, count: int) -> List[bytes]:
    found = range(first, first + count)
    return [random.Random(n).randbytes(60_000) for n in found]


OLD = tree(_payloads(0, 8), b"old")
NEW = tree(_payloads(6, 3), b"new")


def test_archive_lives_on_any_file_system(
    place: Tuple[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kind, root = place
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    found(root)
    save_all(root)
    with Client(root) as client:
        client.greet()
        assert client.ask(Op.RECLAIM, bytes(8)).status is Status.OK
        flags = client.stat().flags
        assert flags & KINDS[kind] == KINDS[kind]
        answers = client.get([blob.id for blob in NEW])
        assert [each.body for each in answers] == [b.frame for b in NEW]
        client.bye()
    taken = sum(p.stat().st_blocks * 512 for p in root.glob("packs/*/*"))
    assert taken < 6 * 60_000
    assert run("check", "--digests", root).returncode == 0
    assert run("rebuild", root).returncode == 0
    assert run("check", "--digests", root).returncode == 0


def save_all(root: Path) -> None:
    """Two sessions, the second releasing the first, over the wire."""
    for blobs, releases in ((OLD, ()), (NEW, ((1, 1),))):
        with Client(root) as client:
            record = next_commit(client.greet(), blobs[-1].id, releases)
            client.put(blobs)
            assert client.commit(record).status is Status.OK
            client.bye()


def test_archive_can_do_without_links_and_directory_syncs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_link(*_: Any) -> None:
        raise OSError(errno.EPERM, "no links here")

    real = os.fsync

    def fsync(fd: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{fd}"):
            raise OSError(errno.EINVAL, "no such thing")
        real(fd)

    monkeypatch.setattr(os, "link", no_link)
    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(durable, "punch", lambda *_: False)
    with directory() as root, warnings.catch_warnings():
        warnings.simplefilter("ignore", durable.UnsyncedDirectory)
        save(root, OLD)
        save(root, NEW, ((1, 1),))
        with Writer(root) as writer:
            reclaim(writer.archive, TOKEN, 0)
            flags = filesystem.missing_promises(
                writer.archive.layout, can_punch(writer.archive)
            )
        assert flags == POOR | StoreFlag.NO_DIRECTORY_SYNC
        assert check(root).is_whole
        assert set(counts(root)) == {blob.id for blob in NEW}


def test_read_only_archive_can_be_read(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("mounting read-only needs root")
    with directory() as root:
        save(root, NEW)
        bound = _run("mount", "--bind", "-o", "ro", root, tmp_path)
        assert not bound.returncode, bound.stderr
        try:
            with Client(tmp_path, Capability.GET) as client:
                assert client.greet().sequence == 1
                answer = client.get([NEW[0].id])[0]
                assert answer.body == NEW[0].frame
                assert client.bye() == 0
            assert run("check", "--digests", tmp_path).returncode == 0
        finally:
            _run("umount", tmp_path)


def test_read_only_archive_with_a_log_of_its_index_can_be_read(
    tmp_path: Path,
) -> None:
    with directory() as root:
        save(root, NEW)
        with Writer(root) as writer:
            writer.put(OLD)
            writer.staging.sync()
            shutil.copytree(root, tmp_path / "copy")
        _run("mount", "--bind", "-o", "ro", tmp_path / "copy", root)
        try:
            with reader(root) as archive:
                frame = archive.fetcher.fetch(NEW[0].id)
                assert frame == NEW[0].frame
        finally:
            _run("umount", root)


@pytest.mark.parametrize(
    "magic, elsewhere",
    [(0x6969, True), (0x01021997, True), (0x65735546, True), (0xEF53, False)],
)
def test_index_of_a_network_file_system_lies_in_the_users_cache(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    magic: int,
    elsewhere: bool,
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root = tmp_path / "archive"
    layout = locate(root, lambda _: magic)
    founding.found(layout, ARCHIVE)
    archive = open_for_writing(layout)
    try:
        flags = filesystem.missing_promises(layout, True)
        assert (StoreFlag.INDEX_ELSEWHERE in flags) == elsewhere
    finally:
        archive.close()
    assert (root / "index.db").exists() != elsewhere
    assert bool(list(tmp_path.glob("cache/*/*/index.db"))) == elsewhere
    shutil.rmtree(tmp_path / "cache", ignore_errors=True)
    again = open_for_reading(layout)
    again.close()


def test_magic_is_that_of_the_nearest_directory() -> None:
    with directory() as root:
        magic = filesystem.magic_of(root)
        assert magic and filesystem.magic_of(root / "not" / "there") == magic
