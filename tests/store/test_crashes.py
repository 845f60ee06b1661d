# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""SIGKILL before and after every step that makes something durable."""

import functools
import os
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Callable

import pytest

from store.client import Blob, tree
from store.local import Writer, check, directory, in_child, reader, save
from wyng_store import durable

STEPS = (
    "sync_file",
    "sync_directory",
    "rename",
    "unlink",
    "link_exclusive",
    "make_directory",
    "create_file",
    "write_all",
)
OLD = tree([b"shared" * 50, b"old" * 50], b"old")
NEW = tree([b"shared" * 50, b"new" * 50], b"new")


def _killing(step: Callable[..., Any], left: "list[int]", before: bool) -> Any:
    @functools.wraps(step)
    def stepped(*arguments: Any) -> Any:
        left[0] -= 1
        if before and left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        result = step(*arguments)
        if not before and left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return stepped


def _replace(root: Path) -> None:
    """The work that is cut off: a new session, releasing the old one."""
    with Writer(root) as writer:
        if writer.archive.head()[0] == 1:
            writer.put(NEW)
            writer.commit(NEW[-1].id, ((1, 1),))


def _killed_at(root: Path, step: str, at: int, before: bool) -> bool:
    """Did the step come up that often?"""

    def child() -> None:
        left = [at]
        patched = _killing(getattr(durable, step), left, before)
        setattr(durable, step, patched)
        _replace(root)

    return os.WIFSIGNALED(in_child(child))


def _expect_whole(root: Path, blobs: "list[Blob]") -> None:
    found = check(root)
    assert found.is_whole and found.counts_agreed
    with reader(root) as archive:
        for blob in blobs:
            assert archive.fetcher.fetch(blob.id) == blob.frame
        assert archive.index.state.live_rows == len(blobs)


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_kill_at_any_step_leaves_the_old_or_the_new(
    step: str, before: bool
) -> None:
    hits: Counter[str] = Counter()
    for at in range(1, 200):
        with directory() as root:
            save(root, OLD)
            if not _killed_at(root, step, at, before):
                break
            hits[step] += 1
            with Writer(root) as writer:
                sequence = writer.archive.head()[0]
            assert sequence in (1, 2)
            _expect_whole(root, OLD if sequence == 1 else NEW)
            _replace(root)
            _expect_whole(root, NEW)
    sys.stdout.write(f"{step}: killed at {hits[step]} places\n")
    assert hits[step]
