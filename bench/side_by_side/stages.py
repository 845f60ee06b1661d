# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Archives that rows begin with: made once, copied for each measured run.

Three stages: `one` holds a session of the large image; `ten` nine more of
it, each with tiny changes; `many` has besides these 200 of a small image.
Making them is not measured, so all contestants send at the same time. Each
contestant's home is always at the same path, for programs remember where an
archive was.
"""

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from side_by_side import processes
from side_by_side.contestant import LARGE, SMALL, Contestant, Job, Volume
from side_by_side.workload import Workload, change_runs, copy_sparse

ONE, TEN, MANY = "one", "ten", "many"
_BEFORE = {TEN: ONE, MANY: TEN}
_SESSIONS = {TEN: 9, MANY: 200}
_TINY = 16 << 10
_PAGE = 4096
# Two sessions of one volume don't have the same second in their names.
_SPACING_SECONDS = 1.0


class Stages:
    """The live homes of the contestants, and the copies kept of them."""

    def __init__(self, folder: Path, workload: Workload) -> None:
        self.workload = workload
        self.source = folder / "source"
        self._logs = folder / "logs"
        self._folder = folder
        self._live: "dict[str, str]" = {}
        for each in (self.source, self._logs):
            each.mkdir(parents=True, exist_ok=True)

    def home(self, key: str) -> Path:
        """Where a contestant lives."""
        return self._folder / "live" / key

    def present(self, image: Path, volume: Volume) -> None:
        """Let an image be what the source folder has under a name."""
        name = self.source / volume.name
        name.unlink(missing_ok=True)
        os.link(image, name)

    def run(
        self, contestant: Contestant, job: Job, sample: bool = False
    ) -> "list[processes.Spent]":
        """Run the commands of a job."""
        log = self._logs / f"{contestant.key}.log"
        return [processes.run(each, log, sample) for each in job.commands]

    def found(self, contestant: Contestant) -> None:
        """A new, empty archive in an empty home."""
        home = contestant.home
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        contestant.prepare()
        self.run(contestant, contestant.create())
        self.dirty(contestant)

    def dirty(self, contestant: Contestant) -> None:
        """The live home is no longer at any stage."""
        self._live.pop(contestant.key, None)

    def keep(self, contestant: Contestant, stage: str) -> None:
        """Keep a copy of the live home, which is at this stage."""
        kept = self._kept(contestant, stage)
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir(parents=True)
        _copy(contestant.home, kept)
        _mark(kept).write_text(contestant.revision)
        self._live[contestant.key] = stage

    def bring(self, contestant: Contestant, stage: str) -> None:
        """Make the live home be at a stage that is kept."""
        if self._live.get(contestant.key) == stage:
            return
        shutil.rmtree(contestant.home, ignore_errors=True)
        contestant.home.parent.mkdir(parents=True, exist_ok=True)
        kept = self._kept(contestant, stage) / contestant.key
        _copy(kept, contestant.home.parent)
        self._live[contestant.key] = stage

    def has(self, contestant: Contestant, stage: str) -> bool:
        """True when the stage is kept and was made by the same program."""
        mark = _mark(self._kept(contestant, stage))
        return mark.exists() and mark.read_text() == contestant.revision

    def ensure(self, contestants: Sequence[Contestant], stage: str) -> None:
        """Make the stage for all that lack it."""
        lacking = [each for each in contestants if not self.has(each, stage)]
        if not lacking:
            return
        if stage in _BEFORE:
            self.ensure(lacking, _BEFORE[stage])
        titles = ", ".join(each.title for each in lacking)
        print(f"making the archives of stage {stage!r}: {titles}", flush=True)
        for each in lacking:
            if stage in _BEFORE:
                self.bring(each, _BEFORE[stage])
            else:
                self.found(each)
        self._fill(lacking, stage)
        for each in lacking:
            self.keep(each, stage)

    def _fill(self, lacking: Sequence[Contestant], stage: str) -> None:
        if stage == ONE:
            self.present(self.workload.base, LARGE)
            self._send_all(lacking, LARGE, label(LARGE, 0))
            return
        image, volume = self.workload.base, LARGE
        if stage == MANY:
            image, volume = self.workload.small, SMALL
        evolving = self._folder / "evolving.img"
        copy_sparse(image, evolving)
        for number in range(1, _SESSIONS[stage] + 1):
            change_runs(evolving, _TINY, seed=number, run=_PAGE)
            self.present(evolving, volume)
            started = time.monotonic()
            self._send_all(lacking, volume, label(volume, number))
            left = started + _SPACING_SECONDS - time.monotonic()
            time.sleep(max(0.0, left))
        evolving.unlink()

    def _send_all(
        self, contestants: Sequence[Contestant], volume: Volume, name: str
    ) -> None:
        """Each contestant sends the same, all at once, unmeasured."""
        failures: "list[Exception]" = []

        def send(contestant: Contestant) -> None:
            try:
                self.run(contestant, contestant.send(volume, name))
            except (processes.CommandFailed, OSError) as error:
                failures.append(error)

        threads = [
            threading.Thread(target=send, args=(each,)) for each in contestants
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]

    def _kept(self, contestant: Contestant, stage: str) -> Path:
        size = self.workload.size >> 20
        return self._folder / f"kept-{size}" / f"{contestant.key}-{stage}"


def label(volume: Volume, number: int) -> str:
    """A session's name, for those that want one."""
    return f"{volume.name.partition('.')[0]}-{number:03d}"


def _mark(kept: Path) -> Path:
    return kept / "revision"


def _copy(home: Path, folder: Path) -> None:
    subprocess.run(["cp", "-a", "--", str(home), str(folder)], check=True)
