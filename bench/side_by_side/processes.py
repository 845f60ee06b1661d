# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Running a command and knowing what it cost, all its descendants included.

Wall time is from start to the end of the first process. Processor time is the
kernel's account of that process and every descendant it waited for. Memory is
each process's own high-water mark, read twenty times a second while it lives,
because the kernel's account afterwards doesn't tell one process from another.
"""

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

from side_by_side.figures import TOGETHER

_SAMPLE_SECONDS = 0.05
_KIB = 1024
LARGEST = "largest"


class CommandFailed(Exception):
    """A command of the benchmark ended with an error; says which and how."""


@dataclass(frozen=True)
class Command:
    """What to run, where and with which additions to the environment."""

    words: "tuple[str, ...]"
    cwd: Optional[Path] = None
    env: Mapping[str, str] = field(default_factory=dict)
    # Exit codes that are no failure.
    accepted: "tuple[int, ...]" = (0,)


@dataclass(frozen=True)
class Spent:
    """Seconds of wall and processor, bytes of memory, and what it printed."""

    wall: float
    cpu: float
    peaks: "dict[str, int]"
    output: str


def run(command: Command, log: Path, sample: bool = False) -> Spent:
    """Run a command to its end; standard output and error go to `log`.

    Raises CommandFailed, with the last line it printed.
    """
    with open(log, "wb") as file:
        started = time.monotonic()
        child = subprocess.Popen(
            command.words,
            cwd=command.cwd,
            env={**_environment(), **command.env},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
        sampler = Sampler(child.pid) if sample else None
        _, status, used = os.wait4(child.pid, 0)
        wall = time.monotonic() - started
        child.returncode = os.waitstatus_to_exitcode(status)
    peaks = {LARGEST: used.ru_maxrss * _KIB}
    if sampler is not None:
        peaks.update(sampler.end())
    output = log.read_text("utf-8", "replace")
    if child.returncode not in command.accepted:
        last = (output.strip().splitlines() or ["(it said nothing)"])[-1]
        raise CommandFailed(
            f"{' '.join(command.words)} ended with {child.returncode}: {last}"
        )
    return Spent(wall, used.ru_utime + used.ru_stime, peaks, output)


def _environment() -> "dict[str, str]":
    """Ours, but compiled modules are kept, as where programs are installed."""
    kept = dict(os.environ)
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return kept


class Sampler:
    """Reads the memory of a process and its descendants until told to end."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._peaks: "dict[str, int]" = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def end(self) -> "dict[str, int]":
        """Stop; bytes at most by program, and of all at one moment."""
        self._ended.set()
        self._thread.join()
        return self._peaks

    def _sample(self) -> None:
        while not self._ended.wait(_SAMPLE_SECONDS):
            together = 0
            for pid in descendants(self._pid):
                name = _program_name(pid)
                peak, current = _memory(pid)
                if name and peak:
                    self._raise_peak(name, peak)
                together += current
            self._raise_peak(TOGETHER, together)

    def _raise_peak(self, name: str, value: int) -> None:
        self._peaks[name] = max(value, self._peaks.get(name, 0))


def descendants(pid: int) -> "list[int]":
    """A process, its children, theirs, and so on, as far as they live."""
    found = [pid]
    for each in found:
        try:
            tasks = os.listdir(f"/proc/{each}/task")
        except OSError:
            continue
        for task in tasks:
            found += map(int, _read(f"/proc/{each}/task/{task}/children"))
    return found


def program_name(words: Sequence[str]) -> str:
    """The program a command line runs; interpreters are looked through."""
    names = [os.path.basename(word) for word in words[:3] if word]
    for name in names:
        if not name.startswith(("python", "-")):
            return name
    return names[0] if names else ""


def parse_memory(status: "list[str]") -> "tuple[int, int]":
    """(high-water mark, current) in bytes from the words of a status file."""
    values = [0, 0]
    for place, key in enumerate(("VmHWM:", "VmRSS:")):
        if key in status:
            values[place] = int(status[status.index(key) + 1]) * _KIB
    return values[0], values[1]


def _program_name(pid: int) -> str:
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ""
    return program_name(line.decode("utf-8", "replace").split("\0"))


def _memory(pid: int) -> "tuple[int, int]":
    return parse_memory(_read(f"/proc/{pid}/status"))


def _read(path: str) -> "list[str]":
    try:
        return Path(path).read_text("utf-8", "replace").split()
    except OSError:
        # It has ended since; what was read before counts.
        return []
