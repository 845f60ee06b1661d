# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`verify`: read a session back and check every byte of it.

Or only of what was not proven for long, for so long, or chunks drawn by lot.
What was read whole is kept as proven.
"""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from wyng_common.messages import Capability
from wyng_dom0.archive.page import Page
from wyng_dom0.archive.session import Session
from wyng_dom0.commands.access import Chosen, opened
from wyng_dom0.commands.choice import session_of
from wyng_dom0.commands.context import Context
from wyng_dom0.commands.reports import Said
from wyng_dom0.commands.vols_from import read_vols_from
from wyng_dom0.engine.content import SessionContent
from wyng_dom0.engine.opened import OpenArchive
from wyng_dom0.engine.proving import (
    forget_proofs,
    known_proof,
    note_cut_off,
    note_proven,
    note_sampled,
)
from wyng_dom0.engine.selection import is_excluded
from wyng_dom0.engine.verify import Extent, Verdict, verify_session
from wyng_dom0.errors import BadInput, IntegrityError
from wyng_dom0.events import RunStarted, VolumeSkipped
from wyng_dom0.names import quote
from wyng_dom0.state.proven import VERIFY, Proof

_RANGES_SHOWN = 5


@dataclass(frozen=True)
class _Due:
    """A session to be read, and what was known of it."""

    page: Page
    session: Session
    proof: Proof


def run(context: Context) -> None:
    """Verify the newest or the named session of some or all volumes."""
    options = context.options
    if options.session is not None and options.session.last is not None:
        raise BadInput("verify takes exactly one session, not a range")
    bad: list[str] = []
    with opened(context, Capability.GET) as (chosen, archive):
        for volume, error in archive.damaged.items():
            bad.append(f"the page of volume {volume.hex()}: {error}")
        due = _due(context, archive, _selected(context, archive))
        names = tuple(each.page.name for each in due)
        context.listener(RunStarted("verify", chosen.name, names))
        run = _Run(context, chosen, archive)
        left = [each for each in due if not run.verify(each, bad)]
        if options.max_time is not None:
            _tell_left(context, chosen, left)
    if bad:
        raise IntegrityError(
            f"verify found damage: {'; '.join(bad)}; run `qvm-wyng arch-check`,"
            " then send: what the volumes still hold is replaced"
        )


def _selected(context: Context, archive: OpenArchive) -> list[Page]:
    """The pages to verify; those passed over are told."""
    options = context.options
    if options.vols_from is not None:
        listed = read_vols_from(options.vols_from)
        return [archive.page_named(each.name) for each in listed]
    pages = []
    for page in archive.pages_named(options.names):
        why = ""
        excluded = is_excluded(page.name, options.volex)
        if excluded:
            why = "it is excluded"
        elif not options.names and not page.session_count:
            why = "it has no session"
        if why:
            context.listener(VolumeSkipped(page.name, why, excluded))
        else:
            pages.append(page)
    return pages


def _due(
    context: Context, archive: OpenArchive, pages: list[Page]
) -> list[_Due]:
    """What is to be read; in the order of their proofs where that matters."""
    options = context.options
    due = []
    for page in pages:
        session = session_of(context, archive, page)
        proof = known_proof(archive, page, session)
        if _is_fresh(context, proof):
            when = f"{proof.at:%Y-%m-%d %H:%M}"
            why = f"{session.name} was proven {when}"
            context.listener(VolumeSkipped(page.name, why))
        else:
            due.append(_Due(page, session, proof))
    if options.older_than is not None or options.max_time is not None:
        due.sort(key=lambda each: _seconds(each.proof.at))
    return due


def _seconds(at: datetime | None) -> float:
    return at.timestamp() if at is not None else float("-inf")


def _is_fresh(context: Context, proof: Proof) -> bool:
    wanted = context.options.older_than
    if wanted is None or proof.at is None:
        return False
    # A time that is still to come was noted by a clock that ran wrong.
    return context.now - timedelta(seconds=wanted) < proof.at <= context.now


class _Run:
    """One run of verify, with its deadline."""

    def __init__(
        self, context: Context, chosen: Chosen, archive: OpenArchive
    ) -> None:
        self._context = context
        self._chosen = chosen
        self._archive = archive
        self._begun = time.monotonic()

    def verify(self, due: _Due, bad: list[str]) -> bool:
        """Read one; False when not all of it was, because time was over."""
        if not self._in_time():
            return False
        archive, page, session = self._archive, due.page, due.session
        content = SessionContent(archive, page, session)
        begun, first = self._resumed(due.proof)
        share = self._context.options.sample or 1.0
        extent = Extent(first, self._in_time, share)
        verdict = verify_session(content, self._context.listener, extent)
        if verdict.errors:
            forget_proofs(archive, page.volume, [session.sequence])
            bad.append(_sentence(page.name, session.name, verdict))
            return True
        if verdict.reached is not None:
            if share >= 1.0:
                note_cut_off(archive, page, session, begun, verdict.reached)
            return False
        if share < 1.0:
            note_sampled(archive, page, session, begun)
        else:
            note_proven(archive, page, session, begun, VERIFY)
        self._report(due, verdict, share < 1.0)
        return True

    def _in_time(self) -> bool:
        most = self._context.options.max_time
        if most is None:
            return True
        held = self._context.hold.seconds()
        return time.monotonic() - self._begun - held < most

    def _resumed(self, proof: Proof) -> tuple[datetime, int]:
        """When reading began, and from which chunk on it goes on: where a
        run with a time bound was cut off, unless that is long ago."""
        options, now = self._context.options, self._context.now
        if options.max_time is None or options.sample is not None:
            return now, 0
        if proof.begun is None or not proof.reached or proof.begun > now:
            return now, 0
        if options.older_than is not None:
            if proof.begun < now - timedelta(seconds=options.older_than):
                return now, 0
        return proof.begun, proof.reached

    def _report(self, due: _Due, verdict: Verdict, sampled: bool) -> None:
        name, session = quote(due.page.name), due.session.name
        text = f"{name} as of {session} is whole."
        if sampled:
            text = f"What was drawn of {name} as of {session} is whole."
        values: dict[str, object] = {
            "archive": self._chosen.name,
            "volume": due.page.name,
            "session": session,
            "bytes": verdict.bytes_read,
            "sampled": sampled,
        }
        self._context.report(Said("verify", text, values))


def _tell_left(context: Context, chosen: Chosen, left: list[_Due]) -> None:
    names = [each.page.name for each in left]
    text = "Nothing is left for another run."
    if names:
        listed = ", ".join(map(quote, names[:_RANGES_SHOWN]))
        more = len(names) - _RANGES_SHOWN
        listed += f" and {more} more" if more > 0 else ""
        text = f"Time is over; left for another run: {listed}."
    values: dict[str, object] = {"archive": chosen.name, "volumes": names}
    context.report(Said("verify-left", text, values))


def _sentence(volume: str, session: str, verdict: Verdict) -> str:
    ranges = ", ".join(
        f"{length} bytes at {offset}"
        for offset, length in verdict.damaged[:_RANGES_SHOWN]
    )
    more = len(verdict.damaged) - _RANGES_SHOWN
    if more > 0:
        ranges += f" and {more} more ranges"
    return (
        f"{quote(volume)} as of {session}"
        f" ({ranges or 'its tree'}: {verdict.errors[0]})"
    )
