# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Disks and quotas that are full, and what is kept for a while."""

import os
import random
import subprocess
from pathlib import Path
from typing import Iterator, List

import pytest

from store.client import (
    Blob,
    Client,
    after,
    chunk,
    command,
    found,
    next_commit,
    run,
    tree,
)
from store.local import directory
from wyng_common.limits import PUT_FRAMES_MAX
from wyng_common.messages import Capability, Op, Status
from wyng_store import delaying
from wyng_store.policy import DAY_SECONDS
from wyng_store.rows import State


def _mount(place: Path, kind: str) -> None:
    """A file system of 48 MiB, for as long as the test runs."""
    if os.geteuid() != 0:
        pytest.skip("mounting a file system needs root")
    if kind == "tmpfs":
        options = ["-t", "tmpfs", "-o", "size=48m", "tmpfs"]
    else:
        image = place.with_name("image")
        with image.open("wb") as file:
            file.truncate((48 if kind == "ext4" else 320) << 20)
        more = ["-m", "0"] if kind == "ext4" else []
        made = subprocess.run([f"mkfs.{kind}", "-q", *more, image])
        assert made.returncode == 0
        options = ["-o", "loop", str(image)]
    mounted = subprocess.run(
        ["mount", *options, str(place)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"this machine can't mount a small {kind}")


@pytest.fixture(params=["tmpfs", "ext4", "xfs"])
def small(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    _mount(place, request.param)
    try:
        (place / "archive").mkdir()
        yield place / "archive"
    finally:
        subprocess.run(["umount", str(place)], check=True)


def _fill(place: Path) -> Path:
    """Leave nothing free on a disk."""
    filler = place.parent / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 512):
            try:
                while True:
                    file.write(os.urandom(size))
            except OSError:
                continue
    os.sync()
    return filler


def _payloads(first: int, count: int) -> List[bytes]:
    return [
        random.Random(n).randbytes(60_000) for n in range(first, first + count)
    ]


def test_prune_works_with_nothing_free(small: Path) -> None:
    found(small)
    old, new = tree(_payloads(0, 40), b"a"), tree(_payloads(40, 2), b"b")
    with Client(small) as client:
        first = next_commit(client.greet(), old[-1].id)
        client.put([*old, *new])
        assert client.commit(first).status is Status.OK
        second = next_commit(after(first), new[-1].id)
        assert client.commit(second).status is Status.OK
        client.bye()
    assert (small / "ballast").exists()
    _fill(small)
    bare = tree([], b"bare")
    with Client(small) as client:
        head = client.greet()
        client.put([*bare[:-1], bare[-1]])
        more = [chunk(data) for data in _payloads(90, 20)]
        frames = b"".join(each.frame for each in more)
        assert client.ask(Op.PUT, frames, 20).status is Status.FULL
        record = next_commit(head, bare[-1].id, ((1, 1),))
        assert client.commit(record).status is Status.OK
        freed = client.ask(Op.RECLAIM, bytes(8))
        assert freed.status is Status.OK
        disk = os.statvfs(small)
        assert disk.f_bavail * disk.f_frsize > 38 * 60_000
        answers = client.get([blob.id for blob in new])
        assert all(answer.status is Status.OK for answer in answers)
        client.bye()
    assert (small / "ballast").exists()
    assert run("check", "--digests", small).returncode == 0


def test_journal_of_the_largest_prune_fits_into_the_ballast(
    tmp_path: Path,
) -> None:
    found(tmp_path)
    old = tree([b"%d" % number for number in range(8_000)], b"a")
    bare = tree([], b"bare")
    with Client(tmp_path) as client:
        first = next_commit(client.greet(), old[-1].id)
        _put_all(client, old)
        assert client.commit(first).status is Status.OK
        client.bye()
    kept = (tmp_path / "ballast").stat().st_size
    assert kept <= 4 << 20
    before = _used(tmp_path)
    with Client(tmp_path) as client:
        head = client.greet()
        client.put(bare)
        record = next_commit(head, bare[-1].id, ((1, 1),))
        assert client.commit(record).status is Status.OK
        assert client.ask(Op.RECLAIM, bytes(8)).status is Status.OK
        journal = (tmp_path / "index.db-wal").stat().st_size
        assert journal > 1 << 18
        assert _used(tmp_path) - before + journal < kept
        client.bye()


def _put_all(client: Client, blobs: List[Blob]) -> None:
    for at in range(0, len(blobs), PUT_FRAMES_MAX):
        client.put(blobs[at : at + PUT_FRAMES_MAX])


def _used(root: Path) -> int:
    """What packs and log take."""
    files = [*root.glob("packs/*/*"), *root.glob("log/*")]
    return sum(each.stat().st_size for each in files)


def test_ballast_grows_with_the_index(tmp_path: Path) -> None:
    found(tmp_path)
    with Client(tmp_path) as client:
        client.greet()
        client.bye()
    small = (tmp_path / "ballast").stat().st_size
    many = [chunk(b"%d" % number) for number in range(40_000)]
    with Client(tmp_path) as client:
        client.greet()
        _put_all(client, many)
        client.sync()
        client.bye()
    grown = (tmp_path / "ballast").stat().st_size
    index = (tmp_path / "index.db").stat().st_size
    assert small < grown and grown > index + (2 << 20)


def test_reader_and_sender_meet_a_full_disk_with_an_answer(small: Path) -> None:
    found(small)
    blobs = tree(_payloads(0, 4), b"a")
    with Client(small) as client:
        record = next_commit(client.greet(), blobs[-1].id)
        client.put(blobs)
        assert client.commit(record).status is Status.OK
        client.bye()
    filler = _fill(small)
    with Client(small, Capability.GET) as client:
        client.greet()
        assert client.get([blobs[0].id])[0].body == blobs[0].frame
        client.bye()
    with Client(small, Capability.PUT) as client:
        status, _ = client.hello()
        assert status in (Status.OK, Status.FULL)
    assert (small / "ballast").exists()
    filler.unlink()
    with Client(small, Capability.PUT) as client:
        client.greet()
        assert client.put(tree(_payloads(9, 1), b"z"))
        client.sync()
        client.bye()
    assert run("check", "--digests", small).returncode == 0


def _serving(*options: str) -> List[str]:
    return command("serve", "--allow", "prune", *options)


def test_quota_is_full_for_chunks_and_leaves_room_for_a_prune(
    tmp_path: Path,
) -> None:
    found(tmp_path)
    program = _serving("--quota", "700000")
    old, new = tree(_payloads(0, 10), b"a"), tree(_payloads(20, 1), b"b")
    with Client(tmp_path, program=program) as client:
        first = next_commit(client.greet(), old[-1].id)
        client.put(old)
        assert client.commit(first).status is Status.OK
        more = [chunk(data) for data in _payloads(30, 5)]
        frames = b"".join(each.frame for each in more)
        assert client.ask(Op.PUT, frames, len(more)).status is Status.FULL
        bare = tree([], b"c")
        client.put(bare)
        second = next_commit(after(first), bare[-1].id, ((1, 1),))
        assert client.commit(second).status is Status.OK
        client.bye()
    with Client(tmp_path, program=program) as client:
        third = next_commit(client.greet(), new[-1].id)
        client.put(new)
        assert client.commit(third).status is Status.OK


class _Delayed(Client):
    """A store with a delay of two days at a given uptime."""

    def __init__(self, root: Path, uptime: int, delay: str = "2") -> None:
        text = (
            "import sys, time; at = float(sys.argv.pop(1));"
            "begin = time.monotonic(); real = time.monotonic;"
            "time.monotonic = lambda: at + real() - begin;"
            "from wyng_store import delaying;"
            "delaying._boot = lambda: b'B' * 16;"
            "from wyng_store.main import main; sys.exit(main())"
        )
        serving = _serving("--delete-delay", delay)
        program = [serving[0], "-c", text, str(uptime), *serving[3:]]
        super().__init__(root, program=program)


def test_released_catalog_is_kept_for_its_time_and_then_goes() -> None:
    old, new = tree([b"old"], b"a"), tree([b"new"], b"b")
    with directory() as root:
        with _Delayed(root, 1000) as client:
            first = next_commit(client.greet(), old[-1].id)
            client.put([*old, *new])
            assert client.commit(first).status is Status.OK
            second = next_commit(after(first), new[-1].id, ((1, 1),))
            assert client.commit(second).status is Status.OK
            client.bye()
        with _Delayed(root, 1000 + DAY_SECONDS) as client:
            client.greet()
            assert client.ask(Op.RECLAIM, bytes(8)).status is Status.OK
            assert client.get([old[0].id])[0].status is Status.OK
            client.bye()
        assert run("check", "--digests", root).returncode == 0
        with _Delayed(root, 1100 + 2 * DAY_SECONDS, "0") as client:
            client.greet()
            assert client.get([old[0].id])[0].status is Status.NOT_FOUND
            client.bye()
        assert run("check", "--digests", root).returncode == 0


def test_rebuild_starts_the_time_again() -> None:
    old, new = tree([b"old"], b"a"), tree([b"new"], b"b")
    with directory() as root:
        with _Delayed(root, 1000) as client:
            first = next_commit(client.greet(), old[-1].id)
            client.put([*old, *new])
            assert client.commit(first).status is Status.OK
            second = next_commit(after(first), new[-1].id, ((1, 1),))
            assert client.commit(second).status is Status.OK
            client.bye()
        (root / "index.db").unlink()
        later = 1000 + 3 * DAY_SECONDS
        with _Delayed(root, later) as client:
            client.greet()
            assert client.get([old[0].id])[0].status is Status.OK
            client.bye()
        with _Delayed(root, later + 2 * DAY_SECONDS + 100) as client:
            client.greet()
            assert client.get([old[0].id])[0].status is Status.NOT_FOUND
            client.bye()


def test_deleting_an_archive_obeys_the_delay() -> None:
    with directory() as root:
        with _Delayed(root, 1000) as client:
            head = client.greet()
            asked = head.archive + head.head
            assert client.ask(Op.DELETE, asked).status is Status.PENDING
            dropped = client.ask(Op.KEYS, b"", 0, 2)
            assert dropped.status is Status.DENIED
            client.bye()
        with _Delayed(root, 1000 + DAY_SECONDS) as client:
            client.greet()
            assert client.ask(Op.DELETE, asked).status is Status.PENDING
            client.bye()
        with _Delayed(root, 1100 + 2 * DAY_SECONDS) as client:
            client.greet()
            assert client.ask(Op.DELETE, asked).status is Status.OK
        assert not (root / "format").exists()


@pytest.mark.parametrize(
    "before, boot, uptime, ran",
    [
        (State(), b"B" * 16, 5000, 0),
        (State(ran=7, uptime=100, boot=b"B" * 16), b"B" * 16, 400, 307),
        (State(ran=7, uptime=100, boot=b"A" * 16), b"B" * 16, 400, 407),
        (State(ran=7, uptime=400, boot=b"B" * 16), b"B" * 16, 100, 7),
        (State(ran=7, uptime=100, boot=b"B" * 16), bytes(16), 400, 7),
    ],
)
def test_running_time_is_never_more_than_the_machine_ran(
    before: State, boot: bytes, uptime: int, ran: int
) -> None:
    changes = delaying.elapsed(before, boot, uptime)
    assert changes.get("ran", before.ran) == ran
