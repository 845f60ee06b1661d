# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a send does with its ledgers after it has read its snapshots.

Owns the two steps around a COMMIT: the root that it would make the newest is
durable before it is sent, and only what came of it drops what was in flight.
A run that ends in between leaves both for the next one to compare.
"""

from dataclasses import dataclass
from typing import Callable, Iterable, List, Sequence

from wyng_common.ids import BlobId
from wyng_dom0.archive.page import Page
from wyng_dom0.archive.session import Session
from wyng_dom0.engine.harvest import Claim
from wyng_dom0.engine.kept import states_of
from wyng_dom0.engine.opened import OpenArchive
from wyng_dom0.errors import IntegrityError
from wyng_dom0.state import ledgers, locks
from wyng_dom0.state.changed import EVERYTHING, Changed, chunk_set
from wyng_dom0.state.ledgers import Ledger, Mark
from wyng_dom0.state.places import Places
from wyng_dom0.state.volumes import VolumeState
from wyng_dom0.tree.nodes import Node
from wyng_dom0.tree.walk import differences


@dataclass(frozen=True)
class Arrival:
    """A volume that was read to its end, and the content that was found.

    `is_new`: a commit has to make it the archive's newest session first.
    """

    state: VolumeState
    claim: Claim
    content: Mark
    is_new: bool


def announce(places: Places, arrivals: Iterable[Arrival]) -> None:
    """Durably note what the COMMIT about to be sent would make newest."""
    for each in arrivals:
        if each.is_new:
            _change(places, each, Ledger.about_to_commit)


def settle(places: Places, arrivals: Iterable[Arrival]) -> None:
    """All that was in flight is in the archive: count from there on."""
    for each in arrivals:
        _change(places, each, Ledger.settled)


def step_back(archive: OpenArchive, page: Page, left: Page) -> None:
    """Before a commit by which a volume's newest session goes.

    What that session had brought is durably among what has to be sent.
    """
    places, newest, older = archive.access.places, page.newest, left.newest
    if places is None or newest is None or older is None or newest == older:
        return
    id = archive.access.keys.terms.archive
    chunk_size = archive.catalog.settings.chunk_size
    claim = Claim(id, bytes(page.volume), chunk_size, mark_of(newest))
    for state in states_of(places, id, bytes(page.volume)):
        changed = _difference(archive, page, older, newest)
        with locks.hold_ledgers(places, state.folder):
            ledger = claim.ledger(state).resolved(claim.newest)
            back = ledger.stepped_back(changed, mark_of(older))
            ledgers.save(state.folder, back)


def mark_of(session: Session) -> Mark:
    """The content of a session, as ledgers name it."""
    return Mark(session.root, session.size)


def _difference(
    archive: OpenArchive, page: Page, old: Session, new: Session
) -> Changed:
    """The chunks in which two sessions of a volume differ."""
    chunk_size = archive.catalog.settings.chunk_size
    before = (old.root, -(-old.size // chunk_size))
    after = (new.root, -(-new.size // chunk_size))

    def load(ids: Sequence[BlobId], level: int) -> List[Node]:
        return archive.reader.nodes(page.domain, ids, level)

    try:
        return chunk_set(
            (number, 1) for number, _, _ in differences(before, after, load)
        )
    except IntegrityError:
        return EVERYTHING


def _change(
    places: Places, arrival: Arrival, step: Callable[[Ledger, Mark], Ledger]
) -> None:
    folder = arrival.state.folder
    with locks.hold_ledgers(places, folder):
        ledger = arrival.claim.ledger(arrival.state)
        ledgers.save(folder, step(ledger, arrival.content))
