# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The rules by which a qube's call is taken or refused, and what it does.

    its pace -> may this qube, by name and uuid, ask for an archive that lies
    in it -> the form of the argument -> a request filed, or a send started

Calls that come too early cost one read and change nothing. A refusal is
logged by what was wrong, never by what the caller wrote.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from wyng_common.errors import NameFault
from wyng_common.hosts import check_archive_argument, check_qube
from wyng_dom0.commands.overdue import EVERY_DEFAULT, interval_of, is_due
from wyng_dom0.engine import asking
from wyng_dom0.errors import BadInput, QubesError, Refused
from wyng_dom0.names import parse_session
from wyng_dom0.runs import timers
from wyng_dom0.sources.qubes import BETWEEN, KEY
from wyng_dom0.state import (
    grants,
    ledgers,
    locks,
    paces,
    request_log,
    requests,
)
from wyng_dom0.state.definitions import ArchiveDefinition
from wyng_dom0.state.grants import Grant
from wyng_dom0.state.paces import STRANGERS
from wyng_dom0.state.places import SYSTEM_CONFIG, Places
from wyng_dom0.state.request_log import Entry
from wyng_dom0.state.requests import Request
from wyng_dom0.state.volumes import list_states
from wyng_dom0.state.yaml_files import read_mapping

_ARGUMENT = re.compile(
    r"([A-Za-z][A-Za-z0-9_.-]{0,30})(?:\+([0-9]{8}-[0-9]{6}))?", re.ASCII
)


@dataclass(frozen=True)
class Call:
    """Who calls, by qrexec's word, and when."""

    places: Places
    caller: str
    now: datetime


@dataclass(frozen=True)
class Allowed:
    """An archive that the caller may ask for, and how."""

    grant: Grant
    definition: ArchiveDefinition


def decide(call: Call, service: str, untrusted_argument: str) -> None:
    """Take the call or refuse it; the log says which.

    The caller holds locks.hold_caller. Raises what the state raises.
    """
    known = [
        each
        for each in grants.list_grants(call.places)
        if each.vm == call.caller
    ]
    if not _is_in_pace(call, call.caller if known else STRANGERS):
        return
    act = _restore if service == "restore" else _ready
    try:
        act(call, _allowed(call, known), untrusted_argument)
    except (Refused, BadInput, NameFault, QubesError) as error:
        _log(call, "refused", str(error))


def _is_in_pace(call: Call, key: str) -> bool:
    pace = paces.read_pace(call.places, key)
    until = pace.until(call.now)
    if until is None:
        paces.write_pace(call.places, key, pace.after_call(call.now))
        return True
    if not pace.told:
        paces.note_told(call.places, key, pace)
        moment = f"{until:%Y-%m-%d %H:%M:%S %z}"
        _log(call, "limited", f"too many calls: none is heard until {moment}")
    return False


def _allowed(call: Call, known: list[Grant]) -> list[Allowed]:
    """What the caller may ask for, the default archive first; or Refused."""
    if not known:
        raise Refused("nobody allowed this qube to ask for anything")
    uuid = _uuid_of(call.caller)
    by_archive = {each.archive: each for each in known if each.uuid == uuid}
    if not by_archive:
        raise Refused("it is another qube than the one that was allowed")
    held = asking.archives_in(call.places, call.caller)
    found = [
        Allowed(by_archive[each.archive], each)
        for each in held
        if each.archive in by_archive
    ]
    if not found:
        raise Refused("no archive that it was allowed for lies in this qube")
    return found


def _uuid_of(caller: str) -> str:
    try:
        # There is no such module on other machines.
        from wyng_dom0.qubes.admin import open_admin
    except ImportError:
        raise Refused("qubesd can't be asked who calls") from None
    uuids = {each.name: each.uuid for each in open_admin().qubes()}
    return uuids.get(caller, "")


# wyng.Restore


def _restore(
    call: Call, allowed: list[Allowed], untrusted_argument: str
) -> None:
    """File one request, durably; a standing word may start it."""
    match = _ARGUMENT.fullmatch(untrusted_argument)
    if match is None:
        raise Refused("the argument is not of the form QUBE[+SESSION]")
    qube, session = check_qube(match[1]), match[2] or ""
    if session:
        parse_session(session)
    chosen = _holding(call, allowed, qube)
    request = Request(
        archive=chosen.definition.archive,
        qube=qube,
        session=session,
        caller=call.caller,
        asked=call.now,
    )
    with locks.hold_requests(call.places):
        _file(call, request)
    if chosen.grant.by_itself:
        timers.start_requests()


def _holding(call: Call, allowed: list[Allowed], qube: str) -> Allowed:
    """The first archive that this machine sent volumes of the qube to.

    Names are sealed, so what an archive holds is only known when it is
    opened: an unknown qube is asked for from the first, and not found then.
    """
    archives = {
        archive
        for state in list_states(call.places, KEY)
        if state.volume.partition(BETWEEN)[0] == qube
        for archive in ledgers.list_archives(state.folder)
    }
    for each in allowed:
        if each.definition.archive in archives:
            return each
    return allowed[0]


def _file(call: Call, request: Request) -> None:
    """Under the lock of requests. What waits is never replaced."""
    waiting = asking.sweep(call.places, call.now)
    same = [each for each in waiting if each.archive == request.archive]
    if any(each.qube == request.qube for each in same):
        raise Refused(f"a request for {request.qube} waits already")
    if len(same) >= requests.MOST:
        raise Refused(f"{requests.MOST} requests wait already")
    requests.write_request(call.places, request)
    asking.note(call.places, request, call.now, "asked", "")


# wyng.Ready


def _ready(call: Call, allowed: list[Allowed], untrusted_argument: str) -> None:
    """Have systemd start the archive's send, if it is due."""
    name = check_archive_argument(untrusted_argument)
    definition = _named(allowed, name)
    every = _every(call, definition)
    if not is_due(call.places, definition, every, call.now):
        _log(call, "ready", "no send is due", definition.name)
    elif timers.start_send(definition.name):
        _log(call, "ready", "a send was started", definition.name)
    else:
        _log(call, "ready", "systemd started no send", definition.name)


def _named(allowed: list[Allowed], name: str) -> ArchiveDefinition:
    """The archive that the caller calls so, or else dom0 does."""
    for each in allowed:
        where = asking.destination_of(each.definition)
        if where is not None and where.archive == name:
            return each.definition
    for each in allowed:
        if each.definition.name == name:
            return each.definition
    raise Refused("it was not allowed for an archive of that name")


def _every(call: Call, definition: ArchiveDefinition) -> timedelta:
    """How often a send is due; the default where the user's word is none."""
    try:
        return interval_of(call.places, definition, _configured())
    except (BadInput, OSError):
        return interval_of(call.places, definition, EVERY_DEFAULT)


def _configured() -> str | None:
    try:
        said = read_mapping(SYSTEM_CONFIG).get("every")
    except FileNotFoundError:
        return None
    return None if said is None else str(said)


def _log(call: Call, what: str, why: str, archive: str = "") -> None:
    entry = Entry(call.now, what, call.caller, archive, why=why)
    with locks.hold_requests(call.places):
        request_log.note(call.places, entry)
