# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a contestant is: a program that can be told to do each row's job.

Each says by which commands, and nothing here or in its kind runs one: that,
and what it costs, belongs to the rows. Everything a contestant keeps is in
one folder, so that a copy of the folder is a copy of its archive, its caches
and its state.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from side_by_side.processes import Command

PASSPHRASE = "seven words that nobody would ever guess here"
WRONG_PASSPHRASE = "not this one"


@dataclass(frozen=True)
class Job:
    """Commands one after the other, and how often they unlock the key."""

    commands: "tuple[Command, ...]"
    unlocks: int = 0


@dataclass(frozen=True)
class Volume:
    """An image by the name it has in the source folder."""

    name: str


LARGE = Volume("disk.img")
SMALL = Volume("small.img")
HUGE = Volume("huge.img")


class Contestant:
    """A program under measurement; kinds fill in the commands.

    `home` holds all it keeps, `source` the images. `revision` changes when
    an archive made earlier must not be used again.
    """

    key = ""
    title = ""
    options = ""
    revision = ""
    # May other contestants' figures stand beside this one's in any row?
    complete = True

    def __init__(self, home: Path, source: Path) -> None:
        self.home = home
        self.source = source

    @property
    def archive(self) -> Path:
        """The folder whose size is the archive's size."""
        return self.home / "archive"

    def command(self, *words: str, accepted: "tuple[int, ...]" = (0,)) -> Job:
        """A job of one command, run where the images are."""
        return Job((Command(words, self.source, self.environment(), accepted),))

    def environment(self) -> Mapping[str, str]:
        """What is added to the environment of each command."""
        return {}

    def version(self) -> Job:
        """Prints the version; starts and ends the program."""
        raise NotImplementedError

    def prepare(self) -> None:
        """Write into the empty home what `create` needs."""

    def create(self) -> Job:
        """Make an empty archive."""
        raise NotImplementedError

    def send(self, volume: Volume, label: str) -> Job:
        """Make a session of one volume."""
        raise NotImplementedError

    def restore(self, volume: Volume, label: str, target: Path) -> Job:
        """Restore a session to a file somewhere below `target`."""
        raise NotImplementedError

    def verify(self) -> Job:
        """Read and check all data."""
        raise NotImplementedError

    def list(self, volume: Volume) -> Job:
        """Show the sessions."""
        raise NotImplementedError

    def prune(self, oldest: str) -> Job:
        """Remove the session that `find_oldest` named, and free its space."""
        raise NotImplementedError

    def find_oldest(self, volume: Volume) -> Job:
        """Prints what `read_oldest` understands."""
        raise NotImplementedError

    def read_oldest(self, output: str) -> str:
        """The oldest session in the output of `find_oldest`."""
        raise NotImplementedError

    def locked(self) -> "tuple[Job, Job]":
        """Two jobs that differ by one unlocking with the passphrase."""
        raise NotImplementedError


def disk_usage(folder: Path) -> int:
    """Bytes that the files below a folder take on the disk."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            total += os.lstat(os.path.join(parent, name)).st_blocks * 512
    return total
