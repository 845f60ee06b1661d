# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A Qubes system on btrfs with an archive of its qubes, for tests."""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from product.machine import Machine
from qubesadmin_stand_in.qubes_system import HERE, QubesSystem


class Dom0:
    """A Qubes system on btrfs, and an archive of its qubes."""

    def __init__(
        self,
        root: Path,
        machine: Machine,
        *words: str,
        env: "Mapping[str, str]" = MappingProxyType({}),
    ) -> None:
        """`words` are for arch-init, instead of a folder that is unsealed."""
        self.machine = machine
        self.system = QubesSystem(root / "qubes")
        self.system.add("work", private=b"work at first", netvm="")
        self.system.add("vault", private=b"secret", include_in_backups=False)
        self.system.add("alone", "StandaloneVM", private=b"p", root=b"r")
        self.system.change("work", tags=["client"])
        self.env = {**self.system.env, "PYTHONPATH": python_path(), **env}
        words = words or ("--encrypt=off", f"--dest={machine.dest()}")
        self.run(*words, "arch-init")

    def run(self, *words: str) -> str:
        return self.machine.run(*words, env=self.env)

    def fails(self, code: int, *words: str) -> str:
        return self.machine.fails(code, *words, env=self.env)

    def sent(self, *words: str) -> "list[str]":
        """Names of the volumes that a send was about."""
        out = self.run("--json", "send", *words)

        found = [json.loads(line) for line in out.splitlines()]
        return [e["volume"] for e in found if e.get("event") == "volume-done"]

    def states(self, volume: str) -> "list[str]":
        out = self.run("--json", "list", volume)
        return [
            e["state"] for e in self.machine.parsed(out, "sessions")["sessions"]
        ]

    def restored(self, volume: str) -> bytes:
        target = self.machine.root / "restored.img"
        target.unlink(missing_ok=True)
        self.run(f"--save-to={target}", "receive", volume)
        return target.read_bytes()


def python_path() -> str:
    return os.pathsep.join([str(HERE), *sys.path])
