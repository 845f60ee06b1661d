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
    """One slot number. `slot` is None when it can't be read in either place.

    `differs`: there is one of that number in the archive too, but not this
    one. Another machine gave the number away again, or the store lies.
    """

    number: int
    slot: Optional[Slot]
    here: bool
    there: bool
    differs: bool = False


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
            self._entry(number, here.get(number), untrusted_there.get(number))
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
        old = self.find(number)
        new = self.add(keys, credential, made)
        self._drop(old)
        return new

    def remove(self, number: int) -> SlotEntry:
        """Drop a slot, and give what it was.

        Refused when no other one that can be read is left, or none in the
        archive, where a machine that knows nothing looks for one. One that
        differs is dropped here alone: what is there is somebody else's.
        """
        old = self.find(number)
        others = [e for e in self.entries() if e.number != number]
        if not any(entry.slot for entry in others):
            raise Refused(
                f"key slot {number} is the last one: without it nobody can"
                " open the archive"
            )
        goes_there = old.there and not old.differs and old.slot is not None
        if goes_there and not any(e.slot and e.there for e in others):
            raise Refused(
                f"key slot {number} is the last one in the archive: without it"
                " only this machine could open it; `key add` another one first"
            )
        self._drop(old)
        return old

    def find(self, number: int) -> SlotEntry:
        """The slot of that number; NotFound."""
        for entry in self.entries():
            if entry.number == number:
                return entry
        raise NotFound(
            f"there is no key slot {number}: key list shows those there are"
        )

    def _entry(
        self,
        number: int,
        here: Optional[bytes],
        untrusted_there: Optional[bytes],
    ) -> SlotEntry:
        slot, found = self._readable(here), self._readable(untrusted_there)
        return SlotEntry(
            number,
            slot or found,
            here is not None,
            untrusted_there is not None,
            # A damaged one is no other one.
            None not in (slot, found) and here != untrusted_there,
        )

    def _drop(self, old: SlotEntry) -> None:
        if not old.differs:
            self._store.drop_key_slot(old.number)
        kept_slots.drop_slot(self._places, self._terms.archive, old.number)

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
