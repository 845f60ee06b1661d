# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A Qubes machine of the tests: qubes with homes, services and a policy.

A qube is a folder with the project's own service scripts in it, and a
`wyng-store` that reads the qube's own configuration files.
"""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any, Dict, List

ROOT = Path(__file__).resolve().parents[2]
CLIENT = Path(__file__).with_name("client.py")
_STORE = """#!{python}
import sys
from pathlib import Path
sys.path[:0] = {path!r}
from wyng_store import configuration
configuration.FILES = (Path({etc!r}), Path({rw!r}))
from wyng_store.main import main
sys.exit(main())
"""


class Qubes:
    """`bin` goes in front of dom0's PATH, and has qrexec-client."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.bin = root / "bin"
        self.bin.mkdir(parents=True)
        self._known: Dict[str, Any] = {"qubes": {}, "faults": {}}
        self.policies = root / "policy.d"
        self.policies.mkdir()
        shutil.copy(ROOT / "policy" / "80-wyng.policy", self.policies)
        self._program(self.bin / "qrexec-client", "dom0")

    def _program(self, path: Path, caller: str) -> None:
        tests = CLIENT.parents[1]
        path.write_text(
            f"#!/bin/sh\nPYTHONPATH={tests} exec {sys.executable} {CLIENT}"
            f' {self.root} {caller} "$@"\n'
        )
        path.chmod(0o755)

    @property
    def path(self) -> str:
        """PATH of dom0."""
        return f"{self.bin}:{os.environ['PATH']}"

    def client_of(self, caller: str) -> Path:
        """A folder with the qrexec-client-vm of another qube."""
        folder = self.root / f"bin-{caller}"
        folder.mkdir(exist_ok=True)
        self._program(folder / "qrexec-client-vm", caller)
        return folder

    def add(self, name: str, running: bool = True) -> "Qube":
        self._known["qubes"][name] = {"running": running}
        self._write()
        return Qube(self.root / "qubes" / name)

    def set_running(self, name: str, running: bool) -> None:
        self._known["qubes"][name]["running"] = running
        self._write()

    def bytes_up(self) -> List[int]:
        """How much each call was given, in the order of their ends."""
        return [int(line.split()[3]) for line in self._log() if line[0] == "e"]

    def break_(self, kind: str, after: int = 0, service: str = "*") -> None:
        """From now on this happens to calls, behind so many bytes."""
        self._known["faults"] = {service: {"kind": kind, "after": after}}
        self._write()

    def mend(self) -> None:
        self._known["faults"] = {}
        self._write()

    def calls(self) -> List[str]:
        """The services called so far."""
        return [line.split()[1] for line in self._log() if line[0] == "s"]

    def most_open(self) -> int:
        """How many calls were open at once at most."""
        now = most = 0
        for line in self._log():
            now += 1 if line.startswith("start") else -1
            most = max(most, now)
        return most

    def open_now(self) -> int:
        """How many calls are open."""
        log = self._log()
        return 2 * sum(line.startswith("start") for line in log) - len(log)

    def _log(self) -> List[str]:
        path = self.root / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def _write(self) -> None:
        (self.root / "qubes.json").write_text(json.dumps(self._known))


class Qube:
    """One qube's folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = root / "home"
        self.etc = root / "etc-wyng-store.conf"
        self.rw = root / "rw-wyng-store.conf"
        self.bin = root / "bin"
        self.home.mkdir(parents=True)
        self.bin.mkdir()
        shutil.copytree(ROOT / "qubes-rpc" / "vm", root / "rpc")
        program = self.bin / "wyng-store"
        program.write_text(
            _STORE.format(
                python=sys.executable,
                path=[str(ROOT / each) for each in ("common", "backupvm")],
                etc=str(self.etc),
                rw=str(self.rw),
            )
        )
        program.chmod(0o755)
