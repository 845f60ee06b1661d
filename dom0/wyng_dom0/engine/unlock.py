# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Getting at an archive's key: from what is remembered, or a passphrase."""

from typing import Callable, Dict, List, Optional

from wyng_common.ids import StagingToken
from wyng_common.messages import Capability
from wyng_dom0.errors import IntegrityError, NotFound
from wyng_dom0.seal.keys import ArchiveKeys, MasterKey, Suite, Terms
from wyng_dom0.seal.slots import Slot, open_with_passphrase, parse_slot
from wyng_dom0.state import remembered
from wyng_dom0.state import slots as kept_slots
from wyng_dom0.state.places import Places
from wyng_dom0.transport.destination import Destination
from wyng_dom0.transport.remote_store import open_store

AskPassphrase = Callable[[], bytes]


def unlock_known(
    places: Places,
    terms: Terms,
    ask: AskPassphrase,
    allow_costly: bool = False,
) -> ArchiveKeys:
    """The keys of an archive whose terms this machine has pinned.

    Uses the remembered key if there is one, else asks for the passphrase
    and tries it on our own copies of the key slots. Raises
    AuthenticationFailed.
    """
    if terms.suite is Suite.OFF:
        return ArchiveKeys(terms, None)
    key = remembered.recall(places, terms.archive)
    if key is not None:
        return ArchiveKeys(terms, MasterKey(key))
    slots = _parsed(kept_slots.read_slots(places, terms.archive))
    return _open(slots, terms, ask, allow_costly)


def unlock_found(
    destination: Destination,
    ask: AskPassphrase,
    allow_costly: bool = False,
) -> ArchiveKeys:
    """The keys of an archive that this machine doesn't know.

    The key slots come from the archive. One that opens proves the terms it
    names, for they are under its seal; an archive that isn't sealed proves
    nothing, and whoever restores from it trusts its store.
    """
    with open_store(
        destination, Capability.GET, StagingToken.random()
    ) as store:
        if store.welcome is None:
            raise NotFound(f"there is no archive at {destination.url}")
        untrusted_slots = dict(store.key_slots())
        archive = store.welcome.archive
    slots = _parsed(untrusted_slots)
    terms = slots[0].header.terms
    if any(slot.header.terms != terms for slot in slots):
        raise IntegrityError("the archive's key slots contradict each other")
    if terms.archive != archive:
        raise IntegrityError("the archive's key slots are another archive's")
    if terms.suite is Suite.OFF:
        return ArchiveKeys(terms, None)
    return _open(slots, terms, ask, allow_costly)


def _parsed(untrusted_slots: Dict[int, bytes]) -> List[Slot]:
    """The readable slots; raises when there is none at all."""
    slots: List[Slot] = []
    damage: Optional[IntegrityError] = None
    for _, untrusted in sorted(untrusted_slots.items()):
        try:
            slots.append(parse_slot(untrusted))
        except IntegrityError as error:
            damage = error
    if not slots:
        raise damage or IntegrityError("the archive has no key slot")
    return slots


def _open(
    slots: List[Slot], terms: Terms, ask: AskPassphrase, allow_costly: bool
) -> ArchiveKeys:
    master, slot = open_with_passphrase(slots, ask(), allow_costly)
    if slot.header.terms != terms:
        raise IntegrityError("the key slot belongs to another archive")
    return ArchiveKeys(terms, master)
