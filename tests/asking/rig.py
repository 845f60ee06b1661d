# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""dom0 with archives by their definitions alone: asking opens none."""

import json
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Dict, List

from product.machine import Machine
from qrexec_stand_in.dom0 import Dom0Side
from qrexec_stand_in.qubes import Qubes
from qubes.dom0 import python_path
from qubesadmin_stand_in.qubes_system import QubesSystem
from wyng_common.ids import ArchiveId
from wyng_dom0.state import definitions
from wyng_dom0.state.definitions import ArchiveDefinition
from wyng_dom0.state.places import Places
from wyng_dom0.state.requests import Request, list_requests

NOW = datetime(2026, 11, 26, 12, tzinfo=timezone.utc)
ARCHIVES = {"laptop": "qubes://backup/mine", "far": "qubes://other/theirs"}


class Rig:
    """The qubes `backup` and `other` hold an archive each."""

    def __init__(self, root: Path) -> None:
        self.machine = Machine(root / "machine")
        self.places = Places(self.machine.state)
        self.system = QubesSystem(root / "qubes")
        self.qubes = Qubes(root / "qrexec")
        for name in ("backup", "other", "work"):
            self.system.add(name)
            self.qubes.add(name)
        self.env = {**self.system.env, "PYTHONPATH": python_path()}
        self.dom0 = Dom0Side(self.qubes, self.machine.state, self.env)
        for number, (name, url) in enumerate(ARCHIVES.items(), 1):
            self.define(name, url, number)

    def define(self, name: str, url: str, number: int) -> None:
        definitions.save_new(
            self.places,
            ArchiveDefinition(
                name=name,
                archive=ArchiveId(bytes([number] * 16)),
                destination=url,
                subdir="",
                source="qubes",
                created=NOW - timedelta(days=9),
                number=number,
                suite="aes-256-gcm",
                hashtype="sha256",
                compression="zstd:3",
                chunk_factor=2,
                dedup_domain="qube",
            ),
        )

    def run(self, *words: str) -> str:
        return self.machine.run(*words, env=self.env)

    def fails(self, code: int, *words: str) -> str:
        return self.machine.fails(code, *words, env=self.env)

    def said(self, kind: str, *words: str) -> Dict[str, Any]:
        return self.machine.parsed(self.run("--json", *words), kind)

    def asked(self) -> List[Request]:
        return list_requests(self.places)

    def log(self) -> List[Dict[str, Any]]:
        """What `requests log` says."""
        return list(self.said("request-log", "requests", "log")["entries"])

    def words(self) -> List[str]:
        """What happened, by the log, in one word each."""
        return [each["what"] for each in self.log()]

    def client(self, caller: str, service: str) -> "subprocess.Popen[bytes]":
        return self.dom0.start_client(caller, service)

    def policy(self) -> "Dict[str, str]":
        """The policy files there are."""
        found = sorted(self.qubes.policies.glob("*.policy"))
        return {each.name: each.read_text() for each in found}


def logged(rig: Rig) -> str:
    """All of the log, as one text."""
    return json.dumps(rig.log())
