# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`arch-check`: is all of the archive there, and whole?

Quick: the store reads itself and is asked for every chunk of every tree.
Full: every chunk is fetched and its id computed again. What is found hurt
becomes known to the store, so that the next send puts again what the disk
still holds.
"""

from collections.abc import Sequence

from wyng_common.messages import Capability
from wyng_dom0.archive.page import Page
from wyng_dom0.archive.session import Session
from wyng_dom0.commands.access import Chosen, opened
from wyng_dom0.commands.context import Context
from wyng_dom0.commands.reports import CheckReport, HurtRow
from wyng_dom0.engine import judging
from wyng_dom0.engine.checking import Checker, Found, Judge, believe
from wyng_dom0.engine.opened import OpenArchive
from wyng_dom0.engine.proving import forget_proofs, note_all_proven
from wyng_dom0.engine.selection import describe, is_excluded, one_session
from wyng_dom0.errors import BadInput, IntegrityError, NotFound
from wyng_dom0.events import (
    RunStarted,
    VolumeDone,
    VolumeSkipped,
    VolumeStarted,
    Warning_,
)
from wyng_dom0.names import Newest, quote
from wyng_dom0.state.proven import CHECK
from wyng_dom0.transport.remote_store import Scrubbed

_Meant = list[tuple[Page, list[Session]]]


def run(context: Context) -> None:
    """Report what is hurt; raises IntegrityError when something is."""
    options = context.options
    if options.session is not None and options.session.last is not None:
        raise BadInput(
            "arch-check takes one session: it and all older ones are checked"
        )
    with opened(context, Capability.VERIFY, Capability.GET) as found:
        report = _Check(context, *found).run()
        context.report(report)
    if not report.whole:
        raise IntegrityError(_sentence(report))


class _Check:
    """One run of the command."""

    def __init__(
        self, context: Context, chosen: Chosen, archive: OpenArchive
    ) -> None:
        self._context = context
        self._chosen = chosen
        self._archive = archive
        self._reading = judging.Reading()
        self._scrubbed: Scrubbed | None = None
        options = context.options
        # A scrub is of all there is.
        self._is_all = not (options.names or options.volex or options.session)

    def run(self) -> CheckReport:
        """All of it; the report."""
        archive, listener = self._archive, self._context.listener
        may_ask = judging.may_ask(archive)
        checker = Checker(archive, listener)
        self._note_lost_pages(checker.found)
        meant = self._meant(checker)
        names = tuple(page.name for page, _ in meant)
        listener(RunStarted("arch-check", self._chosen.name, names))
        if not may_ask:
            self._warn_of_capability()
        checker.judge = self._judge(may_ask)
        for page, sessions in meant:
            self._check(checker, page, sessions)
        if may_ask:
            self._tell_store(checker.found)
        return self._report(checker.found)

    def _judge(self, may_ask: bool) -> Judge:
        """Who says whether chunks are whole; a scrub goes before."""
        if self._context.options.full:
            return self._reading.judge
        if not may_ask:
            return believe
        if self._is_all:
            self._scrubbed = judging.scrub(self._archive)
        known = self._scrubbed.ids if self._scrubbed else ()
        return judging.by_asking(self._archive.store, frozenset(known))

    def _warn_of_capability(self) -> None:
        self._context.listener(
            Warning_(
                "the destination does not allow `verify`: the store can't be"
                " asked to read itself, nor what it has; "
                + (
                    "what is found is not made known to it"
                    if self._context.options.full
                    else "only the trees are looked at, --full reads all"
                )
            )
        )

    def _note_lost_pages(self, found: Found) -> None:
        if self._archive.end.damage:
            found.problems.append(self._archive.end.damage)
        for volume, error in self._archive.damaged.items():
            found.problems.append(
                f"the page of volume {volume.hex()} is lost, and its sessions"
                f" with it: {error}"
            )

    def _meant(self, checker: Checker) -> _Meant:
        """The volumes and their sessions that the options mean."""
        options, meant = self._context.options, []
        missing: NotFound | None = None
        for page in self._archive.pages_named(options.names):
            if is_excluded(page.name, options.volex):
                why = "it is excluded"
                self._context.listener(VolumeSkipped(page.name, why, True))
                continue
            try:
                sessions = self._back_from(page, checker.sessions(page))
            except NotFound as error:
                missing = error
                self._context.listener(VolumeSkipped(page.name, str(error)))
                continue
            meant.append((page, sessions))
        if missing is not None and not meant:
            assert options.session is not None
            wanted = describe(options.session.first)
            raise NotFound(f"no volume meant has the session {wanted}")
        return meant

    def _back_from(self, page: Page, sessions: list[Session]) -> list[Session]:
        """`newest`: that one alone; another one: it and all older ones."""
        wanted = self._context.options.session
        if wanted is None:
            return sessions
        session = one_session(sessions, wanted, page.name)
        if isinstance(wanted.first, Newest):
            return [session]
        return [each for each in sessions if each.sequence <= session.sequence]

    def _check(
        self, checker: Checker, page: Page, sessions: Sequence[Session]
    ) -> None:
        listener, begun = self._context.listener, self._context.now
        newest = sessions[-1] if sessions else None
        listener(VolumeStarted(page.name, newest.size if newest else 0))
        before = len(checker.found.hurt)
        whole = checker.check(page, sessions)
        hurt = checker.found.hurt[before:]
        if self._context.options.full and whole:
            note_all_proven(self._archive, page, whole, begun, CHECK)
        forget_proofs(
            self._archive, page.volume, [h.session.sequence for h in hurt]
        )
        listener(
            VolumeDone(
                page.name,
                newest.size if newest else 0,
                session=newest.name if newest else "",
                sequence=newest.sequence if newest else 0,
                error=hurt[0].why if hurt else None,
            )
        )

    def _tell_store(self, found: Found) -> None:
        """What dom0 found, the store's own scrub is to find and note."""
        store = self._archive.store
        if self._scrubbed is None and not found.is_whole:
            self._scrubbed = judging.scrub(self._archive)
        scrubbed = self._scrubbed
        if scrubbed is not None and not found.hurt:
            if scrubbed.damaged or scrubbed.missing:
                found.problems.append(
                    f"the store misses {scrubbed.missing} blobs and can't read"
                    f" {scrubbed.damaged}, none of them of a session that was"
                    " looked at"
                )
        kept = judging.believed(store, found.bad)
        if kept:
            found.problems.append(
                f"the store calls {kept} blobs whole that are not: what is"
                " hurt there is not sent again; repeat this when no send runs,"
                " and if it stays so, that store can't be relied on"
            )

    def _report(self, found: Found) -> CheckReport:
        scrubbed = self._scrubbed or Scrubbed(0, 0, 0, 0)
        return CheckReport(
            archive=self._chosen.name,
            full=self._context.options.full,
            whole=found.is_whole,
            volumes=found.volumes,
            sessions=found.sessions,
            nodes=found.nodes,
            chunks=found.chunks,
            bytes_read=self._reading.bytes,
            scrubbed_bytes=scrubbed.bytes,
            scrubbed_frames=scrubbed.frames,
            hurt=tuple(
                HurtRow(
                    volume=each.volume,
                    session=each.session.name,
                    sequence=each.session.sequence,
                    bytes=each.bytes,
                    ranges=each.ranges,
                    why=each.why,
                )
                for each in found.hurt
            ),
            problems=tuple(found.problems),
        )


def _sentence(report: CheckReport) -> str:
    count = len(report.hurt)
    volumes = len({each.volume for each in report.hurt})
    what = f"{count} session(s) of {volumes} volume(s) are hurt"
    if report.problems:
        what += f" and {len(report.problems)} other thing(s) are wrong"
    return (
        f"the archive {quote(report.archive)}: {what}; the next send of a"
        " volume puts again what its disk still holds"
    )
