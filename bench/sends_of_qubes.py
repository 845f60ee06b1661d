#!/usr/bin/env python3
# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""How long a send of many unchanged qubes takes, in seconds on the wall.

    python bench/sends_of_qubes.py [DIRECTORY]  (default: a temporary one)

40 qubes whose private volumes lie on btrfs (goal 10 s): halted, running and
read live, running and read as they last stopped. qubesd is the tests'
stand-in, which answers in no time, so its calls are counted too. Medians of
five. Mounts a file system of its own, so it needs root.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from side_by_side.timed import seconds_of  # noqa: E402

from qubesadmin_stand_in.qubes_system import HERE, QubesSystem  # noqa: E402

QUBES, ROUNDS = 40, 5
SIZE, DATA = 2 << 30, 2 << 20


class Bench:
    """A Qubes system on `pools`, its archive beside it on `root`."""

    def __init__(self, root: Path, pools: Path) -> None:
        self._root = root
        self.system = QubesSystem(pools / "qubes")
        self.names = [f"qube-{number}" for number in range(QUBES)]
        for name in self.names:
            data = os.urandom(DATA)
            self.system.add(name, private=data, size=SIZE)
        (root / "passphrase").write_text("correct horse battery staple\n")
        self.run(
            *(f"--dest=internal:{root}/archive", "--remember"),
            *(f"--passcmd=cat {root}/passphrase", "arch-init"),
        )

    def run(self, *words: str) -> float:
        """Seconds of a command that must not fail."""
        path = os.pathsep.join([str(HERE), *sys.path])
        more = {**self.system.env, "PYTHONPATH": path}
        return seconds_of(self._root / "state", words, more)

    def tell(self, what: str, state: str) -> None:
        """Send once, then again and again with nothing changed."""
        words = (f"--state={state}", "send", *self.names)
        first = self.run(*words)
        self.system.forget_calls()
        taken = [self.run(*words) for _ in range(ROUNDS)]
        calls = len(self.system.calls()) / ROUNDS / QUBES
        print(
            f"{statistics.median(taken):7.2f} s  {QUBES} unchanged qubes,"
            f" {what}; {calls:.1f} calls of qubesd each, with settings"
            f" (the send before: {first:.2f} s; worst: {max(taken):.2f} s)",
            flush=True,
        )


@contextmanager
def mounted(root: Path) -> Iterator[Path]:
    """An empty btrfs."""
    image, point = root / "image", root / "mounted"
    point.mkdir()
    with open(image, "wb") as file:
        file.truncate(8 << 30)
    subprocess.run(["mkfs.btrfs", "-q", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, point], check=True)
    try:
        yield point
    finally:
        subprocess.run(["umount", point], check=True)


def main(place: Path) -> None:
    """One line for each figure."""
    load = Path("/proc/loadavg").read_text().split()[0]
    print(f"load {load}, {os.cpu_count()} processors")
    with tempfile.TemporaryDirectory(dir=place) as folder:
        root = Path(folder)
        with mounted(root) as pools:
            bench = Bench(root, pools)
            bench.tell("halted", "auto")
            for name in bench.names:
                bench.system.start(name)
            bench.tell("running, live", "live")
            bench.tell("running, clean", "clean")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.gettempdir()))
