# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Snapshots of many thin volumes, for the price of two listings.

Owns the recipe by which a snapshot is surely of the volume that was chosen,
whatever is renamed, removed or made meanwhile:

    the group is listed -> each wish chooses an LV -> each LV's name is
    snapshotted -> the group is listed again -> each snapshot whose origin
    has the uuid that was chosen is good; another one is dropped

What is not good yet chooses anew from the second listing, and so on. One
that finds nothing to choose is waited for: at the end of a qube's run no LV
has the volume's name for a moment.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from wyng_dom0.errors import NotFound, SourceError
from wyng_dom0.names import quote
from wyng_dom0.snapshots import lvm_listing, thin_volumes
from wyng_dom0.snapshots.driver import CannotSnapshot
from wyng_dom0.snapshots.lvm_listing import LogicalVolume

_MISSING_SECONDS = 10.0
_PAUSE_SECONDS = 0.1
_ROUNDS = 100

Choose = Callable[[Sequence[LogicalVolume]], LogicalVolume | None]
Taken = LogicalVolume | SourceError | NotFound


@dataclass(frozen=True)
class Wish:
    """One snapshot wanted: of what `choose` picks of the group's volumes.

    `name` is what errors call it.
    """

    name: str
    vg: str
    choose: Choose


@dataclass(frozen=True)
class _Made:
    """A snapshot that LVM made, of what had the chosen LV's name then."""

    chosen: LogicalVolume
    name: str


def take_wishes(wishes: Sequence[Wish], keeper: str) -> list[Taken]:
    """For each wish, in order, the keeper's snapshot or why there is none.

    NotFound where nothing can be chosen for a while, CannotSnapshot for an
    LV that is not thin or a pool that takes no more. One that fails leaves
    the others alone. Whatever is raised, no snapshot is left.
    """
    takers = [
        _Taker(vg, {at: w for at, w in enumerate(wishes) if w.vg == vg}, keeper)
        for vg in sorted({each.vg for each in wishes})
    ]
    try:
        for taker in takers:
            taker.run()
    except BaseException:
        for taker in takers:
            taker.take_back()
        raise
    taken: dict[int, Taken] = {}
    for taker in takers:
        taken.update(taker.taken)
    return [taken[at] for at in range(len(wishes))]


class _Taker:
    """The wishes for volumes of one group, by their places in the order."""

    def __init__(
        self, vg: str, wishes: Mapping[int, Wish], keeper: str
    ) -> None:
        self._vg = vg
        self._keeper = keeper
        self._waiting = dict(wishes)
        self._missing_since: dict[int, float] = {}
        self._made: dict[int, _Made] = {}
        self.taken: dict[int, Taken] = {}

    def run(self) -> None:
        """Until every wish has what came of it."""
        try:
            listed = lvm_listing.list_group(self._vg)
            for _ in range(_ROUNDS):
                self._make(listed)
                if not self._waiting:
                    return
                if len(self._made) < len(self._waiting):
                    # Somebody is in the middle of renaming.
                    time.sleep(_PAUSE_SECONDS)
                listed = lvm_listing.list_group(self._vg)
                self._judge(listed)
            for at in list(self._waiting):
                self._end(at, self._none(at))
        except (SourceError, NotFound) as error:
            for at in list(self._waiting):
                self._end(at, error)

    def take_back(self) -> None:
        """Remove what was made, as far as that can be done."""
        names = {each.name for each in self._made.values()}
        uuids = {
            each.uuid
            for each in self.taken.values()
            if isinstance(each, LogicalVolume)
        }
        if not names and not uuids:
            return
        # What is left has our tag: the next run finds it.
        with suppress(SourceError, NotFound):
            thin_volumes.remove_snapshots(
                [
                    each
                    for each in lvm_listing.list_group(self._vg)
                    if each.is_own
                    and (each.name in names or each.uuid in uuids)
                ]
            )

    def _make(self, listed: Sequence[LogicalVolume]) -> None:
        """A snapshot for each wish that finds something to choose."""
        for at, wish in list(self._waiting.items()):
            chosen = wish.choose(listed)
            if chosen is None:
                self._wait_for(at)
                continue
            self._missing_since.pop(at, None)
            try:
                self._snapshot(at, chosen)
            except SourceError as error:
                self._end(at, error)

    def _snapshot(self, at: int, chosen: LogicalVolume) -> None:
        if not chosen.is_thin:
            raise CannotSnapshot(
                f"the logical volume {chosen.place} is not thin",
                about=self._waiting[at].name,
            )
        name = thin_volumes.snapshot_name(chosen)
        # Before it is made: whoever is stopped meanwhile takes it back.
        self._made[at] = _Made(chosen, name)
        if not thin_volumes.create_snapshot(chosen, name, self._keeper):
            del self._made[at]

    def _wait_for(self, at: int) -> None:
        now = time.monotonic()
        since = self._missing_since.setdefault(at, now)
        if now - since > _MISSING_SECONDS:
            self._end(at, self._none(at))

    def _none(self, at: int) -> NotFound:
        name = self._waiting[at].name
        return NotFound(
            f"there is no volume {quote(name)} in {self._vg}", about=name
        )

    def _judge(self, listed: Sequence[LogicalVolume]) -> None:
        """Keep the snapshots of what was chosen, drop the others."""
        there = {each.name: each for each in listed}
        wrong = []
        for at, made in list(self._made.items()):
            found = there.get(made.name)
            if found is None:
                del self._made[at]
            elif found.origin_uuid == made.chosen.uuid:
                self._end(at, found)
            else:
                wrong.append(found)
        thin_volumes.remove_snapshots(wrong)
        self._made.clear()

    def _end(self, at: int, taken: Taken) -> None:
        self.taken[at] = taken
        del self._waiting[at]
        self._made.pop(at, None)
