# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Which words make the engine do what: backups, sessions, restores, runs.

Those that make, open and change archives are in setup_lines.py, and none is
elsewhere. Pure functions; each gives the words behind `qvm-wyng --json
--unattended`. Names go behind `--`, so that none is taken for an option.
"""

from typing import Sequence, Tuple

Words = Tuple[str, ...]
# A qube's volume that did not change has no session of that time: the next
# older one holds what it was.
BEFORE_TOO = "--session-strict=off"


def status() -> Words:
    """What runs, what is due, what is kept on this machine."""
    return ("status",)


def overview() -> Words:
    """How every volume stands with every archive, with nothing in reach."""
    return ("overview",)


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


def check_archive(archive: str) -> Words:
    """See that all of the archive is there."""
    return (f"--archive={archive}", "arch-check")


def requests() -> Words:
    """What backup qubes ask for, and which may ask."""
    return ("requests", "list")


def decide(verb: str, archive: str, qube: str) -> Words:
    """`approve` or `deny` the restore of a qube that is asked for."""
    return (f"--archive={archive}", "requests", verb, *_names([qube]))


def block(vm: str) -> Words:
    """Let a backup qube ask for nothing any more."""
    return ("requests", "block", *_names([vm]))


def include(archive: str, names: Sequence[str], *, on: bool) -> Words:
    """Have these in sends of everything, or leave them out."""
    verb = "include" if on else "exclude"
    return (f"--archive={archive}", verb, *_names(names))


def history(archive: str) -> Words:
    """What the archive came to over time, as this machine noted it."""
    return (f"--archive={archive}", "history")


def dry_run(words: Words) -> Words:
    """The same call, to be told what it would do."""
    return ("--dry-run", *words)


def _names(names: Sequence[str]) -> Words:
    return ("--", *names) if names else ()


def unique_sizes(archive: str, volume: str, session: str) -> Words:
    """One session of a volume, with its unique and shared bytes."""
    words = (f"--archive={archive}", f"--session={session}", "--verbose")
    return (*words, "list", *_names([volume]))


def verify_all(archive: str, session: str, volumes: Sequence[str]) -> Words:
    """Read one session of several volumes back."""
    words = (f"--archive={archive}", f"--session={session}", "verify")
    return words + _names(volumes)


def protect(
    archive: str, session: str, volumes: Sequence[str], *, on: bool
) -> Words:
    """Pin a session, or unpin it."""
    verb = "protect" if on else "unprotect"
    words = (f"--archive={archive}", f"--session={session}", verb)
    return words + _names(volumes)


def prune(
    archive: str,
    first: str,
    last: str,
    volumes: Sequence[str],
    *,
    dry_run: bool,
) -> Words:
    """Remove all sessions from the first to the last, or say what it means."""
    session = first if first == last else f"{first},{last}"
    more = ("--dry-run",) if dry_run else ()
    words = (f"--archive={archive}", f"--session={session}", *more, "prune")
    return words + _names(volumes)


def diff(
    archive: str, volume: str, older: str, newer: str, *, quick: bool = False
) -> Words:
    """Compare two sessions; `newer` "" is the volume as it is now."""
    session = f"{older},{newer}" if newer else older
    more = ("--quick",) if quick and not newer else ()
    words = (f"--archive={archive}", f"--session={session}", *more, "diff")
    return words + _names([volume])


def diff_settings(archive: str, qube: str, older: str, newer: str) -> Words:
    """Compare the settings of a qube; `newer` "" is what it has now."""
    session = f"{older},{newer}" if newer else older
    words = (f"--archive={archive}", f"--session={session}", "--settings")
    return (*words, "diff", *_names([qube]))


def receive_to_file(
    archive: str, volume: str, session: str, path: str, *options: str
) -> Words:
    """Restore a volume to a file that is not there yet."""
    words = (f"--archive={archive}", f"--session={session}", *options)
    return (*words, f"--save-to={path}", "receive", *_names([volume]))


def receive_files(archive: str, name: str, session: str) -> Words:
    """Unpack dom0's own files into a new folder beside them."""
    words = (f"--archive={archive}", f"--session={session}", BEFORE_TOO)
    return (*words, "receive", *_names([name]))


def receive_over(
    archive: str, volume: str, session: str, *, sparse: bool
) -> Words:
    """Restore a volume over what it is now."""
    more = ("--sparse",) if sparse else ()
    words = (f"--archive={archive}", f"--session={session}", "--force", *more)
    return (*words, "receive", *_names([volume]))


def receive_qube(
    archive: str,
    qube: str,
    session: str,
    *options: str,
    name: str = "",
    overwrite: bool = False,
) -> Words:
    """Make a qube again: as `name`, or with `overwrite` over what it is.

    Where a volume did not change: see BEFORE_TOO.
    """
    words: Words = (f"--archive={archive}", f"--session={session}")
    words += (BEFORE_TOO, *options)
    if name:
        words += (f"--as={name}",)
    if overwrite:
        words += ("--overwrite", "--force")
    return (*words, "receive", *_names([qube]))
