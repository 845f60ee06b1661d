# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""BorgBackup as a contestant."""

from collections.abc import Mapping
from pathlib import Path

from side_by_side.contestant import (
    PASSPHRASE,
    WRONG_PASSPHRASE,
    Contestant,
    Job,
    Volume,
)

_DEFAULT_CHUNKER = ("--chunker-params", "buzhash,19,23,21,4095")
_FIXED_CHUNKER = ("--sparse", "--chunker-params", "fixed,131072")
# Borg's code for every error.
_ERROR = 2


class Borg(Contestant):
    """borg with its default chunker."""

    key = "borg"
    title = "borg"
    options = (
        "repokey-blake2, --compression zstd,3, --chunker-params"
        " buzhash,19,23,21,4095 (the default); extract --sparse;"
        " delete, then compact"
    )
    chunker: "tuple[str, ...]" = _DEFAULT_CHUNKER

    def environment(self) -> Mapping[str, str]:
        return {
            "BORG_PASSPHRASE": PASSPHRASE,
            "BORG_BASE_DIR": str(self.home / "base"),
            "BORG_REPO": str(self.archive),
        }

    def _open(self, *words: str) -> Job:
        return Job(self.command("borg", *words).commands, unlocks=1)

    def version(self) -> Job:
        return self.command("borg", "--version")

    def create(self) -> Job:
        return self.command("borg", "init", "-e", "repokey-blake2")

    def send(self, volume: Volume, label: str) -> Job:
        words = ("--compression", "zstd,3", *self.chunker)
        return self._open("create", *words, f"::{label}", volume.name)

    def restore(self, volume: Volume, label: str, target: Path) -> Job:
        job = self._open("extract", "--sparse", f"::{label}", volume.name)
        (command,) = job.commands
        moved = type(command)(command.words, target, command.env)
        return Job((moved,), job.unlocks)

    def verify(self) -> Job:
        return self._open("check", "--verify-data")

    def list(self, volume: Volume) -> Job:
        return self._open("list")

    def find_oldest(self, volume: Volume) -> Job:
        name = volume.name.partition(".")[0]
        return self._open("list", "--short", "--glob-archives", f"{name}-*")

    def read_oldest(self, output: str) -> str:
        return output.split()[0]

    def prune(self, oldest: str) -> Job:
        delete = self._open("delete", f"::{oldest}")
        compact = self.command("borg", "compact")
        return Job(delete.commands + compact.commands, delete.unlocks)

    def locked(self) -> "tuple[Job, Job]":
        (command,) = self.command("borg", "list", accepted=(_ERROR,)).commands
        env = {**command.env, "BORG_PASSPHRASE": WRONG_PASSPHRASE}
        wrong = type(command)(command.words, command.cwd, env, (_ERROR,))
        # Opens the repository too, but needs no key.
        opening = self.command("borg", "config", str(self.archive), "id")
        return Job((wrong,)), opening


class BorgFixed(Borg):
    """borg with fixed chunks as small as ours, holes skipped."""

    key = "borg-fixed"
    title = "borg, fixed 128 KiB"
    options = "--sparse --chunker-params fixed,131072, otherwise the same"
    chunker = _FIXED_CHUNKER
