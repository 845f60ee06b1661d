# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A restore that a backup qube asked for, by the user's word.

Always a new qube, isolated, from the archive that the request is of. The
request says which qube it becomes before there is one, and is dropped when
that is whole: a crash leaves a request that can be approved again.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from wyng_common.errors import WyngError
from wyng_common.messages import Capability
from wyng_dom0.commands.access import opened
from wyng_dom0.commands.context import Context
from wyng_dom0.commands.kept_key import begin_waiting
from wyng_dom0.commands.receive_qube import restore_qubes
from wyng_dom0.engine import asking
from wyng_dom0.errors import (
    AuthenticationFailed,
    Cancelled,
    NotFound,
    Refused,
    SomeVolumesFailed,
)
from wyng_dom0.events import Notice, Warning_
from wyng_dom0.names import SessionName, SessionRange, quote
from wyng_dom0.qubes.capture import RESTORING
from wyng_dom0.qubes.facade import Admin
from wyng_dom0.sources.choose import open_qubes
from wyng_dom0.sources.qubes import KEY
from wyng_dom0.state import grants, locks, requests
from wyng_dom0.state.requests import FAILED, NEEDS_KEY, Request


def carry_out(context: Context, request: Request) -> None:
    """Restore what was asked for; raises what a restore raises."""
    try:
        _restore(context, request, by_itself=False)
    finally:
        if context.options.remember:
            begin_waiting(context, request.archive)


def carry_out_all(context: Context) -> None:
    """Restore what may be restored by itself; what fails is told and kept.

    Raises SomeVolumesFailed when anything failed. One whose key is not at
    hand waits for it and is no failure.
    """
    failed: list[tuple[str, str]] = []
    for request in _until_none_is_left(context):
        try:
            _restore(context, request, by_itself=True)
        except AuthenticationFailed:
            context.listener(
                Notice(f"the restore of {request.qube} waits for the key")
            )
        except Cancelled:
            raise
        except (WyngError, OSError) as error:
            context.listener(Warning_(f"{request.qube}: {error}"))
            failed.append((request.qube, str(error)))
    if failed:
        raise SomeVolumesFailed(tuple(failed))


def _until_none_is_left(context: Context) -> Iterator[Request]:
    """Each request once; those too that come while others are restored.

    Next is one of the qube that had the fewest so far: many that one asked for
    don't keep another's waiting.
    """
    tried: set[Request] = set()
    had: Counter[str] = Counter()
    while True:
        left = [
            each
            for each in asking.pending(context.places, context.clock())
            if each.state != FAILED
            and each.as_asked() not in tried
            and _goes_by_itself(context, each)
        ]
        if not left:
            return
        # The oldest of those that are alike.
        following = min(left, key=lambda each: had[each.caller])
        tried.add(following.as_asked())
        had[following.caller] += 1
        yield following


def _goes_by_itself(context: Context, request: Request) -> bool:
    grant = grants.read_grant(context.places, request.archive)
    return grant is not None and grant.by_itself and grant.vm == request.caller


def _restore(context: Context, request: Request, by_itself: bool) -> None:
    places = context.places
    # A run may last for hours, and the log tells when each was restored.
    context = replace(context, now=context.clock())
    with locks.hold_request(places, request.archive, request.qube):
        present = requests.read_request(places, request.archive, request.qube)
        if present is None or present.as_asked() != request.as_asked():
            # Another one may have come in its place.
            raise NotFound(
                f"the request for {quote(request.qube)} waits no more: look at"
                " requests list"
            )
        if by_itself and not _goes_by_itself(context, present):
            raise Refused(f"{present.caller} may not ask for that any more")
        request = present
        try:
            request = _begin(context, request, by_itself)
            _receive(context, request)
        except WyngError as error:
            _note_failure(context, request, error)
            raise
        asking.end(places, request, context.clock(), "restored", request.target)


def _begin(context: Context, request: Request, by_itself: bool) -> Request:
    """The request with the name of the qube that it becomes; durable."""
    admin = open_qubes(context.places, context.listener).admin
    known = {each.name for each in admin.qubes()}
    if request.target in known:
        _tell_leftover(context, admin, request)
    if by_itself and asking.is_restored(request.qube):
        # Backed up, each copy could be had once more.
        raise Refused(
            f"{request.qube} is itself what such a restore made: approve it"
            " if it is meant"
        )
    there = asking.restored_before(request.qube, known)
    if by_itself and there:
        raise Refused(
            f"{there[0]} is there from an earlier restore: remove or rename"
            " it, or approve another one"
        )
    target = asking.restored_name(request.qube, known)
    begun = replace(request, target=target)
    asking.mark(context.places, begun, context.now)
    return begun


def _tell_leftover(context: Context, admin: Admin, request: Request) -> None:
    """A crash leaves a qube that can't start; it is the user's to remove."""
    if admin.has_tag(request.target, RESTORING):
        context.listener(
            Warning_(
                f"{request.target} is half restored by an earlier try and"
                f" can't start: delete {request.target} --clean removes it"
            )
        )


def _receive(context: Context, request: Request) -> None:
    names = asking.names_of_archives(context.places)
    if request.archive not in names:
        raise NotFound("the archive of the request is not known here")
    session = (
        SessionRange(SessionName(request.session)) if request.session else None
    )
    options = replace(
        context.options,
        archive=names[request.archive],
        names=(request.qube,),
        session=session,
        # Whatever config.yaml says: what was approved and nothing like it.
        session_strict=None,
        as_=request.target,
        isolated=True,
        local=KEY,
    )
    meant = replace(context, options=options)
    with opened(meant, Capability.GET) as (chosen, archive):
        if chosen.access.keys.terms.archive != request.archive:
            raise NotFound("the archive of the request is not known here")
        restore_qubes(meant, chosen, archive)


def _note_failure(context: Context, request: Request, error: WyngError) -> None:
    """Keep why it is not done; one that the user ended is as it was."""
    if isinstance(error, Cancelled):
        return
    locked = isinstance(error, AuthenticationFailed)
    marked = request.marked(NEEDS_KEY if locked else FAILED, str(error))
    again = locked and request.state == NEEDS_KEY
    what = "" if again else "needs-key" if locked else "failed"
    asking.mark(context.places, marked, context.clock(), what)
