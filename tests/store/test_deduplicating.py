# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What lies there twice goes once, and never the one that is good."""

import functools
import os
import random
import shutil
import signal
import struct
from pathlib import Path
from typing import Any, List

import pytest

from store.client import TOKEN, Client, run, tree
from store.local import Writer, check, counts, directory, in_child, reader, save
from wyng_common.messages import Capability, Op, Status
from wyng_store import durable
from wyng_store.deduplicating import Deduplicated, deduplicate
from wyng_store.layout import Layout
from wyng_store.recovering import open_for_writing

CHUNKS = [random.Random(n).randbytes(60_000) for n in range(8)]
SESSION = tree(CHUNKS, b"one")
# Half of it, and something of its own.
OTHER = tree(CHUNKS[4:] + [random.Random(99).randbytes(60_000)], b"two")


def taken(root: Path) -> int:
    return sum(p.stat().st_blocks * 512 for p in root.glob("packs/*/*"))


def copy_in(root: Path, blobs: "list[Any]") -> List[Path]:
    """Packs of another archive that has these blobs, copied into this one."""
    with directory() as other:
        save(other, blobs)
        copied = []
        for pack in other.glob("packs/*/*.pack"):
            target = root / "packs" / pack.parent.name / pack.name
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(pack, target)
            copied.append(target)
        return copied


def deduplicated(root: Path) -> Deduplicated:
    """Without what a connection tidies when it opens the archive."""
    archive = open_for_writing(Layout(root))
    try:
        return deduplicate(archive, TOKEN, 0)
    finally:
        archive.close()


def expect_whole(root: Path) -> None:
    found = check(root)
    assert found.is_whole and not found.spoiled
    assert set(counts(root)) == {blob.id for blob in SESSION}
    with reader(root) as archive:
        for blob in SESSION:
            assert archive.fetcher.fetch(blob.id) == blob.frame


def flip(path: Path, frame: bytes) -> None:
    data = bytearray(path.read_bytes())
    data[data.index(frame) + 1000] ^= 1
    path.write_bytes(data)


def test_archive_without_duplicates_is_left_alone() -> None:
    with directory() as root:
        save(root, SESSION)
        before = {p: p.read_bytes() for p in root.glob("packs/*/*")}
        assert deduplicated(root) == (0, 0, 0, 0)
        assert {p: p.read_bytes() for p in root.glob("packs/*/*")} == before


def test_packs_copied_in_go_and_the_session_stays() -> None:
    with directory() as root:
        save(root, SESSION)
        before = taken(root)
        copy_in(root, SESSION)
        found = deduplicated(root)
        # Eight chunks, the node; page and catalog with their copies.
        assert found.frames == 13 and found.freed >= 8 * 60_000
        assert found.pending == 0 and taken(root) == before
        assert deduplicated(root) == (0, 0, 0, 0)
        expect_whole(root)


def test_pack_that_is_partly_twice_loses_that_part() -> None:
    with directory() as root:
        save(root, SESSION)
        copy_in(root, OTHER)
        found = deduplicated(root)
        assert found.frames == 4 and found.freed > 3 * 60_000
        assert deduplicated(root).frames == 0
        (root / "index.db").unlink()
        expect_whole(root)


def test_good_frame_stays_when_the_listed_one_has_rotted() -> None:
    with directory() as root:
        save(root, SESSION)
        (listed,) = [
            p
            for p in root.glob("packs/*/*.pack")
            if SESSION[3].frame in p.read_bytes()
        ]
        copy_in(root, SESSION)
        # Listed while both are good, so that either may be the kept one.
        open_for_writing(Layout(root)).close()
        flip(listed, SESSION[3].frame)
        deduplicated(root)
        with reader(root) as archive:
            for blob in SESSION:
                assert archive.fetcher.fetch(blob.id) == blob.frame
        (root / "index.db").unlink()
        assert check(root).is_whole


@pytest.mark.parametrize("punching", [True, False])
def test_duplicates_go_where_nothing_can_be_punched_too(
    monkeypatch: pytest.MonkeyPatch, punching: bool
) -> None:
    with directory() as root:
        save(root, SESSION)
        copy_in(root, OTHER)
        if not punching:
            monkeypatch.setattr(durable, "punch", lambda *_: False)
        assert deduplicated(root).frames == 4
        expect_whole(root)


@pytest.mark.parametrize("step", ["unlink", "rename", "punch", "sync_file"])
def test_kill_at_any_step_loses_nothing(step: str) -> None:
    """Before each call of a step, until it is called no more."""
    hits = 0
    for at in range(1, 20):
        with directory() as root:
            save(root, SESSION)
            copy_in(root, SESSION)
            copy_in(root, OTHER)
            status = in_child(functools.partial(_killed, root, step, at))
            if not os.WIFSIGNALED(status):
                assert os.WEXITSTATUS(status) == 0
                break
            hits += 1
            expect_whole(root)
            deduplicated(root)
            assert deduplicated(root).frames == 0
            expect_whole(root)
    assert hits


def _killed(root: Path, step: str, at: int) -> None:
    """Deduplicate, and die before the step is called for the at-th time."""
    real, left = getattr(durable, step), [at]

    def dying(*arguments: Any) -> Any:
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments)

    setattr(durable, step, dying)
    deduplicated(root)


def test_deduplicating_is_answered_over_the_wire(tmp_path: Path) -> None:
    with directory() as root:
        save(root, SESSION)
        copy_in(root, SESSION)
        with Client(root) as client:
            client.greet()
            answer = client.ask(Op.RECLAIM, bytes(8), flags=1)
            assert answer.status is Status.OK, answer
            freed, pending, frames, _ = struct.unpack(">4Q", answer.body)
            # Whole packs that are twice go when the archive is opened.
            assert freed >= 8 * 60_000 and not pending and not frames
            answer = client.ask(Op.RECLAIM, bytes(8), flags=2)
            assert answer.status is Status.BAD_REQUEST
        said = run("deduplicate", root)
        assert said.returncode == 0 and said.stdout.startswith("0 frames")


def test_have_of_verify_knows_the_living_and_not_the_bad() -> None:
    with directory() as root:
        save(root, SESSION)
        with Writer(root) as writer:
            writer.put(OTHER)
            writer.staging.sync()
        for pack in root.glob("packs/*/*.pack"):
            if SESSION[0].frame in pack.read_bytes():
                flip(pack, SESSION[0].frame)
        ids = [SESSION[0].id, SESSION[1].id, OTHER[4].id]
        with Client(root, Capability.VERIFY) as client:
            client.greet()
            assert client.have(ids) == [True, True, False]
            client.ask(Op.SCRUB, bytes(8), flags=1)
            assert client.have(ids) == [False, True, False]
