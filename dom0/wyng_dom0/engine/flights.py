# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a send does with its ledgers after it has read its snapshots.

Owns the two steps around a COMMIT: the root that it would make the newest is
durable before it is sent, and only what came of it drops what was in flight.
A run that ends in between leaves both for the next one to compare.
"""

from dataclasses import dataclass
from typing import Callable, Iterable

from wyng_dom0.engine.harvest import Claim
from wyng_dom0.state import ledgers, locks
from wyng_dom0.state.ledgers import Ledger, Mark
from wyng_dom0.state.places import Places
from wyng_dom0.state.volumes import VolumeState


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


def _change(
    places: Places, arrival: Arrival, step: Callable[[Ledger, Mark], Ledger]
) -> None:
    folder = arrival.state.folder
    with locks.hold_ledgers(places, folder):
        ledger = arrival.claim.ledger(arrival.state)
        ledgers.save(folder, step(ledger, arrival.content))
