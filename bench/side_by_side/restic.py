# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""restic as a contestant."""

import json
from collections.abc import Mapping
from pathlib import Path

from side_by_side.contestant import (
    PASSPHRASE,
    WRONG_PASSPHRASE,
    Contestant,
    Job,
    Volume,
)

# restic's code for every error.
_ERROR = 1


class Restic(Contestant):
    """restic with the second repository format, which compresses."""

    key = "restic"
    title = "restic"
    options = (
        "--repository-version 2, --compression auto (zstd's default level);"
        " forget --prune"
    )

    def environment(self) -> Mapping[str, str]:
        return {
            "RESTIC_REPOSITORY": str(self.archive),
            "RESTIC_PASSWORD_FILE": str(self.home / "password"),
            "RESTIC_CACHE_DIR": str(self.home / "cache"),
        }

    def _open(self, *words: str) -> Job:
        return Job(self.command("restic", *words).commands, unlocks=1)

    def version(self) -> Job:
        return self.command("restic", "version")

    def prepare(self) -> None:
        (self.home / "password").write_text(PASSPHRASE)
        (self.home / "wrong").write_text(WRONG_PASSPHRASE)

    def create(self) -> Job:
        return self.command("restic", "init", "--repository-version", "2")

    def send(self, volume: Volume, label: str) -> Job:
        words = ("--compression", "auto", "--tag", label.partition("-")[0])
        return self._open("backup", *words, volume.name)

    def restore(self, volume: Volume, label: str, target: Path) -> Job:
        tag = label.partition("-")[0]
        return self._open(
            "restore", "latest", "--tag", tag, "--target", str(target)
        )

    def verify(self) -> Job:
        return self._open("check", "--read-data")

    def list(self, volume: Volume) -> Job:
        return self._open("snapshots")

    def find_oldest(self, volume: Volume) -> Job:
        tag = volume.name.partition(".")[0]
        return self._open("snapshots", "--json", "--tag", tag)

    def read_oldest(self, output: str) -> str:
        snapshots = json.loads(output.strip().splitlines()[-1])
        oldest: str = min(snapshots, key=lambda each: each["time"])["id"]
        return oldest

    def prune(self, oldest: str) -> Job:
        return self._open("forget", "--prune", oldest)

    def locked(self) -> "tuple[Job, Job]":
        wrong = self.command(
            "restic",
            "--password-file",
            str(self.home / "wrong"),
            "snapshots",
            accepted=(_ERROR,),
        )
        return wrong, self.version()
