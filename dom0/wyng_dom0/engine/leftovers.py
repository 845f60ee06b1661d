# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What killed restores and drills left here: told, and removed on request.

A qube is removed only while it can't start (it has the tag of restores), bears
our mark of one that was made for it, is halted, and nobody restores it.
"""

from dataclasses import dataclass
from enum import Enum

from wyng_dom0.engine.qube_restore import is_half_made
from wyng_dom0.errors import DestinationBusy, Dom0Error, NotFound, Refused
from wyng_dom0.qubes.capture import RESTORING
from wyng_dom0.qubes.facade import Admin
from wyng_dom0.sources import scratch
from wyng_dom0.state import locks, restoring, scratches
from wyng_dom0.state.places import Places
from wyng_dom0.state.restoring import Restored


class LeftoverKind(Enum):
    """A qube that was made by a restore, one that perhaps was, one that was
    written over, or what a drill restored to."""

    MADE = "made"
    PERHAPS = "perhaps"
    OVER = "over"
    DRILL = "drill"


@dataclass(frozen=True)
class Leftover:
    """One thing that somebody may want to finish or remove.

    `of` is what the archive calls the qube; "" for what is none.
    """

    kind: LeftoverKind
    name: str
    of: str = ""


def find_leftovers(places: Places, admin: Admin | None) -> list[Leftover]:
    """By our notes, without what is on its way now.

    Where qubesd can be asked, also without qubes that are gone or whole.
    Raises QubesError.
    """
    found = []
    for each in restoring.noted(places):
        if _is_idle(places, each.qube) and not _is_done(admin, each):
            found.append(Leftover(_kind(admin, each), each.qube, each.of))
    return [*found, *find_drilled(places)]


def find_drilled(places: Places) -> list[Leftover]:
    """What killed drills restored to; nothing while a drill runs."""
    drills = scratches.noted(places)
    if not drills or _is_drilling(places):
        return []
    return [Leftover(LeftoverKind.DRILL, each.place) for each in drills]


def remove_drilled(places: Places, place: str | None = None) -> list[str]:
    """Remove what killed drills restored to; why each that stays does so.

    All of it, or what lies at `place`. The caller holds the drill's lock.
    """
    problems = []
    for left in scratches.noted(places):
        if place not in (None, left.place):
            continue
        try:
            scratch.remove(left, places)
        except (Dom0Error, OSError) as error:
            problems.append(f"what a killed drill left stays: {error}")
    return problems


def drop_note(admin: Admin, places: Places, qube: str) -> bool:
    """Forget a qube that is gone or whole by now, or that nothing shows to be
    of a restore; False where it is another, or nothing was noted."""
    for each in restoring.noted(places):
        if each.qube != qube:
            continue
        unproven = _kind(admin, each) is LeftoverKind.PERHAPS
        if unproven or _is_done(admin, each):
            restoring.forget(places, qube)
            return True
    return False


def check_removable(admin: Admin, qube: str) -> None:
    """Raise Refused or NotFound unless our restore made it and was killed."""
    known = {each.name: each for each in admin.qubes()}
    if qube not in known:
        raise NotFound(f"there is no qube {qube}", about=qube)
    if not is_half_made(admin, qube):
        raise Refused(
            f"{qube} is no qube that a restore of this program made and did"
            " not finish: it is left alone",
            about=qube,
        )
    if not known[qube].halted:
        raise Refused(f"{qube} runs: it is left alone", about=qube)


def remove_leftover(admin: Admin, places: Places, qube: str) -> None:
    """Remove a half-made qube and its volumes; the caller holds its lock.

    Looks once more whether it may. Raises QubesError.
    """
    check_removable(admin, qube)
    admin.remove(qube)
    restoring.forget(places, qube)


def _kind(admin: Admin | None, noted: Restored) -> LeftoverKind:
    """Killed before it was marked, it may be any qube of that name."""
    if noted.over:
        return LeftoverKind.OVER
    if noted.marked or admin is not None and is_half_made(admin, noted.qube):
        return LeftoverKind.MADE
    return LeftoverKind.PERHAPS


def _is_done(admin: Admin | None, noted: Restored) -> bool:
    """Gone; or without the tag, which goes at the end.

    One that was there before has it before anything is done to it. A new one
    without it is whole if it was marked once.
    """
    if admin is None:
        return False
    if noted.qube not in [each.name for each in admin.qubes()]:
        return True
    was_begun = noted.marked or noted.over
    return was_begun and not admin.has_tag(noted.qube, RESTORING)


def _is_idle(places: Places, qube: str) -> bool:
    try:
        with locks.hold_restore(places, qube):
            return True
    except DestinationBusy:
        return False


def _is_drilling(places: Places) -> bool:
    try:
        with locks.hold_drill(places):
            return False
    except DestinationBusy:
        return True
