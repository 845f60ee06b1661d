# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Getting at an archive's key: from what is kept here, or a credential.

Kept here is the remembered key, or the one that the key agent still holds.
"""

from typing import Callable, Dict, List, Optional

from wyng_common.ids import StagingToken
from wyng_common.messages import Capability
from wyng_dom0.errors import IntegrityError, NotFound
from wyng_dom0.seal.keys import ArchiveKeys, MasterKey, Suite, Terms
from wyng_dom0.seal.slots import Credential, Slot, open_slots, parse_slot
from wyng_dom0.state import key_agent, remembered
from wyng_dom0.state import slots as kept_slots
from wyng_dom0.state.places import Places
from wyng_dom0.transport.destination import Destination
from wyng_dom0.transport.remote_store import open_store

AskCredential = Callable[[], Credential]


def unlock_known(
    places: Places,
    terms: Terms,
    ask: AskCredential,
    allow_costly: bool = False,
) -> ArchiveKeys:
    """The keys of an archive whose terms this machine has pinned.

    Uses the remembered key if there is one, or the agent's, else asks and
    tries the answer on our own copies of the key slots. Raises
    AuthenticationFailed.
    """
    if terms.suite is Suite.OFF:
        return ArchiveKeys(terms, None)
    key = remembered.recall(places, terms.archive)
    if key is None:
        key = key_agent.ask_key(places, terms.archive)
    if key is not None:
        return ArchiveKeys(terms, MasterKey(key))
    return unlock_with(places, terms, ask(), allow_costly)


def unlock_with(
    places: Places,
    terms: Terms,
    credential: Credential,
    allow_costly: bool = False,
) -> ArchiveKeys:
    """The same by a credential alone, whatever is kept here."""
    slots = parse_slots(kept_slots.read_slots(places, terms.archive))
    return _open(slots, terms, credential, allow_costly)


def unlock_found(
    destination: Destination,
    ask: AskCredential,
    untrusted_brought: Dict[int, bytes],
    allow_costly: bool = False,
) -> ArchiveKeys:
    """The keys of an archive that this machine doesn't know.

    The key slots come from the archive, unless some were brought along. One
    that opens proves the terms it names, for they are under its seal; an
    archive that isn't sealed proves nothing, and whoever restores from it
    trusts its store.
    """
    with open_store(
        destination, Capability.GET, StagingToken.random()
    ) as store:
        if store.welcome is None:
            raise NotFound(
                f"there is no archive at {destination.url}: is its disk"
                " mounted?"
            )
        untrusted_slots = untrusted_brought or dict(store.key_slots())
        archive = store.welcome.archive
    slots = parse_slots(untrusted_slots)
    terms = slots[0].header.terms
    if any(slot.header.terms != terms for slot in slots):
        raise IntegrityError(
            "the archive's key slots contradict each other: --slots-from"
            " takes those of a recovery sheet"
        )
    if terms.archive != archive:
        raise IntegrityError(
            "the archive's key slots are another archive's: --slots-from"
            " takes those of a recovery sheet"
        )
    if terms.suite is Suite.OFF:
        return ArchiveKeys(terms, None)
    return _open(slots, terms, ask(), allow_costly)


def parse_slots(untrusted_slots: Dict[int, bytes]) -> List[Slot]:
    """The readable slots; raises when there is none at all."""
    slots: List[Slot] = []
    damage: Optional[IntegrityError] = None
    for _, untrusted in sorted(untrusted_slots.items()):
        try:
            slots.append(parse_slot(untrusted))
        except IntegrityError as error:
            damage = error
    if not slots:
        raise damage or IntegrityError(
            "the archive has no key slot: --slots-from takes those of a"
            " recovery sheet"
        )
    return slots


def _open(
    slots: List[Slot], terms: Terms, credential: Credential, allow_costly: bool
) -> ArchiveKeys:
    master, slot = open_slots(slots, credential, allow_costly)
    if slot.header.terms != terms:
        raise IntegrityError("the key slot belongs to another archive")
    return ArchiveKeys(terms, master)
