# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The key slots of an archive: who may open it.

Slots lie in the archive and here. A new one is written there first, then
here, and only then is the one it replaces dropped, there first: a crash
anywhere leaves every slot that should open, and at most one too many, which
`key list` shows.
"""

import os
from dataclasses import dataclass
from typing import List, Optional, Set

from wyng_common import limits
from wyng_dom0.engine.create import affordable_cost
from wyng_dom0.errors import IntegrityError, NotFound, Refused
from wyng_dom0.seal.keys import ArchiveKeys, MasterKey, Terms
from wyng_dom0.seal.slots import (
    SALT_SIZE,
    Credential,
    Slot,
    SlotKind,
    make_passphrase_slot,
    make_random_slot,
    parse_slot,
)
from wyng_dom0.state import slots as kept_slots
from wyng_dom0.state.places import Places
from wyng_dom0.transport.remote_store import RemoteStore


@dataclass(frozen=True)
class SlotEntry:
    """One slot number. `slot` is None when it can't be read in either place."""

    number: int
    slot: Optional[Slot]
    here: bool
    there: bool


class Keyring:
    """The slots of one archive, here and at its destination."""

    def __init__(
        self, places: Places, terms: Terms, store: RemoteStore
    ) -> None:
        self._places = places
        self._terms = terms
        self._store = store

    def entries(self) -> List[SlotEntry]:
        """All slots, by number.

        What lies here goes before what the store says of the same number.
        """
        here = kept_slots.read_slots(self._places, self._terms.archive)
        untrusted_there = dict(self._store.key_slots())
        return [
            SlotEntry(
                number,
                self._readable(here.get(number))
                or self._readable(untrusted_there.get(number)),
                number in here,
                number in untrusted_there,
            )
            for number in sorted({*here, *untrusted_there})
        ]

    def add(
        self, keys: ArchiveKeys, credential: Credential, made: int
    ) -> SlotEntry:
        """Let a credential open the archive from now on.

        Goes to the archive only where other slots are there too. Raises
        Refused when all numbers are taken.
        """
        entries = self.entries()
        slot = _make(keys, entries, credential, made)
        taken = {entry.number for entry in entries}
        number = _free_number(taken)
        there = any(entry.there for entry in entries)
        if there:
            self._store.put_key_slot(number, slot.encode())
        kept_slots.write_slot(
            self._places, self._terms.archive, number, slot.encode()
        )
        return SlotEntry(number, slot, True, there)

    def change(
        self, keys: ArchiveKeys, number: int, credential: Credential, made: int
    ) -> SlotEntry:
        """Replace a slot by one for another credential."""
        self.find(number)
        new = self.add(keys, credential, made)
        self._drop(number)
        return new

    def remove(self, number: int) -> None:
        """Drop a slot; Refused when no other one that can be read is left."""
        self.find(number)
        others = [e for e in self.entries() if e.number != number]
        if not any(entry.slot for entry in others):
            raise Refused(
                f"key slot {number} is the last one: without it nobody can"
                " open the archive"
            )
        self._drop(number)

    def find(self, number: int) -> SlotEntry:
        """The slot of that number; NotFound."""
        for entry in self.entries():
            if entry.number == number:
                return entry
        raise NotFound(
            f"there is no key slot {number}: key list shows those there are"
        )

    def _drop(self, number: int) -> None:
        self._store.drop_key_slot(number)
        kept_slots.drop_slot(self._places, self._terms.archive, number)

    def _readable(self, untrusted: Optional[bytes]) -> Optional[Slot]:
        if untrusted is None:
            return None
        try:
            slot = parse_slot(untrusted)
        except IntegrityError:
            return None
        return slot if slot.header.terms == self._terms else None


def _free_number(taken: Set[int]) -> int:
    for number in range(limits.SLOTS_MAX):
        if number not in taken:
            return number
    raise Refused(
        f"all {limits.SLOTS_MAX} key slots are taken: remove one first"
    )


def _make(
    keys: ArchiveKeys,
    entries: List[SlotEntry],
    credential: Credential,
    made: int,
) -> Slot:
    assert keys.master is not None
    if credential.kind is SlotKind.PASSPHRASE:
        return _passphrase_slot(
            keys.terms, keys.master, entries, credential.secret, made
        )
    return make_random_slot(keys.terms, keys.master, credential, made)


def _passphrase_slot(
    terms: Terms,
    master: MasterKey,
    entries: List[SlotEntry],
    passphrase: bytes,
    made: int,
) -> Slot:
    """With the salt and the cost of the others, so that one scrypt tries
    all; dearer where this machine can afford more."""
    headers = [
        entry.slot.header
        for entry in entries
        if entry.slot and entry.slot.header.kind is SlotKind.PASSPHRASE
    ]
    salt = headers[0].salt if headers else os.urandom(SALT_SIZE)
    costs = [affordable_cost(), *(header.cost for header in headers)]
    cost = max(costs, key=lambda each: each.log_n)
    return make_passphrase_slot(terms, master, passphrase, salt, cost, made)
