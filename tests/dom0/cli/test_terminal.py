# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""On a real terminal: the bar is drawn, a passphrase is not echoed."""

import os
import pty
import select
import sys
import termios
import time
from pathlib import Path

import pytest

BAR = """
import sys
from wyng_dom0.cli import main as program
from wyng_dom0.events import Progress, VolumeDone
def run(context):
    for done in (0, 5 << 20, 10 << 20):
        context.listener(Progress("disk1.img", done, 10 << 20))
    context.listener(VolumeDone("disk1.img", changed=False))
program.run_command = run
sys.exit(program.main(["send"] + sys.argv[1:]))
"""
ASK = """
import sys
from wyng_dom0.cli.prompts import TerminalPrompts
asked = TerminalPrompts(unattended=False).passphrase("the archive laptop")
sys.exit(0 if asked == b"geheim" else 1)
"""


def on_terminal(
    code: str, *words: str, typed: bytes = b"", columns: int = 100
) -> "tuple[int, str]":
    """Run Python on a terminal of its own; exit code and all it showed."""
    pid, fd = pty.fork()
    if pid == 0:
        os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)
        os.environ["TERM"] = "xterm"
        os.execv(sys.executable, [sys.executable, "-c", code, *words])
    termios.tcsetwinsize(fd, (25, columns))
    shown, end = b"", time.monotonic() + 60
    while time.monotonic() < end:
        if not select.select([fd], [], [], 1)[0]:
            continue
        try:
            got = os.read(fd, 65536)
        except OSError:  # the other end is closed
            break
        shown += got
        if typed and b": " in shown:
            os.write(fd, typed)
            typed = b""
        if not got:
            break
    os.close(fd)
    status = os.waitpid(pid, 0)[1]
    return os.waitstatus_to_exitcode(status), shown.decode()


def test_bar_shows_name_bytes_and_rate() -> None:
    code, shown = on_terminal(BAR)
    assert code == 0
    assert "disk1.img" in shown and "/10.0M" in shown and "B/s" in shown
    assert "disk1.img: no change" in shown


def test_narrow_bar_keeps_rate_and_time_left() -> None:
    code, shown = on_terminal(BAR, columns=40)
    assert code == 0
    lines = shown.replace("\r", "\n").split("\n")
    bars = [line for line in lines if "B/s" in line]
    assert bars, shown
    assert all(len(line) <= 40 for line in bars)
    assert "disk1.img 0% 0.00 ?B/s ?" in bars[0]


@pytest.mark.parametrize("option", ["--json", "--quiet"])
def test_no_bar_where_none_is_wanted(option: str, tmp_path: Path) -> None:
    code, shown = on_terminal(BAR, option)
    assert code == 0 and "B/s" not in shown


def test_passphrase_is_not_echoed() -> None:
    code, shown = on_terminal(ASK, typed=b"geheim\n")
    assert code == 0
    assert "Passphrase of the archive laptop: " in shown
    assert "geheim" not in shown
