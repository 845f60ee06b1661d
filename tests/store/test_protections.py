# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The order of what is made durable, each protection by itself."""

import os
import threading
import time
from pathlib import Path
from typing import Any, Callable, List

import pytest

from store.client import tree
from store.local import Writer, counts, directory, save
from wyng_common.ids import StagingToken
from wyng_store import durable, locks
from wyng_store.errors import (
    Busy,
    Conflict,
    DurabilityLost,
    IndexDamaged,
    MissingBlobs,
)
from wyng_store.layout import STAGED_SECONDS_MAX
from wyng_store.reclaiming import expire, unlink_dead

OLD = tree([b"shared" * 50, b"old" * 50], b"old")
NEW = tree([b"shared" * 50, b"new" * 50], b"new")


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> List[str]:
    """What was made durable or visible, in order."""
    seen: List[str] = []

    def watch(name: str) -> None:
        step: Callable[..., Any] = getattr(durable, name)

        def watched(*arguments: Any) -> Any:
            paths = [a.suffix for a in arguments if isinstance(a, Path)]
            seen.append(f"{name}{paths[-1] if paths else ''}")
            return step(*arguments)

        monkeypatch.setattr(durable, name, watched)

    for name in (
        "sync_file",
        "sync_directory",
        "rename",
        "unlink",
        "link_exclusive",
    ):
        watch(name)
    return seen


def test_pack_is_synced_before_it_gets_its_name(steps: List[str]) -> None:
    with directory() as root, Writer(root) as writer:
        writer.put(NEW[:1])
        del steps[:]
        writer.staging.sync()
        assert steps == ["sync_file.part", "rename.pack", "sync_directory"]


def test_record_comes_after_every_pack(steps: List[str]) -> None:
    with directory() as root, Writer(root) as writer:
        writer.put(NEW)
        del steps[:]
        writer.commit(NEW[-1].id)
        first = steps.index("link_exclusive.commit")
        assert "rename.pack" not in steps[first:]
        assert steps[first - 1] == "sync_file.tmp"
        assert "sync_directory" in steps[first:]


def test_rows_are_gone_before_their_pack() -> None:
    with directory() as root:
        save(root, OLD)
        with Writer(root) as writer:
            index = writer.archive.index
            pack, *_ = index.packs()
            harm = "UPDATE packs SET rows=0 WHERE num=?"
            index._db.execute(harm, (pack.num,))
            with pytest.raises(IndexDamaged):
                index.dead_packs()
            forged = pack._replace(rows=0)
            with index.transaction():
                index._write_pack(forged)
            unlink_dead(writer.archive, 0.0)
            assert writer.archive.shelf.exists(pack.name)
        assert set(counts(root)) == {blob.id for blob in OLD}


def test_nothing_is_unlinked_under_a_reader() -> None:
    with directory() as root:
        save(root, OLD)
        lock = locks.acquire_reader(root / "readers")
        save(root, NEW, ((1, 1),))
        with Writer(root) as writer:
            dead = writer.archive.index.dead_packs()
            with pytest.raises(Busy):
                unlink_dead(writer.archive, 0.0)
            assert all(writer.archive.shelf.exists(p.name) for p in dead)
            lock.close()
            assert unlink_dead(writer.archive, 0.0)
            assert not any(writer.archive.shelf.exists(p.name) for p in dead)


def test_failed_fsync_is_never_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: List[int] = []

    def failing(fd: int) -> None:
        calls.append(fd)
        raise OSError(5, "Input/output error")

    with directory() as root, Writer(root) as writer:
        writer.put(NEW[:1])
        monkeypatch.setattr(os, "fsync", failing)
        with pytest.raises(DurabilityLost):
            writer.staging.sync()
        assert len(calls) == 1
        monkeypatch.undo()
        with pytest.raises(DurabilityLost):
            writer.staging.sync()


def test_record_never_replaces_another_with_its_number() -> None:
    with directory() as root, Writer(root) as writer:
        writer.put([*OLD, *NEW])
        writer.staging.sync()
        chain = writer.archive.chain
        original = chain.append

        def raced(record: Any, data: bytes) -> bool:
            other = record.__class__(
                record.archive, 1, record.previous, OLD[-1].id, 7
            )
            assert original(other, other.encode())
            return original(record, data)

        chain.append = raced  # type: ignore[method-assign]
        with pytest.raises(Conflict):
            writer.commit(NEW[-1].id)
        assert chain.load(1).commit.catalog == OLD[-1].id


def test_commit_asks_again_what_have_once_promised() -> None:
    with directory() as root:
        save(root, OLD)
        with Writer(root) as writer:
            assert writer.have([OLD[0].id]) == [True]
            writer.put(NEW[1:])
            with writer.archive.index.transaction():
                row = writer.archive.index.find(OLD[0].id)
                assert row is not None
                writer.archive.index.write([(row, row._replace(bad=1))])
            with pytest.raises(MissingBlobs):
                writer.commit(NEW[-1].id)


def test_stale_staged_blobs_go_and_fresh_ones_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    later = time.time() + STAGED_SECONDS_MAX + 60
    with directory() as root:
        with Writer(root) as writer:
            writer.put(OLD)
            writer.staging.sync()
        with Writer(root, StagingToken(b"O" * 16)) as writer:
            expire(writer.archive, writer.token)
            assert writer.archive.index.state.rows == len(OLD)
            monkeypatch.setattr(time, "time", lambda: later)
            expire(writer.archive, writer.token)
            assert writer.archive.index.state.rows == 0
            assert unlink_dead(writer.archive, 0.0)
            assert not writer.archive.shelf.names()


def test_threads_end_with_the_staging() -> None:
    with directory() as root:
        before = threading.active_count()
        with Writer(root) as writer:
            writer.put(NEW)
        assert threading.active_count() == before
