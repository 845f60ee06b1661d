# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The rows: what each measures, from preparation to what is noted after.

Only `job` is timed. A row's `stage` is what the archive holds before.
"""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from side_by_side.contestant import (
    HUGE,
    LARGE,
    SMALL,
    Contestant,
    Job,
    Volume,
    disk_usage,
)
from side_by_side.stages import MANY, ONE, TEN, Stages, label

Keys = tuple[str, ...]
MAIN = ("ours", "borg", "restic")
VARIANTS = ("ours-256k", "borg-fixed")


class Row:
    """One row; kinds say what differs."""

    key = ""
    title = ""
    contestants: Keys = MAIN
    # These run in one round only when it must be quick.
    variants: Keys = ()
    stage: Optional[str] = ONE
    changes_archive = False
    samples_memory = False
    syncs = False
    short = False
    long_only = False
    # Rows that must run before it in the same start of the benchmark.
    needs: Keys = ()
    # Rounds, where the number does not depend on the hurry.
    rounds: Optional[int] = None

    def __init__(self, stages: Stages) -> None:
        self.stages = stages

    def ready(self, contestants: Sequence[Contestant]) -> None:
        """Once before the first round."""
        if self.stage is not None:
            self.stages.ensure(contestants, self.stage)

    def prepare(self, contestant: Contestant) -> Job:
        """Before each run: brings the archive; returns what is timed."""
        if self.stage is not None:
            self.stages.bring(contestant, self.stage)
        return self.job(contestant)

    def job(self, contestant: Contestant) -> Job:
        """What is timed."""
        raise NotImplementedError

    def finish(self, contestant: Contestant) -> "dict[str, int]":
        """After each run: check it, note sizes in bytes."""
        return {}


class FirstSend(Row):
    """The image into an empty archive."""

    key = "first-send"
    title = "first send"
    contestants: Keys = (*MAIN, "zstd")
    variants: Keys = VARIANTS
    stage = None
    changes_archive = True
    samples_memory = True

    def prepare(self, contestant: Contestant) -> Job:
        self.stages.present(self.stages.workload.base, LARGE)
        self.stages.found(contestant)
        return self.job(contestant)

    def job(self, contestant: Contestant) -> Job:
        return contestant.send(LARGE, label(LARGE, 0))

    def finish(self, contestant: Contestant) -> "dict[str, int]":
        known = self.stages.has(contestant, ONE)
        if contestant.complete and not known:
            self.stages.keep(contestant, ONE)
        return {"archive": disk_usage(contestant.archive)}


class Restore(Row):
    """The image out of the archive into a new file, and `sync`."""

    key = "restore"
    title = "restore to a new file, and sync"
    samples_memory = True
    syncs = True
    volume = LARGE

    def prepare(self, contestant: Contestant) -> Job:
        shutil.rmtree(self._target(contestant), ignore_errors=True)
        self._target(contestant).mkdir(parents=True)
        return super().prepare(contestant)

    def job(self, contestant: Contestant) -> Job:
        target = self._target(contestant)
        return contestant.restore(self.volume, label(self.volume, 0), target)

    def finish(self, contestant: Contestant) -> "dict[str, int]":
        target = self._target(contestant)
        (restored,) = target.rglob(self.volume.name)
        size = restored.stat().st_blocks * 512
        compared = ["cmp", "--", str(restored), str(self._original())]
        if subprocess.run(compared).returncode != 0:
            raise SystemExit(f"what {contestant.title} restored differs")
        shutil.rmtree(target)
        return {"restored": size}

    def _original(self) -> Path:
        return self.stages.workload.base

    def _target(self, contestant: Contestant) -> Path:
        return self.stages.source.parent / "restored" / contestant.key


class Verify(Row):
    """All data read back and checked."""

    key = "verify"
    title = "verify of all data"
    samples_memory = True

    def job(self, contestant: Contestant) -> Job:
        return contestant.verify()


class Changed(Row):
    """The image after 1 % of it changed, all of it read again."""

    key = "changed"
    title = "1 % changed in runs of 256 KiB"
    variants = VARIANTS
    changes_archive = True

    def prepare(self, contestant: Contestant) -> Job:
        self.stages.present(self.stages.workload.changed, LARGE)
        return super().prepare(contestant)

    def job(self, contestant: Contestant) -> Job:
        self._before = disk_usage(contestant.archive)
        return contestant.send(LARGE, label(LARGE, 1))

    def finish(self, contestant: Contestant) -> "dict[str, int]":
        return {"growth": disk_usage(contestant.archive) - self._before}


class PruneTen(Row):
    """The oldest of ten sessions, and its space."""

    key = "prune-10"
    title = "prune of the oldest of ten sessions"
    stage = TEN
    changes_archive = True
    short = True
    volume: Volume = LARGE

    def job(self, contestant: Contestant) -> Job:
        finding = contestant.find_oldest(self.volume)
        output = self.stages.run(contestant, finding)[-1].output
        return contestant.prune(contestant.read_oldest(output))


class PruneMany(PruneTen):
    """The oldest of 200 sessions, and its space."""

    key = "prune-200"
    title = "prune of the oldest of 200 sessions"
    stage = MANY
    volume = SMALL


class ListMany(Row):
    """The sessions of a volume that has 200."""

    key = "list-200"
    title = "list of 200 sessions"
    stage = MANY
    short = True

    def job(self, contestant: Contestant) -> Job:
        return contestant.list(SMALL)


class Locked(Row):
    """A command that unlocks by passphrase, less `Unlocked`."""

    key = "locked"
    title = "a command that asks for the passphrase"
    short = True

    def job(self, contestant: Contestant) -> Job:
        return contestant.locked()[0]


class Unlocked(Row):
    """The same command where no passphrase is turned into a key."""

    key = "unlocked"
    title = "the same without"
    short = True

    def job(self, contestant: Contestant) -> Job:
        return contestant.locked()[1]


class HugeSend(FirstSend):
    """The memory of sending a huge sparse image; only ours is asked."""

    key = "huge-send"
    title = "first send of the huge sparse image"
    contestants = ("ours",)
    variants = ()
    long_only = True
    rounds = 1

    def ready(self, contestants: Sequence[Contestant]) -> None:
        self.stages.workload.make_huge()

    def prepare(self, contestant: Contestant) -> Job:
        self.stages.present(self.stages.workload.huge, HUGE)
        self.stages.found(contestant)
        return contestant.send(HUGE, label(HUGE, 0))

    def finish(self, contestant: Contestant) -> "dict[str, int]":
        return {"archive": disk_usage(contestant.archive)}


class HugeRestore(Restore):
    """The memory of restoring it; right after `HugeSend`, no comparison."""

    key = "huge-restore"
    title = "restore of the huge sparse image, and sync"
    contestants = ("ours",)
    stage = None
    volume = HUGE
    long_only = True
    needs = ("huge-send",)
    rounds = 1

    def finish(self, contestant: Contestant) -> "dict[str, int]":
        (restored,) = self._target(contestant).rglob(HUGE.name)
        size = restored.stat().st_blocks * 512
        shutil.rmtree(self._target(contestant))
        return {"restored": size}


# Locked and unlocked come first: what they tell is taken off the others.
ROWS: "tuple[type[Row], ...]" = (
    FirstSend,
    Locked,
    Unlocked,
    Restore,
    Verify,
    Changed,
    PruneTen,
    PruneMany,
    ListMany,
    HugeSend,
    HugeRestore,
)
