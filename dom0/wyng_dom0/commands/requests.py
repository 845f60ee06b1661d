# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`requests list|approve|deny|allow|block|log|run`: what backup qubes ask."""

from collections.abc import Callable

from wyng_dom0.commands import request_restore
from wyng_dom0.commands.context import Context
from wyng_dom0.commands.reports import Said
from wyng_dom0.commands.request_reports import (
    AllowedRow,
    LogRow,
    RequestList,
    RequestLog,
    RequestRow,
)
from wyng_dom0.engine import asking
from wyng_dom0.errors import BadInput, Dom0Error, NotFound, Refused
from wyng_dom0.events import Warning_
from wyng_dom0.names import quote
from wyng_dom0.qubes.facade import Qube, is_qube_name
from wyng_dom0.sources.choose import has_qubes, open_qubes
from wyng_dom0.state import definitions, grants, request_log, request_policy
from wyng_dom0.state.definitions import ArchiveDefinition
from wyng_dom0.state.grants import Grant
from wyng_dom0.state.paces import read_pace
from wyng_dom0.state.requests import LIVES, Request

# Those that restore, and so last.


def run(context: Context) -> None:
    """Carry out the action; none waits for anybody but the user."""
    action, *rest = context.options.names
    if action not in _ACTIONS:
        raise BadInput(
            f"requests takes {', '.join(_ACTIONS)}; not {quote(action)}"
        )
    if context.options.by_itself and action != "allow":
        raise BadInput("--by-itself goes with requests allow")
    if context.options.pool is not None and action != "approve":
        raise BadInput("--pool goes with requests approve")
    if rest and action in _NAMELESS:
        raise BadInput(f"requests {action} takes no name")
    _ACTIONS[action](context, rest[0] if rest else "")


def _list(context: Context, _: str) -> None:
    places, now = context.places, context.now
    names = asking.names_of_archives(places)
    known = grants.list_grants(places)
    context.report(
        RequestList(
            requests=tuple(
                RequestRow(
                    archive=names.get(each.archive, each.archive.hex()),
                    qube=each.qube,
                    session=each.session,
                    vm=each.caller,
                    asked=each.asked,
                    expires=each.asked + LIVES,
                    state=each.state,
                    why=each.why,
                )
                for each in asking.pending(places, now)
            ),
            allowed=tuple(
                AllowedRow(
                    vm=each.vm,
                    archive=names.get(each.archive, each.archive.hex()),
                    by_itself=each.by_itself,
                    since=each.since,
                    limited_until=read_pace(places, each.vm).until(now),
                )
                for each in known
            ),
            problems=tuple(_problems(context, known)),
        )
    )


def _problems(context: Context, known: list[Grant]) -> list[str]:
    """Why calls of qubes that are allowed are refused all the same."""
    problems = []
    vms = {each.vm for each in known}
    if not request_policy.is_in_force(context.places, vms):
        problems.append(
            f"{context.places.policy} does not say what is listed here:"
            " requests allow or block writes it again"
        )
    present = _present(context) if known else {}
    for vm, uuid in sorted({(each.vm, each.uuid) for each in known}):
        if vm in present and present[vm].uuid != uuid:
            problems.append(
                f"{vm} is another qube than the one that was allowed, and is"
                f" refused: requests allow {vm} if it is meant"
            )
    names = asking.names_of_archives(context.places)
    for grant in asking.strays(context.places, known):
        named = names.get(grant.archive)
        what = (
            "lies elsewhere by now" if named else "is not known here any more"
        )
        problems.append(
            f"{grant.vm} was allowed to ask for the archive"
            f" {named or grant.archive.hex()}, which {what}: requests allow"
            f" {grant.vm} allows those that lie in it now, requests block"
            f" {grant.vm} takes all back"
        )
    return problems


def _present(context: Context) -> dict[str, Qube]:
    """The qubes that there are; none where qubesd can't be asked."""
    if not has_qubes():
        return {}
    try:
        admin = open_qubes(context.places, context.listener).admin
        return {each.name: each for each in admin.qubes()}
    except Dom0Error as error:
        context.listener(Warning_(str(error)))
        return {}


def _allow(context: Context, name: str) -> None:
    vm = _qube(name)
    admin = open_qubes(context.places, context.listener).admin
    found = {each.name: each for each in admin.qubes()}.get(vm)
    if found is None:
        raise NotFound(f"there is no qube {quote(vm)}", about=vm)
    if not found.uuid:
        raise Refused(
            f"qubesd tells no uuid of {vm}: a qube made anew under its name"
            " could not be told from it"
        )
    meant = _archives(context, vm)
    by_itself = context.options.by_itself
    asking.allow(
        context.places,
        [
            Grant(each.archive, vm, found.uuid, by_itself, context.now)
            for each in meant
        ],
        context.now,
    )
    names = [each.name for each in meant]
    then = "runs by itself" if by_itself else "waits for requests approve"
    context.report(
        Said(
            "allowed",
            f"{vm} may ask for restores from {', '.join(names)}, and say when"
            f" it is ready for sends. A restore that it asks for {then}.",
            {"vm": vm, "archives": names, "by_itself": by_itself},
        )
    )
    if context.places.policy_is_ours:
        context.listener(
            Warning_(
                f"qrexec does not read {context.places.policy}: of a state of"
                " one's own it knows nothing"
            )
        )


def _archives(context: Context, vm: str) -> list[ArchiveDefinition]:
    """Those in the qube, or the one of --archive."""
    name = context.options.archive
    if name is None:
        found = asking.archives_in(context.places, vm)
        if not found:
            raise NotFound(f"no archive known here lies in {vm}", about=vm)
        return found
    definition = definitions.load(context.places, name)
    if not asking.held_by(definition, vm):
        raise Refused(
            f"the archive {quote(name)} does not lie in {vm}, so {vm} may not"
            " ask for it"
        )
    return [definition]


def _block(context: Context, name: str) -> None:
    vm = _qube(name)
    taken = asking.block(context.places, vm, context.now)
    names = asking.names_of_archives(context.places)
    context.report(
        Said(
            "blocked",
            f"{vm} may ask for nothing any more, and what it asked for is"
            " denied.",
            {"vm": vm, "archives": [names.get(g.archive, "") for g in taken]},
        )
    )


def _qube(name: str) -> str:
    if not is_qube_name(name):
        raise BadInput(
            f"{quote(name)} can't be a qube's name" if name else "name a qube"
        )
    return name


def _deny(context: Context, name: str) -> None:
    request = find_request(context, name)
    asking.deny(context.places, request, context.now)
    context.report(
        Said(
            "denied",
            f"The restore of {request.qube} that {request.caller} asked for is"
            " denied.",
            {"qube": request.qube, "vm": request.caller},
        )
    )


def _approve(context: Context, name: str) -> None:
    request = find_request(context, name)
    request_restore.carry_out(context, request)


def _run(context: Context, _: str) -> None:
    request_restore.carry_out_all(context)


def find_request(context: Context, name: str) -> Request:
    """The request for a qube, or the only one; raises NotFound, BadInput."""
    archive = context.options.archive
    known = asking.pending(context.places, context.now)
    if archive is not None:
        wanted = definitions.load(context.places, archive).archive
        known = [each for each in known if each.archive == wanted]
    found = [each for each in known if name in ("", each.qube)]
    if not found:
        about = f" for {quote(name)}" if name else ""
        raise NotFound(f"no request{about} waits", about=name)
    if len(found) > 1:
        more = "several archives have one: --archive" if name else "a qube"
        raise BadInput(f"{len(found)} requests wait: name {more}")
    return found[0]


def _log(context: Context, _: str) -> None:
    entries = request_log.read_log(context.places)
    rows = tuple(LogRow(**vars(each)) for each in entries)
    context.report(RequestLog(rows))


_ACTIONS: dict[str, Callable[[Context, str], None]] = {
    "list": _list,
    "approve": _approve,
    "deny": _deny,
    "allow": _allow,
    "block": _block,
    "log": _log,
    "run": _run,
}
_NAMELESS = ("list", "log", "run")
