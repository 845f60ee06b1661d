# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The rows about volumes that are cloned: what changed is known unread.

Each row gets a Bench, a file system with a source folder that can clone, and
gives the runs of its contestants. Rounds follow one another on the same
archives, for sending is what changes them.
"""

import os
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from side_by_side import load, processes
from side_by_side.contestant import Contestant, Job, Volume
from side_by_side.figures import Run, least_disturbed
from side_by_side.ours import Ours
from side_by_side.workload import (
    MIB,
    change_runs,
    changed_bytes,
    plausible_bytes,
)
from wyng_dom0.snapshots.driver import VolumeAt
from wyng_dom0.snapshots.reflink import ReflinkDriver

CHUNK = 128 << 10
SCATTERED, PIECE = 64, 16 << 10
FEW, MANY = 10, 1000
COUNTER = Path(__file__).with_name("counting.py")
COMPARER = Path(__file__).with_name("comparing.py")
# One block of data in seven makes every block an extent of its own.
_BLOCK, _EVERY = 4096, 7
Runs = dict[str, list[Run]]


@dataclass(frozen=True)
class Sizes:
    """How large everything is, and how often it is measured."""

    image_mib: int
    huge_mib: int
    extents: int
    sessions: int
    rounds: int
    repeats: int


@dataclass
class Bench:
    """One file system that clones, and archives on another."""

    source: Path
    folder: Path
    programs: Path
    sizes: Sizes

    def ours(self, name: str) -> Ours:
        """A new archive of ours with the key remembered."""
        archive = Ours(self.folder / name, self.source, self.programs)
        self.found(archive)
        return archive

    def found(self, contestant: Contestant) -> None:
        """Let a contestant make its empty archive."""
        contestant.home.mkdir(parents=True)
        contestant.prepare()
        self.run(contestant.create())

    def run(self, job: Job) -> "list[processes.Spent]":
        """Run the commands of a job, unmeasured."""
        log = self.folder / "log"
        return [processes.run(each, log) for each in job.commands]

    def measure(self, ready: Callable[[], Job], repeats: int = 0) -> Run:
        """The least disturbed of some runs; `ready` prepares each."""
        tried: "list[Run]" = []
        for _ in range(1 + repeats):
            job = ready()
            os.sync()
            before = load.now()
            spent = self.run(job)
            seen = load.load_between(before, load.now())
            peaks = {"largest": max(max(e.peaks.values()) for e in spent)}
            tried.append(
                Run(
                    sum(each.wall for each in spent),
                    sum(each.cpu for each in spent),
                    peaks,
                    {},
                    seen.foreign,
                    seen.disturbs,
                    unlocks=job.unlocks,
                )
            )
            if not tried[-1].loaded:
                break
        return replace(least_disturbed(tried), tries=len(tried))


def make_image(path: Path, size: int, data: int, seed: int) -> None:
    """A sparse image with pieces of data strewn over it."""
    chance = random.Random(seed)
    step = 4 * MIB if size <= 64 * data else MIB
    places = chance.sample(range(size // step), max(1, data // step))
    with open(path, "wb") as file:
        file.truncate(size)
        for place in sorted(places):
            file.seek(place * step)
            file.write(plausible_bytes(step, chance))


def scatter(path: Path, seed: int) -> None:
    """Small writes where data lies, and anywhere."""
    chance = random.Random(seed)
    size = path.stat().st_size
    with open(path, "r+b", buffering=0) as file:
        for _ in range(SCATTERED):
            place = chance.randrange(size // PIECE) * PIECE
            os.pwrite(file.fileno(), plausible_bytes(PIECE, chance), place)


def chunks_touched(ranges: "Sequence[tuple[int, int]]") -> int:
    """Bytes of the chunks that hold any of the ranges."""
    touched = {
        index
        for start, length in ranges
        for index in range(start // CHUNK, -(-(start + length) // CHUNK))
    }
    return len(touched) * CHUNK


@dataclass
class Sent:
    """A volume with a first session in an archive of ours."""

    bench: Bench
    archive: Ours
    volume: Volume

    @property
    def path(self) -> Path:
        return self.bench.source / self.volume.name

    def send(self) -> Job:
        return self.archive.send(self.volume, "")


def first_sent(bench: Bench, name: str, size: int, data: int) -> Sent:
    """Make a volume and send it once."""
    sent = Sent(bench, bench.ours(name), Volume(f"{name}.img"))
    make_image(sent.path, size, data, seed=2)
    bench.run(sent.send())
    return sent


def usual(bench: Bench) -> Sent:
    """The volume of the size that other rows have."""
    size = bench.sizes.image_mib * MIB
    return first_sent(bench, "usual", size, size // 2)


def huge(bench: Bench) -> Sent:
    """A sparse one 256 times as large with twice its size of data."""
    data = bench.sizes.huge_mib * MIB
    return first_sent(bench, "huge", 128 * data, data)


def unchanged(sent: Sent) -> "list[Run]":
    """Nothing changed since the last session."""
    sizes = sent.bench.sizes
    return [
        sent.bench.measure(sent.send, sizes.repeats)
        for _ in range(sizes.rounds)
    ]


def scattered(sent: Sent) -> "list[Run]":
    """64 writes of 16 KiB anywhere."""
    sizes = sent.bench.sizes
    seeds = iter(range(1 << 30))

    def ready() -> Job:
        scatter(sent.path, next(seeds))
        return sent.send()

    return [
        sent.bench.measure(ready, sizes.repeats) for _ in range(sizes.rounds)
    ]


def clustered(sent: Sent, others: "Sequence[Contestant]") -> Runs:
    """1 % changed in runs; each round all send the same change."""
    bench, volume = sent.bench, sent.volume
    for each in others:
        bench.found(each)
        bench.run(each.send(volume, "first"))
    runs: Runs = {each.key: [] for each in (sent.archive, *others)}
    for number in range(bench.sizes.rounds):
        total = changed_bytes(sent.path.stat().st_size)
        change_runs(sent.path, total, seed=100 + number)
        for each in (sent.archive, *others):
            job = each.send(volume, f"round-{number}")
            runs[each.key].append(bench.measure(job_of(job)))
    return runs


def job_of(job: Job) -> Callable[[], Job]:
    """What gives a job that needs nothing to be made ready."""
    return lambda: job


def reading(sent: Sent) -> Runs:
    """Bytes that pread gives of the volume, beside the chunks changed."""
    bench = sent.bench
    report = bench.folder / "counted"
    total = changed_bytes(sent.path.stat().st_size)
    needed = chunks_touched(change_runs(sent.path, total, seed=99))
    (command,) = sent.send().commands
    words = (sys.executable, str(COUNTER), str(report), *command.words)
    bench.run(Job((replace(command, words=words),)))
    read = int(report.read_text())
    return {
        "ours": [Run(0.0, 0.0, {}, {"read": read})],
        "changed-chunks": [Run(0.0, 0.0, {}, {"read": needed})],
    }


def long_history(bench: Bench) -> Runs:
    """A small send of a small volume that has few sessions, or many."""
    few = first_sent(bench, "history", 64 * MIB, 32 * MIB)
    runs: Runs = {}
    made = 1
    for key, wanted in (("ours", FEW), ("ours-many", bench.sizes.sessions)):
        while made < wanted:
            write_page(few.path, made)
            bench.run(few.send())
            made += 1
        runs[key] = []
        for number in range(bench.sizes.rounds):
            write_page(few.path, 1 << 20 | number)
            runs[key].append(bench.measure(few.send))
            made += 1
    return runs


def write_page(path: Path, seed: int) -> None:
    """Change one page."""
    chance = random.Random(seed)
    with open(path, "r+b", buffering=0) as file:
        place = chance.randrange(path.stat().st_size // 4096) * 4096
        os.pwrite(file.fileno(), chance.randbytes(4096), place)


def one_pass(bench: Bench) -> Runs:
    """Two snapshots of many extents, 1 % of them changed, compared once."""
    path = bench.source / "extents.img"
    count = bench.sizes.extents
    block = random.Random(4).randbytes(_BLOCK)
    with open(path, "wb", buffering=0) as file:
        file.truncate(count * _EVERY * _BLOCK)
        for number in range(count):
            os.pwrite(file.fileno(), block, number * _EVERY * _BLOCK)
    driver = ReflinkDriver()
    volume = VolumeAt(path.name, str(path), str(bench.source))
    old = driver.take(volume)
    chance = random.Random(5)
    with open(path, "r+b", buffering=0) as file:
        for _ in range(count // 100):
            place = chance.randrange(count * _EVERY) * _BLOCK
            os.pwrite(file.fileno(), chance.randbytes(_BLOCK), place)
    new = driver.take(volume)
    words = (sys.executable, str(COMPARER), old.place, new.place)
    job = Job((processes.Command(words),))
    sizes = bench.sizes
    runs = [
        bench.measure(job_of(job), sizes.repeats) for _ in range(sizes.rounds)
    ]
    driver.drop([old, new])
    path.unlink()
    return {"ours": runs}
