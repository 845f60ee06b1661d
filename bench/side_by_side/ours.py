# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""qvm-wyng as a contestant: a directory source and a local destination."""

import hashlib
import json
from pathlib import Path

from side_by_side.contestant import (
    LARGE,
    PASSPHRASE,
    Contestant,
    Job,
    Volume,
)

_ROOT = Path(__file__).resolve().parent.parent.parent
_PACKAGES = ("common", "dom0", "backupvm")


class Ours(Contestant):
    """qvm-wyng with its defaults, and the key remembered."""

    key = "ours"
    title = "qvm-wyng"
    options = "defaults: zstd:3, chunks of 128 KiB, aes-256-gcm; key remembered"
    factor = 2

    def __init__(self, home: Path, source: Path, programs: Path) -> None:
        super().__init__(home, source)
        self._program = str(programs / "qvm-wyng")
        self.revision = source_hash()

    def _words(self, *words: str, state: str = "state") -> Job:
        meta = f"--meta-dir={self.home / state}"
        return self.command(self._program, meta, "--unattended", *words)

    def version(self) -> Job:
        return self._words("version")

    def prepare(self) -> None:
        self.archive.mkdir()
        (self.home / "passphrase").write_text(PASSPHRASE + "\n")

    def create(self) -> Job:
        return self._words(
            "--remember",
            f"--passcmd=cat {self.home / 'passphrase'}",
            f"--local={self.source}",
            f"--dest=internal:{self.archive}",
            f"--chunk-factor={self.factor}",
            "arch-init",
        )

    def send(self, volume: Volume, label: str) -> Job:
        return self._words("send", volume.name)

    def restore(self, volume: Volume, label: str, target: Path) -> Job:
        save = f"--save-to={target / volume.name}"
        return self._words(save, "receive", volume.name)

    def verify(self) -> Job:
        return self._words("verify")

    def list(self, volume: Volume) -> Job:
        return self._words("list", volume.name)

    def find_oldest(self, volume: Volume) -> Job:
        return self._words("--json", "list", volume.name)

    def read_oldest(self, output: str) -> str:
        listed = json.loads(output)
        return f"{listed['volume']} {listed['sessions'][0]['session']}"

    def prune(self, oldest: str) -> Job:
        volume, session = oldest.split()
        return self._words(f"--session={session}", "prune", volume)

    def locked(self) -> "tuple[Job, Job]":
        passcmd = f"--passcmd=cat {self.home / 'passphrase'}"
        place = f"--from=internal:{self.archive}"
        return (
            self._words(place, passcmd, "list", LARGE.name, state="bare"),
            self._words("list", LARGE.name),
        )


class OursLarger(Ours):
    """The same with chunks twice as large."""

    key = "ours-256k"
    title = "qvm-wyng, 256 KiB"
    options = "--chunk-factor=3, otherwise the same"
    factor = 3


def source_hash() -> str:
    """Changes with every change of the program."""
    digest = hashlib.sha256()
    for package in _PACKAGES:
        for path in sorted((_ROOT / package).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
