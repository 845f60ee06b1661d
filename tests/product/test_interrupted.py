# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Questions that are broken off: one sentence, a code, nothing changed."""

import os
import pty
import select
import subprocess
import sys
import time

import pytest

from product.machine import DATA, START, Machine

MINE = b"what was there before"


def asked(
    machine: Machine, *words: str, typed: bytes
) -> "tuple[int, list[str]]":
    """A command on a terminal of its own; its code, and what it showed.

    `typed` is typed as soon as it asks.
    """
    pid, fd = pty.fork()
    if pid == 0:
        os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)
        given = [f"--meta-dir={machine.state}", *words]
        os.execv(sys.executable, [sys.executable, "-c", START, *given])
    shown, end = b"", time.monotonic() + 60
    while time.monotonic() < end:
        if not select.select([fd], [], [], 1)[0]:
            continue
        try:
            shown += os.read(fd, 65536)
        except OSError:  # the other end is closed
            break
        if typed and (b"] " in shown or b": " in shown):
            os.write(fd, typed)
            typed = b""
    os.close(fd)
    status = os.waitpid(pid, 0)[1]
    lines = shown.decode("utf-8", "replace").replace("\r", "").splitlines()
    return os.waitstatus_to_exitcode(status), lines


@pytest.mark.parametrize(
    "typed, said",
    [
        (b"\x03", "interrupted"),
        (b"\x04", "the question was not answered"),
        (b"\n", "the answer was no"),
        (b"yess\n", "the answer was no"),
        (b"\xff\xfe\n", "the answer was no"),
    ],
)
def test_question_that_is_broken_off_changes_nothing(
    kept: Machine, typed: bytes, said: str
) -> None:
    out = kept.root / "out"
    out.write_bytes(MINE)
    words = ("receive", "a", f"--save-to={out}")
    code, lines = asked(kept, *words, typed=typed)
    assert code == 1
    assert lines[-1].startswith("qvm-wyng: ") and said in lines[-1]
    assert out.read_bytes() == MINE
    assert os.listdir(kept.state / "runs") == []


def test_answer_is_taken(kept: Machine) -> None:
    out = kept.root / "out"
    out.write_bytes(MINE)
    words = ("receive", "a", f"--save-to={out}")
    assert asked(kept, *words, typed=b"y\n")[0] == 0
    assert out.read_bytes() == DATA


def test_name_that_is_mistyped_deletes_nothing(kept: Machine) -> None:
    for typed in (b"b\n", b"\x03", b"\x04"):
        code, lines = asked(kept, "delete", "a", typed=typed)
        assert code == 1 and lines[-1].startswith("qvm-wyng: ")
    assert kept.restored("a") == DATA


@pytest.mark.parametrize("closed", ["<&-", "<&- >&-", "<&- >&- 2>&-"])
def test_closed_streams_change_nothing(kept: Machine, closed: str) -> None:
    out = kept.root / "out"
    out.write_bytes(MINE)
    done = subprocess.run(
        ["sh", "-c", f'"$@" {closed}', "sh", sys.executable, "-c", START]
        + [f"--meta-dir={kept.state}", "receive", "a", f"--save-to={out}"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == (0 if "2>" in closed else 1)
    assert out.read_bytes() == MINE
