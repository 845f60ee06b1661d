# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a run over twenty thin volumes takes, and LVM's part of it.

No test: bench/lvm_monitor.py runs it, and reads measured.json.
"""

import json
import os
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence

import pytest

from machine.lvm import Group
from machine.lvm_host import hosted
from system.machine import Ended
from wyng_dom0.snapshots import commands

VOLUMES = 20
ROUNDS = 3


class _Timed(commands._Tool):
    """Writes down how long a tool ran, as a line of NAME SECONDS."""

    log = Path()

    def __init__(self, words: Sequence[str], seconds: float) -> None:
        self._name = os.path.basename(words[0])
        self._began = time.monotonic()
        super().__init__(words, seconds)

    def close(self) -> None:
        super().close()
        with open(self.log, "a") as log:
            log.write(f"{self._name} {time.monotonic() - self._began:.4f}\n")


def measured(action: Callable[[], Ended]) -> Dict[str, Any]:
    """One command: seconds in all, and of each tool with its calls."""
    _Timed.log.write_text("")
    began = time.monotonic()
    action().check()
    wall = time.monotonic() - began
    tools: Dict[str, List[float]] = {}
    for line in _Timed.log.read_text().splitlines():
        name, seconds = line.split()
        tools.setdefault(name, []).append(float(seconds))
    return {
        "wall": wall,
        "tools": {name: [len(t), sum(t)] for name, t in tools.items()},
    }


def test_runs_over_twenty_volumes(
    group: Group, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(commands, "_Tool", _Timed)
    monkeypatch.setattr(_Timed, "log", tmp_path / "tools")
    names = [f"disk{number}" for number in range(VOLUMES)]
    found: Dict[str, List[Dict[str, Any]]] = {}
    with hosted(group, "pool") as host:
        host.init("a")
        for name in names:
            host.group.make("pool", name, 8)
            host._made.add(name)
        # A first send maps each volume; all at once outlast a command's time.
        for at in range(0, VOLUMES, 5):
            host.wyng("--archive=a", "send", *names[at : at + 5]).check()
        for turn in range(ROUNDS):
            found.setdefault("monitor, unchanged", []).append(
                measured(host.monitor)
            )
            found.setdefault("send, unchanged", []).append(
                measured(lambda: host.wyng("--archive=a", "send"))
            )
            for name in names:
                host.write(name, 0, 100, seed=turn)
            found.setdefault("send, changed", []).append(
                measured(lambda: host.wyng("--archive=a", "send"))
            )
    target = Path(os.environ["WYNG_IN_MACHINE"]) / "measured.json"
    target.write_text(json.dumps(found))
