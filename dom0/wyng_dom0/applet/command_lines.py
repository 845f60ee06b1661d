# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Which words make the engine do what: here and nowhere else.

Pure functions; each gives the words behind `qvm-wyng --json --unattended`.
Names go behind `--`, so that none is taken for an option.
"""

from typing import Sequence, Tuple

Words = Tuple[str, ...]


def status() -> Words:
    """What runs, what is due, what is kept on this machine."""
    return ("status",)


def watch() -> Words:
    """All that all runs say, until standard input ends."""
    return ("watch",)


def send(archive: str, volumes: Sequence[str] = ()) -> Words:
    """Back up these; without names all that the archive knows."""
    return (f"--archive={archive}", "send", *_names(volumes))


def steer(verb: str, run: str) -> Words:
    """`pause`, `resume` or `cancel` a run."""
    return (verb, "--", run)


def list_volumes(archive: str, *, totals: bool = False) -> Words:
    """The volumes of an archive; with `totals` also what it holds in all."""
    more = ("--verbose",) if totals else ()
    return (f"--archive={archive}", *more, "list")


def list_sessions(archive: str, volume: str, *, sizes: bool = False) -> Words:
    """The sessions of a volume; `sizes` adds unique and shared bytes."""
    more = ("--verbose",) if sizes else ()
    return (f"--archive={archive}", *more, "list", "--", volume)


def verify(archive: str, volume: str, session: str) -> Words:
    """Read one session back."""
    return (f"--archive={archive}", f"--session={session}", "verify") + _names(
        [volume]
    )


def _names(names: Sequence[str]) -> Words:
    return ("--", *names) if names else ()
