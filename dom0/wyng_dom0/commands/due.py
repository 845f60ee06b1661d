# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Which sessions are due to be read back, and in which order.

For verify and drill: the one of the options, or the newest, of each volume;
what was not proven for the longest comes first where that matters.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from wyng_dom0.archive.page import Page
from wyng_dom0.archive.session import Session
from wyng_dom0.commands.access import Chosen
from wyng_dom0.commands.choice import session_of
from wyng_dom0.commands.context import Context
from wyng_dom0.commands.reports import Said
from wyng_dom0.commands.vols_from import read_vols_from
from wyng_dom0.engine.opened import OpenArchive
from wyng_dom0.engine.proving import known_proof
from wyng_dom0.engine.selection import is_excluded
from wyng_dom0.events import VolumeSkipped
from wyng_dom0.names import quote
from wyng_dom0.state.proven import Proof

_NAMES_SHOWN = 5


@dataclass(frozen=True)
class Due:
    """A session to be read, and what was known of it."""

    page: Page
    session: Session
    proof: Proof


def select_due(context: Context, archive: OpenArchive) -> list[Due]:
    """What is to be read; in the order of their proofs where that matters.

    What is passed over is told.
    """
    options = context.options
    due = []
    for page in _selected(context, archive):
        session = session_of(context, archive, page)
        proof = known_proof(archive, page, session)
        if _is_fresh(context, proof):
            when = f"{proof.at:%Y-%m-%d %H:%M}"
            why = f"{session.name} was proven {when}"
            context.listener(VolumeSkipped(page.name, why))
        else:
            due.append(Due(page, session, proof))
    if options.older_than is not None or options.max_time is not None:
        due.sort(key=lambda each: seconds(each.proof.at))
    return due


def tell_left(context: Context, chosen: Chosen, names: list[str]) -> None:
    """Report what a run with a time bound did not get to, or to its end."""
    text = "Nothing is left for another run."
    if names:
        listed = ", ".join(map(quote, names[:_NAMES_SHOWN]))
        more = len(names) - _NAMES_SHOWN
        listed += f" and {more} more" if more > 0 else ""
        text = f"Time is over; left for another run: {listed}."
    values: dict[str, object] = {"archive": chosen.name, "volumes": names}
    kind = f"{context.options.command}-left"
    context.report(Said(kind, text, values))


def seconds(at: datetime | None) -> float:
    """A moment to sort by; never comes first."""
    return at.timestamp() if at is not None else float("-inf")


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


def _is_fresh(context: Context, proof: Proof) -> bool:
    wanted = context.options.older_than
    if wanted is None or proof.at is None:
        return False
    # A time that is still to come was noted by a clock that ran wrong.
    return context.now - timedelta(seconds=wanted) < proof.at <= context.now
