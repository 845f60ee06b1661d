# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Asks and tells systemd, by its own programs, for a bounded time."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from wyng_dom0.errors import Refused
from wyng_dom0.names import one_line

RUNS = Path("/run/systemd/system")
PATH = "/usr/bin:/bin"
SYSTEMCTL = "systemctl"
_ANALYZE = "systemd-analyze"
_SECONDS = 30.0
_ANSWER_MAX = 64 * 1024
_CALENDAR_MAX = 200


@dataclass(frozen=True)
class Answer:
    """What a program said; `code` None where it did not end by itself."""

    code: int | None
    out: str = ""
    err: str = ""


def is_there() -> bool:
    """Does systemd run this machine?"""
    return RUNS.is_dir()


def ask(program: str, *words: str, seconds: float = _SECONDS) -> Answer:
    """Run one of systemd's programs; times are told in UTC."""
    try:
        done = subprocess.run(
            [program, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PATH": PATH, "LC_ALL": "C", "TZ": "UTC"},
            timeout=seconds,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return Answer(None, err=one_line(str(error)))
    return Answer(done.returncode, _text(done.stdout), _text(done.stderr))


def tell(*words: str) -> None:
    """Let systemctl do something; raises Refused with what it says."""
    answer = ask(SYSTEMCTL, *words)
    if answer.code != 0:
        lines = answer.err.strip().splitlines() or ["it does not answer"]
        raise Refused(f"systemctl {words[0]}: {one_line(lines[-1])}")


def is_calendar(text: str) -> bool:
    """Does systemd take it for times of the calendar?"""
    if not text or len(text) > _CALENDAR_MAX or not text.isprintable():
        return False
    return ask(_ANALYZE, "calendar", "--", text).code == 0


def _text(data: bytes) -> str:
    return data[:_ANSWER_MAX].decode("utf-8", "replace")
