# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a backup qube may ask for: who may, what is filed, how it is called.

Restores nothing and starts nothing. Every function that writes takes the
lock of requests itself, but `sweep`, which is called under it.
"""

from collections.abc import Collection, Iterable
from datetime import datetime

from wyng_common.ids import ArchiveId
from wyng_dom0.errors import BadInput, NotFound
from wyng_dom0.names import quote
from wyng_dom0.state import (
    definitions,
    grants,
    locks,
    request_log,
    request_policy,
    requests,
)
from wyng_dom0.state.definitions import ArchiveDefinition
from wyng_dom0.state.grants import Grant
from wyng_dom0.state.places import Places
from wyng_dom0.state.request_log import Entry
from wyng_dom0.state.requests import Request
from wyng_dom0.transport.destination import Destination, parse_destination

QUBE_NAME_MAX = 31
_MARK = "-restored-"


def destination_of(definition: ArchiveDefinition) -> Destination | None:
    """Where an archive lies; None for what can't be read."""
    try:
        return parse_destination(definition.destination, definition.subdir)
    except BadInput:
        return None


def held_by(definition: ArchiveDefinition, vm: str) -> bool:
    """True when the archive lies in the qube, or is reached through it."""
    where = destination_of(definition)
    return where is not None and where.vm == vm


def archives_in(places: Places, vm: str) -> list[ArchiveDefinition]:
    """The archives known here that a qube holds, the default first."""
    found = definitions.list_definitions(places)
    return [each for each in found if held_by(each, vm)]


def names_of_archives(places: Places) -> dict[ArchiveId, str]:
    """What dom0 calls each archive that it knows.

    One whose definition is damaged has no name: a qube is to be blocked all
    the same.
    """
    readable, _ = _readable(places)
    return {each.archive: each.name for each in readable}


def _readable(places: Places) -> tuple[list[ArchiveDefinition], bool]:
    """The archives known here, and whether these are all."""
    found, all_of_them = [], True
    for name in definitions.list_names(places):
        try:
            found.append(definitions.load(places, name))
        except (BadInput, NotFound):
            all_of_them = False
    return found, all_of_them


def strays(places: Places, known: Iterable[Grant]) -> list[Grant]:
    """Those whose archive is no more, or lies elsewhere: they let nobody ask.

    While a definition is damaged no archive counts as gone: it may be that.
    """
    readable, all_of_them = _readable(places)
    by_archive = {each.archive: each for each in readable}
    found = []
    for grant in known:
        definition = by_archive.get(grant.archive)
        if definition is None:
            is_stray = all_of_them
        else:
            is_stray = not held_by(definition, grant.vm)
        if is_stray:
            found.append(grant)
    return found


def restored_name(qube: str, taken: Collection[str]) -> str:
    """QUBE-restored-N with the lowest N that is free, as Qubes OS lets a
    qube be called: the front is cut where it would be too long."""
    number = 1
    while True:
        end = f"{_MARK}{number}"
        name = qube[: QUBE_NAME_MAX - len(end)] + end
        if name not in taken:
            return name
        number += 1


def is_restored(qube: str) -> bool:
    """True for a name that such a restore gave."""
    _, mark, number = qube.rpartition(_MARK)
    return bool(mark) and number.isdigit()


def restored_before(qube: str, known: Iterable[str]) -> list[str]:
    """The qubes that look like earlier restores of this one."""
    found = []
    for name in known:
        front, mark, number = name.rpartition(_MARK)
        short = qube[: QUBE_NAME_MAX - len(mark + number)]
        if is_restored(name) and front == short:
            found.append(name)
    return sorted(found)


def allow(places: Places, new: Iterable[Grant], now: datetime) -> None:
    """Let qubes ask; durable. What a crash leaves allows too little.

    What they were allowed before for an archive that is no more goes.
    """
    vms = set()
    with locks.hold_requests(places):
        for grant in new:
            grants.write_grant(places, grant)
            _note(places, now, "allowed", grant)
            vms.add(grant.vm)
        for grant in strays(places, grants.list_grants(places)):
            if grant.vm in vms:
                grants.remove_grant(places, grant.archive)
        _install_policy(places)


def block(places: Places, vm: str, now: datetime) -> list[Grant]:
    """Let a qube ask no more, and drop what it asked for; durable.

    The services look at the grants, so they refuse before the policy does.
    Raises NotFound when it might ask for nothing.
    """
    with locks.hold_requests(places):
        known = grants.list_grants(places)
        taken = [each for each in known if each.vm == vm]
        asked = [
            each for each in requests.list_requests(places) if each.caller == vm
        ]
        allowed = {each.vm for each in known}
        in_force = request_policy.is_in_force(places, allowed)
        if in_force and not (taken or asked):
            raise NotFound(f"{quote(vm)} may ask for nothing", about=vm)
        for grant in taken:
            grants.remove_grant(places, grant.archive)
        _install_policy(places)
        for request in asked:
            _end(places, request, now, "denied", "its qube was blocked")
        for grant in taken:
            _note(places, now, "blocked", grant)
    return taken


def forget_archive(places: Places, archive: ArchiveId) -> None:
    """Nobody may ask for an archive that is no more."""
    if not places.grants.parent.exists():
        return
    with locks.hold_requests(places):
        if grants.remove_grant(places, archive):
            _install_policy(places)
        for request in requests.list_requests(places):
            if request.archive == archive:
                requests.remove_request(places, archive, request.qube)


def deny(places: Places, request: Request, now: datetime) -> None:
    """Durably drop a request."""
    with locks.hold_requests(places):
        _end(places, request, now, "denied", "")


def end(
    places: Places, request: Request, now: datetime, what: str, why: str
) -> None:
    """Durably drop a request that was carried out."""
    with locks.hold_requests(places):
        _end(places, request, now, what, why)


def mark(
    places: Places, request: Request, now: datetime, what: str = ""
) -> None:
    """Durably keep a request as it is now, and log `what` if anything."""
    with locks.hold_requests(places):
        if _waits(places, request):
            requests.write_request(places, request)
        if what:
            note(places, request, now, what, request.why)


def pending(places: Places, now: datetime) -> list[Request]:
    """The requests that are not too old, the oldest first.

    Those that are too old go; where nothing was ever asked for nothing is
    written.
    """
    if not requests.list_requests(places):
        return []
    with locks.hold_requests(places):
        return sweep(places, now)


def sweep(places: Places, now: datetime) -> list[Request]:
    """The same under the lock of requests."""
    kept = []
    for request in requests.list_requests(places):
        if request.is_over(now):
            _end(places, request, now, "expired", "")
        else:
            kept.append(request)
    return kept


def note(
    places: Places, request: Request, now: datetime, what: str, why: str
) -> None:
    """Log something of a request; under the lock of requests."""
    names = names_of_archives(places)
    request_log.note(
        places,
        Entry(
            time=now,
            what=what,
            vm=request.caller,
            archive=names.get(request.archive, ""),
            qube=request.qube,
            session=request.session,
            why=why,
        ),
    )


def _end(
    places: Places, request: Request, now: datetime, what: str, why: str
) -> None:
    if _waits(places, request):
        requests.remove_request(places, request.archive, request.qube)
    note(places, request, now, what, why)


def _waits(places: Places, request: Request) -> bool:
    """False when it is gone, though another may have come in its place."""
    there = requests.read_request(places, request.archive, request.qube)
    return there is not None and there.as_asked() == request.as_asked()


def _note(places: Places, now: datetime, what: str, grant: Grant) -> None:
    names = names_of_archives(places)
    why = "by itself" if grant.by_itself and what == "allowed" else ""
    archive = names.get(grant.archive, "")
    entry = Entry(now, what, grant.vm, archive, why=why)
    request_log.note(places, entry)


def _install_policy(places: Places) -> None:
    allowed = {each.vm for each in grants.list_grants(places)}
    request_policy.install(places, allowed)
