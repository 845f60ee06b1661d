# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Space comes back, in an order that no crash and no copy can harm."""

import functools
import os
import random
import shutil
import signal
import sys
from pathlib import Path
from typing import Any, Callable, List

import pytest

from store import local
from store.client import TOKEN, Blob, Client, next_commit, tree
from store.local import Writer, check, counts, directory, in_child, reader, save
from wyng_common.messages import Op, Status
from wyng_store import durable, locks, reclaiming
from wyng_store.reclaiming import reclaim


def _payloads(first: int, count: int, size: int = 60_000) -> List[bytes]:
    return [
        random.Random(n).randbytes(size) for n in range(first, first + count)
    ]


# Two sessions: the second keeps half of the first one's chunks.
OLD = tree(_payloads(0, 8), b"old")
NEW = tree(_payloads(4, 4), b"new")
# Keeps an eighth.
FEW = tree(_payloads(7, 1), b"few")


def _expect(root: Path, blobs: List[Blob]) -> None:
    with reader(root) as archive:
        for blob in blobs:
            assert archive.fetcher.fetch(blob.id) == blob.frame
    found = check(root)
    assert found.is_whole and found.counts_agreed
    assert set(counts(root)) == {blob.id for blob in blobs}


def _taken(root: Path) -> int:
    return sum(p.stat().st_blocks * 512 for p in root.glob("packs/*/*"))


@pytest.fixture
def no_holes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durable, "punch", lambda *_: False)


def test_dead_frames_are_punched_out_of_a_pack() -> None:
    with directory() as root:
        save(root, OLD)
        before = _taken(root)
        save(root, NEW, ((1, 1),))
        assert len(list(root.glob("packs/*/*.holed"))) == 1
        assert _taken(root) < before - 3 * 60_000
        _expect(root, NEW)


def test_rebuild_believes_of_a_holed_pack_only_what_holds() -> None:
    with directory() as root:
        save(root, OLD)
        save(root, NEW, ((1, 1),))
        (root / "index.db").unlink()
        with Writer(root) as writer:
            there = writer.have([blob.id for blob in OLD[:8]])
            assert there[4:] == [True] * 4
            assert not any(there[1:3])
            stat = writer.archive.index.state
            assert stat.live_rows == len(NEW)
        _expect(root, NEW)


def test_hard_linked_pack_is_never_punched() -> None:
    with directory() as root:
        save(root, OLD)
        copy = root.with_name("copy")
        shutil.copytree(root, copy, copy_function=os.link)
        save(root, NEW, ((1, 1),))
        assert not list(root.glob("packs/*/*.holed"))
        _expect(copy, OLD)
        _expect(root, NEW)
        with Writer(root) as writer:
            reclaim(writer.archive, TOKEN, 0)
        _expect(copy, OLD)


@pytest.mark.usefixtures("no_holes")
def test_mostly_dead_pack_is_moved_where_nothing_can_be_punched() -> None:
    with directory() as root:
        save(root, OLD)
        before = _taken(root)
        save(root, FEW, ((1, 1),))
        assert _taken(root) < before // 3
        _expect(root, FEW)
        (root / "index.db").unlink()
        _expect(root, FEW)


@pytest.mark.usefixtures("no_holes")
def test_frame_that_fails_its_digest_keeps_its_pack_in_place() -> None:
    with directory() as root:
        save(root, OLD)
        kept = OLD[7].frame
        packs = [p for p in root.glob("packs/*/*") if kept in p.read_bytes()]
        data = bytearray(packs[0].read_bytes())
        data[data.index(kept) + 1000] ^= 1
        packs[0].write_bytes(data)
        save(root, FEW, ((1, 1),))
        assert packs[0].read_bytes() == data


def test_small_packs_are_merged_and_stay_whole() -> None:
    with directory() as root:
        kept: List[Blob] = []
        for n in range(60):
            kept += save_one(root, n)
        assert len(list(root.glob("packs/*/*"))) < 60
        (root / "index.db").unlink()
        _expect(root, kept)


def save_one(root: Path, n: int) -> List[Blob]:
    blobs = tree([b"payload %d" % n], b"%d" % n)
    save(root, blobs)
    return blobs


def test_reader_makes_reclaim_pending_and_the_next_writer_ends_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reclaiming, "READERS_WAIT_SECONDS", 0.1)
    with directory() as root:
        save(root, OLD)
        lock = locks.acquire_reader(root / "readers")
        save(root, NEW, ((1, 1),))
        before = _taken(root)
        with Writer(root) as writer:
            freed, pending = reclaim(writer.archive, TOKEN, 0)
            assert freed == 0 and pending >= 3 * 60_000
        lock.close()
        with Writer(root):
            assert _taken(root) < before - 3 * 60_000
        _expect(root, NEW)


def test_row_that_got_lost_costs_no_frame(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with directory() as root:
        save(root, OLD)
        lock = locks.acquire_reader(root / "readers")
        save(root, NEW, ((1, 1),))
        lock.close()
        monkeypatch.setattr(local, "tidy", lambda *_: None)
        with Writer(root) as writer:
            harm = "DELETE FROM blobs WHERE id=?"
            writer.archive.index.database.execute(harm, (NEW[0].id,))
            reclaim(writer.archive, TOKEN, 0)
        assert not check(root).counts_agreed
        _expect(root, NEW)


def test_budget_bounds_a_reclaim_and_the_rest_is_pending(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with directory() as root:
        for n in range(4):
            save(root, tree(_payloads(10 * n, 4), b"%d" % n))
        lock = locks.acquire_reader(root / "readers")
        save(root, NEW, ((1, 4),))
        lock.close()
        monkeypatch.setattr(reclaiming, "tidy_cheaply", lambda *_: None)
        with Writer(root) as writer:
            freed, pending = reclaim(writer.archive, TOKEN, 100_000)
            assert freed and pending
            while pending:
                more, pending = reclaim(writer.archive, TOKEN, 100_000)
                assert more
            assert reclaim(writer.archive, TOKEN, 0) == (0, 0)
        _expect(root, NEW)


def test_index_from_before_a_reclaim_is_never_believed() -> None:
    with directory() as root:
        save(root, OLD)
        save(root, FEW)
        older = (root / "index.db").read_bytes()
        save(root, FEW, ((1, 2),))
        (root / "index.db").write_bytes(older)
        with reader(root) as archive:
            assert archive.fetcher.fetch(OLD[0].id) is None
        (root / "index.db").write_bytes(older)
        with Writer(root) as writer:
            assert writer.have([OLD[0].id]) == [False]
        _expect(root, FEW)


@pytest.mark.parametrize("harm", ["absent", "damaged"])
def test_lost_number_of_reclaims_costs_a_rebuild_at_most(harm: str) -> None:
    with directory() as root:
        save(root, OLD)
        save(root, NEW, ((1, 1),))
        for path in root.glob("reclaims*"):
            if harm == "absent":
                path.unlink()
            else:
                path.write_bytes(b"rubbish")
        _expect(root, NEW)
        save(root, FEW, ((2, 2),))
        _expect(root, FEW)


def test_rows_name_and_number_are_durable_before_a_hole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: List[str] = []

    def watch(name: str) -> None:
        step: Callable[..., Any] = getattr(durable, name)

        def watched(*arguments: Any) -> Any:
            paths = [a.name for a in arguments if isinstance(a, Path)]
            seen.append(f"{name} {paths[-1] if paths else ''}")
            return step(*arguments)

        monkeypatch.setattr(durable, name, watched)

    for name in ("rename", "sync_directory", "punch"):
        watch(name)
    with directory() as root:
        save(root, OLD)
        del seen[:]
        save(root, NEW, ((1, 1),))
        # The first one only tries whether it can be done.
        first = seen.index("punch ", seen.index("punch ") + 1)
        assert seen[first - 2].endswith(".holed")
        assert seen[first - 1].startswith("sync_directory")
        assert "rename reclaims.copy" in seen[:first]


STEPS = ("sync_file", "sync_directory", "rename", "unlink", "punch")


def _killing(step: Callable[..., Any], left: List[int]) -> Any:
    @functools.wraps(step)
    def stepped(*arguments: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return step(*arguments)

    return stepped


def _cut_off(root: Path, step: str, at: int, punching: bool) -> bool:
    def child() -> None:
        if not punching:
            durable.punch = lambda *_: False
        setattr(durable, step, _killing(getattr(durable, step), [at]))
        with Writer(root) as writer:
            reclaim(writer.archive, TOKEN, 0)

    return os.WIFSIGNALED(in_child(child))


@pytest.mark.parametrize("punching", [True, False], ids=["punch", "move"])
@pytest.mark.parametrize("step", STEPS)
def test_kill_at_any_step_of_a_reclaim_loses_nothing(
    step: str, punching: bool
) -> None:
    hits = 0
    kept = NEW if punching else FEW
    for at in range(1, 100):
        with directory() as root:
            save(root, OLD)
            lock = locks.acquire_reader(root / "readers")
            save(root, kept, ((1, 1),))
            lock.close()
            if not _cut_off(root, step, at, punching):
                break
            hits += 1
            _expect(root, kept)
            with Writer(root) as writer:
                reclaim(writer.archive, TOKEN, 0)
                assert reclaim(writer.archive, TOKEN, 0) == (0, 0)
            _expect(root, kept)
    sys.stdout.write(f"{step}: killed at {hits} places\n")
    assert hits or (step == "punch" and not punching)


def test_reclaim_is_answered_over_the_wire() -> None:
    with directory() as root:
        save(root, OLD)
        with Client(root) as client:
            record = next_commit(client.greet(), FEW[-1].id, ((1, 1),))
            client.put(FEW)
            assert client.commit(record).status is Status.OK
            answer = client.ask(Op.RECLAIM, bytes(8))
            assert answer.status is Status.OK, answer
            client.bye()
        _expect(root, FEW)
