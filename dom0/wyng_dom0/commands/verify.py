# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`verify`: read a session back and check every byte of it.

Or only of what was not proven for long, for so long, or chunks drawn by lot.
What was read whole is kept as proven.
"""

import time
from datetime import datetime, timedelta

from wyng_common.messages import Capability
from wyng_dom0.commands.access import Chosen, opened
from wyng_dom0.commands.context import Context
from wyng_dom0.commands.due import Due, select_due, tell_left
from wyng_dom0.commands.reports import Said
from wyng_dom0.engine.content import SessionContent
from wyng_dom0.engine.opened import OpenArchive
from wyng_dom0.engine.proving import (
    forget_proofs,
    note_cut_off,
    note_proven,
    note_sampled,
)
from wyng_dom0.engine.verify import Extent, Verdict, verify_session
from wyng_dom0.errors import BadInput, IntegrityError
from wyng_dom0.events import RunStarted
from wyng_dom0.names import quote
from wyng_dom0.state.proven import VERIFY, Proof

_RANGES_SHOWN = 5


def run(context: Context) -> None:
    """Verify the newest or the named session of some or all volumes."""
    options = context.options
    if options.session is not None and options.session.last is not None:
        raise BadInput("verify takes exactly one session, not a range")
    bad: list[str] = []
    with opened(context, Capability.GET) as (chosen, archive):
        for volume, error in archive.damaged.items():
            bad.append(f"the page of volume {volume.hex()}: {error}")
        due = select_due(context, archive)
        names = tuple(each.page.name for each in due)
        context.listener(RunStarted("verify", chosen.name, names))
        run = _Run(context, chosen, archive)
        left = [each for each in due if not run.verify(each, bad)]
        if options.max_time is not None:
            tell_left(context, chosen, [each.page.name for each in left])
    if bad:
        raise IntegrityError(
            f"verify found damage: {'; '.join(bad)}; run `qvm-wyng arch-check`,"
            " then send: what the volumes still hold is replaced"
        )


class _Run:
    """One run of verify, with its deadline."""

    def __init__(
        self, context: Context, chosen: Chosen, archive: OpenArchive
    ) -> None:
        self._context = context
        self._chosen = chosen
        self._archive = archive
        self._begun = time.monotonic()

    def verify(self, due: Due, bad: list[str]) -> bool:
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

    def _report(self, due: Due, verdict: Verdict, sampled: bool) -> None:
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
