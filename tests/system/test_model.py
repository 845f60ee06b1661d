# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Random sequences of everything a user does, against a plain dict.

Seeded: a failure names its seed and the steps that led there, and happens
again. WYNG_TEST_LONG=1 goes on much longer.
"""

import dataclasses
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Tuple

import pytest

from system.direct import access_to, restore_all, threaded_stores
from system.faults import STORE, Fault
from system.machine import (
    Ended,
    Lifeline,
    Machine,
    Running,
    sha256,
    temporary_root,
)
from wyng_dom0.transport.destination import Destination

LONG = os.environ.get("WYNG_TEST_LONG") == "1"
SEEDS = 60 if LONG else 5
STEPS = 60 if LONG else 24
NAMES = ("a.img", "b.img", "sub/c.img")
CHUNK = 64 * 1024
# Where a store dies in the middle of a send.
DEATHS = (
    ("wyng_store.packing:GrowingPack.append", 12),
    ("wyng_store.durable:sync_file", 4),
    ("wyng_store.durable:rename", 4),
    ("wyng_store.durable:link_exclusive", 2),
    ("wyng_store.index:Index.flush", 6),
)

Sessions = Dict[str, Dict[str, str]]


class Model:
    """What must be: the images' bytes, and each volume's sessions."""

    def __init__(self, machine: Machine, seed: int) -> None:
        self.machine = machine
        self.chance = random.Random(seed)
        self.images: Dict[str, bytearray] = {}
        self.sessions: Sessions = {}
        self.copies: List[Tuple[Path, Sessions]] = []
        self.log: List[str] = []

    # What a user does to the images

    def write(self) -> None:
        """Make an image, or write somewhere into one."""
        name = self.chance.choice(NAMES)
        image = self.images.setdefault(name, bytearray())
        if not image:
            image += bytes(self.chance.randrange(1, 6 * CHUNK))
        start = self.chance.randrange(len(image))
        length = self.chance.randrange(1, 2 * CHUNK)
        length = min(length, len(image) - start)
        image[start : start + length] = self.chance.randbytes(length)
        self._save(name)

    def resize(self) -> None:
        """Grow or shrink an image, to nothing at times."""
        if self.images:
            name = self.chance.choice(sorted(self.images))
            size = self.chance.choice((0, 1, CHUNK, 3 * CHUNK + 5, 9 * CHUNK))
            image = self.images[name]
            image[size:] = bytes(max(0, size - len(image)))
            self._save(name)

    def punch(self) -> None:
        """Zero some chunks of an image."""
        if self.images:
            name = self.chance.choice(sorted(self.images))
            image = self.images[name]
            start = self.chance.randrange(len(image) + 1) // CHUNK * CHUNK
            zeros = bytes(min(2 * CHUNK, len(image) - start))
            image[start : start + len(zeros)] = zeros
            self._save(name)

    def lose(self) -> None:
        """Remove an image; its sessions stay."""
        if len(self.images) > 1:
            name = self.chance.choice(sorted(self.images))
            del self.images[name]
            (self.machine.images / name).unlink()

    def _save(self, name: str) -> None:
        path = self.machine.images / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(self.images[name])

    # What a user does to the archive

    def send(self) -> None:
        """Send one, some or all of the images that are there."""
        names = self._some_images()
        if names:
            self._note_sent(self.machine.send(*names).check())

    def send_killed(self) -> None:
        """Send with a store that dies; whatever the archive says, goes."""
        names = self._some_images()
        if not names:
            return
        target, most = self.chance.choice(DEATHS)
        at = self.chance.randint(1, most)
        fault = Fault("killed", STORE, target, at=at)
        ended = self.machine.send(*names, fault=fault)
        if not ended.hit:
            self._note_sent(ended.check())
            return
        self.log.append(f"killed at {target} {at}")
        for (volume, name), digest in self.machine.restored_all().items():
            known = self.sessions.setdefault(volume, {})
            if name not in known:
                assert digest == sha256(bytes(self.images[volume]))
                known[name] = digest

    def prune(self) -> None:
        """One session, a range, or all before one."""
        names = sorted({s for v in self.sessions.values() for s in v})
        if not names:
            return
        # The ends of a range need not exist.
        names += ["20200101-000000", "20991231-235959"]
        first, last = sorted(self.chance.sample(names, 2))
        kind = self.chance.choice(("one", "range", "before"))
        words = {
            "one": [f"--session={first}"],
            "range": [f"--session={first},{last}"],
            "before": [f"--session={first}", "--all-before"],
        }[kind]
        self.machine.wyng("--unattended", *words, "prune").check()
        doomed: Dict[str, Callable[[str], bool]] = {
            "one": lambda name: name == first,
            "range": lambda name: first <= name <= last,
            "before": lambda name: name < first,
        }
        for sessions in self.sessions.values():
            for name in sorted(sessions)[:-1]:
                if doomed[kind](name):
                    del sessions[name]

    def delete(self) -> None:
        """Take a volume out of the archive."""
        if self.sessions:
            name = self.chance.choice(sorted(self.sessions))
            words = ("--unattended", "--force", "delete", name)
            self.machine.wyng(*words).check()
            del self.sessions[name]

    def rename(self) -> None:
        """Call a volume otherwise."""
        new = f"renamed{len(self.log)}.img"
        if self.sessions:
            old = self.chance.choice(sorted(self.sessions))
            self.machine.wyng("rename", old, new).check()
            self.sessions[new] = self.sessions.pop(old)

    def add(self) -> None:
        """Add a volume without any session."""
        new = f"added{len(self.log)}.img"
        self.machine.wyng("add", new).check()
        self.sessions[new] = {}

    def rebuild(self) -> None:
        """wyng-store rebuild."""
        self.machine.store("rebuild").check()

    def lose_index(self) -> None:
        """index.db vanishes, with or without what lies beside it."""
        for name in ("index.db", "index.db-wal", "index.db-shm"):
            path = self.machine.archive / name
            if name == "index.db" or self.chance.random() < 0.5:
                path.unlink(missing_ok=True)

    def copy(self) -> None:
        """cp -al: stays as it is now, whatever comes."""
        if len(self.copies) < 2:
            copy = self.machine.live / f"copy{len(self.copies)}"
            source = str(self.machine.archive)
            subprocess.run(["cp", "-al", source, str(copy)], check=True)
            now = {name: dict(of) for name, of in self.sessions.items()}
            self.copies.append((copy, now))

    def _some_images(self) -> List[str]:
        count = self.chance.randint(1, len(NAMES))
        names = sorted(self.images)
        return self.chance.sample(names, min(count, len(names)))

    def _note_sent(self, ended: Ended) -> None:
        for done in ended.events("volume-done"):
            sessions = self.sessions.setdefault(done["volume"], {})
            if done["changed"]:
                content = bytes(self.images[done["volume"]])
                sessions[done["session"]] = sha256(content)

    # What must hold

    def check(self) -> None:
        """The archive is the model: names, sessions, every byte."""
        said = self.machine.store("check").check().out
        assert said.startswith("whole")
        assert sorted(self.machine.volumes()) == sorted(self.sessions)
        assert self.machine.restored_all() == flat(self.sessions)

    def check_copies(self) -> None:
        """Each copy is what it was when it was made."""
        for path, sessions in self.copies:
            assert restored_from(self.machine, path) == flat(sessions)

    def check_end(self, least: int) -> None:
        """With every volume deleted, as little lives as in the beginning."""
        for name in list(self.sessions):
            words = ("--unattended", "--force", "delete", name)
            self.machine.wyng(*words).check()
        assert live_blobs(self.machine) == least
        self.check_copies()


def flat(sessions: Sessions) -> Dict[Tuple[str, str], str]:
    """As restored_all gives it."""
    return {
        (volume, name): digest
        for volume, of in sessions.items()
        for name, digest in of.items()
    }


def restored_from(machine: Machine, path: Path) -> Dict[Tuple[str, str], str]:
    """Everything that an archive elsewhere restores, by its own chain."""

    def action(_: Lifeline) -> int:
        access = dataclasses.replace(
            access_to(machine),
            destination=Destination("internal", str(path)),
            places=None,
        )
        with threaded_stores():
            outcome = restore_all(access, machine.out / "copied")
        assert not outcome.errors, outcome.errors
        items = [[*key, digest] for key, digest in outcome.restored.items()]
        sys.stdout.write(json.dumps(items))
        return 0

    (items,) = [json.loads(Running(action, b"").wait().check().out)]
    return {(volume, name): digest for volume, name, digest in items}


def live_blobs(machine: Machine) -> int:
    """How many blobs the store counts as alive."""
    (numbers,) = machine.store("stat", "--json").check().objects
    return int(numbers["live_blobs"])


@pytest.fixture(scope="module")
def fresh() -> Iterator["tuple[Machine, int]"]:
    """An archive without volumes, and what lives in it."""
    machine = Machine(temporary_root())
    machine.init().check()
    machine.save("fresh")
    yield machine, live_blobs(machine)
    shutil.rmtree(machine.root)


MOVES = (
    *[Model.write] * 5,
    *[Model.send] * 6,
    *[Model.send_killed] * 3,
    *[Model.prune] * 3,
    Model.resize,
    Model.resize,
    Model.punch,
    Model.lose,
    Model.delete,
    Model.rename,
    Model.add,
    Model.rebuild,
    Model.lose_index,
    Model.lose_index,
    Model.copy,
)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_archive_is_always_what_the_model_says(
    fresh: "tuple[Machine, int]", seed: int
) -> None:
    machine, least = fresh
    machine.put_back("fresh")
    model = Model(machine, seed)
    for _ in range(STEPS):
        move = model.chance.choice(MOVES)
        model.log.append(move.__name__)
        sys.stdout.write(f"{model.log[-1]}\n")
        move(model)
        if move not in (Model.write, Model.resize, Model.punch, Model.lose):
            model.check()
    model.check_copies()
    model.check_end(least)
