# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine's round: every archive it keeps is scrubbed once in a while.

In steps, as a reader, so that sends go on meanwhile; a round that is cut off
goes on where it stopped. When an archive was last read whole is kept in the
user's cache: losing that costs one scrub.
"""

import hashlib
from pathlib import Path
from typing import Iterator, List

from wyng_common.limits import MIB
from wyng_store import durable
from wyng_store.archive import Archive, open_for_reading
from wyng_store.configuration import Configuration
from wyng_store.errors import Busy
from wyng_store.filesystem import cache_folder, locate
from wyng_store.founding import is_founded
from wyng_store.scrubbing import Scrubbed, scrub

# Between steps whoever waits for readers to leave gets the archive.
STEP_BYTES = 4096 * MIB
_START = bytes(16)


def list_archives(configuration: Configuration) -> List[Path]:
    """The archives of a configuration and those in the user's own folder.

    One whose disk is not there now is left out.
    """
    places = [each.directory for each in configuration.archives.values()]
    if configuration.home.is_dir():
        places += sorted(configuration.home.iterdir())
    found = dict.fromkeys(place.resolve() for place in places)
    return [place for place in found if is_founded(locate(place))]


def is_due(directory: Path, seconds: int, now: float) -> bool:
    """Was it not read whole within the last `seconds`?

    A time that is still to come was noted by a clock that ran wrong.
    """
    try:
        last = int(_note(directory).read_bytes()[:32])
    except (FileNotFoundError, ValueError):
        return True
    return not now - seconds < last <= now


def make_round(directory: Path, step: int = STEP_BYTES) -> Scrubbed:
    """Scrub what the last round left, up to the end. Raises Busy, Full."""
    total = Scrubbed()
    for found in _steps(directory, step):
        total.frames += found.frames
        total.read_bytes += found.read_bytes
        total.damaged = max(total.damaged, found.damaged)
        total.missing = max(total.missing, found.missing)
        total.spoiled += found.spoiled
        total.counts_agreed &= found.counts_agreed
        total.chain_intact &= found.chain_intact
    return total


def note_round(directory: Path, now: float) -> None:
    """Note durably that it was read whole and is whole."""
    path = _note(directory)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    durable.replace_file(path, b"%d\n" % now)


def _note(directory: Path) -> Path:
    name = hashlib.sha256(bytes(directory.resolve())).hexdigest()[:32]
    return cache_folder() / "scrubbed" / name


def _steps(directory: Path, step: int) -> Iterator[Scrubbed]:
    left = True
    while left:
        archive = open_for_reading(locate(directory))
        try:
            # Where nothing can be noted there is no place to go on from.
            budget = 0 if archive.is_private else step
            found = _step(archive, budget)
            left = bool(budget) and found.read_bytes >= budget
            yield found
        finally:
            archive.close()


def _step(archive: Archive, budget: int) -> Scrubbed:
    """One step from where the last one stopped; Busy when a writer kept us
    from noting where that is, for the next step would be the same again."""
    before = archive.index.load_state().cursor
    found = scrub(archive, True, counts=before == _START, budget=budget)
    state = archive.index.load_state()
    found.damaged = max(found.damaged, state.bad)
    if budget and found.read_bytes >= budget and state.cursor == before:
        raise Busy("the archive is being written; the scrub goes on later")
    return found
