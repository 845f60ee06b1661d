# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`drill`: restore volumes for real, read them back, throw them away.

Named ones, or the one that was not proven for the longest; with a time bound
as many as it lasts for. What came back whole is kept as proven.
"""

import time

from wyng_common.messages import Capability
from wyng_dom0.commands.access import Chosen, bounds_of, opened
from wyng_dom0.commands.context import Context
from wyng_dom0.commands.due import Due, seconds, select_due, tell_left
from wyng_dom0.commands.reports import Said
from wyng_dom0.engine.content import SessionContent
from wyng_dom0.engine.drill import Drill, Drilled, Place, TimeOver
from wyng_dom0.engine.opened import OpenArchive
from wyng_dom0.engine.proving import (
    forget_proofs,
    note_cut_off,
    note_proven,
)
from wyng_dom0.errors import (
    BadInput,
    Dom0Error,
    IntegrityError,
    NotFound,
    SomeVolumesFailed,
    SourceError,
    TargetError,
)
from wyng_dom0.events import Notice, RunStarted, VolumeDone, VolumeSkipped
from wyng_dom0.names import quote
from wyng_dom0.sources.choose import choose_source
from wyng_dom0.sources.qubes import KEY
from wyng_dom0.sources.source import Source
from wyng_dom0.state import locks
from wyng_dom0.state.proven import DRILL

_RANGES_SHOWN = 5


def run(context: Context) -> None:
    """Drill; raises when an archive or this machine is at fault."""
    options = context.options
    if options.session is not None and options.session.last is not None:
        raise BadInput("drill takes exactly one session, not a range")
    with opened(context, Capability.GET) as (chosen, archive):
        with locks.hold_drill(context.places):
            rounds = _Rounds(context, chosen, archive)
            rounds.run(_meant(context, select_due(context, archive)))
    rounds.raise_failures()


def _meant(context: Context, due: list[Due]) -> list[Due]:
    """All that was named, or as many as there is time for, or one.

    What was tried and had no time goes behind what was never tried.
    """
    options = context.options
    for each in due:
        if options.names and not each.session.size:
            why = "it has no data to restore"
            context.listener(VolumeSkipped(each.page.name, why))
    due = sorted(
        (each for each in due if each.session.size),
        key=lambda each: max(seconds(each.proof.at), seconds(each.proof.begun)),
    )
    everything = options.names or options.all or options.max_time is not None
    return due if everything else due[:1]


class _Rounds:
    """One run: volume after volume, each on its own."""

    def __init__(
        self, context: Context, chosen: Chosen, archive: OpenArchive
    ) -> None:
        self._context = context
        self._chosen = chosen
        self._archive = archive
        self._begun = time.monotonic()
        self._drill = Drill(context.places, context.listener, self._in_time)
        self._bad: list[str] = []
        self._failed: list[tuple[str, Dom0Error]] = []
        self._source: Source | None = None

    def run(self, due: list[Due]) -> None:
        """All of them, as long as there is time."""
        context = self._context
        names = tuple(each.page.name for each in due)
        total = sum(2 * each.session.size for each in due)
        context.listener(
            RunStarted("drill", self._chosen.name, names, total_bytes=total)
        )
        self._drill.clean_up()
        left = [
            each.page.name
            for at, each in enumerate(due)
            # The first is begun at least: it goes behind the others then.
            if at and not self._in_time() or not self._one(each)
        ]
        if context.options.max_time is not None:
            tell_left(context, self._chosen, left)
        elif not due:
            text = "No volume is due for a drill."
            context.report(Said("drill-none", text, {}))

    def raise_failures(self) -> None:
        """One error for all that failed, the worst kind first."""
        if self._bad:
            raise IntegrityError(f"the drill failed: {'; '.join(self._bad)}")
        if len(self._failed) == 1:
            raise self._failed[0][1]
        if self._failed:
            raise SomeVolumesFailed(
                tuple((name, str(error)) for name, error in self._failed)
            )

    def _in_time(self) -> bool:
        most = self._context.options.max_time
        if most is None:
            return True
        held = self._context.hold.seconds()
        return time.monotonic() - self._begun - held < most

    def _one(self, due: Due) -> bool:
        """Drill one; False when not all of it was, because time was over."""
        archive, page, session = self._archive, due.page, due.session
        now = self._context.now
        try:
            place = self._place(page.name)
            drilled = self._drill.run(
                SessionContent(archive, page, session), place
            )
        except TimeOver as over:
            note_cut_off(archive, page, session, now, over.reached)
            return False
        except IntegrityError as error:
            forget_proofs(archive, page.volume, [session.sequence])
            self._fail(due, str(error))
            self._bad.append(
                f"{quote(page.name)} as of {session.name} can't be had from"
                f" the archive ({error}): run `qvm-wyng arch-check`, then send"
            )
        except (TargetError, SourceError, NotFound) as error:
            self._fail(due, str(error))
            self._failed.append((page.name, error))
        else:
            self._judge(due, place, drilled)
        return True

    def _judge(self, due: Due, place: Place, drilled: Drilled) -> None:
        if drilled.damaged:
            sentence = _sentence(due, place, drilled)
            self._fail(due, sentence)
            self._bad.append(sentence)
            return
        note_proven(
            *(self._archive, due.page, due.session),
            *(self._context.now, DRILL),
        )
        self._tell_whole(due, place, drilled)

    def _tell_whole(self, due: Due, place: Place, drilled: Drilled) -> None:
        name, session = due.page.name, due.session.name
        if drilled.cached:
            text = (
                f"{drilled.cached} bytes of {quote(name)} stayed in memory"
                f" after they were written to {quote(place.place)}: what was"
                " read back of them says nothing of a disk"
            )
            self._context.listener(Notice(text))
        self._done(due, drilled.size, None)
        values: dict[str, object] = {
            "archive": self._chosen.name,
            "volume": name,
            "session": session,
            "scratch": place.place,
            "bytes": drilled.size,
            "cached": drilled.cached,
        }
        text = (
            f"{quote(name)} as of {session} was restored to"
            f" {quote(place.place)}, read back and is whole."
        )
        self._context.report(Said("drill", text, values))

    def _fail(self, due: Due, why: str) -> None:
        self._done(due, 0, why)

    def _done(self, due: Due, size: int, error: str | None) -> None:
        self._context.listener(
            VolumeDone(
                volume=due.page.name,
                total_bytes=2 * size,
                session=due.session.name,
                sequence=due.session.sequence,
                error=error,
            )
        )

    def _place(self, name: str) -> Place:
        """Where it is restored to: --scratch, else where it lives."""
        context = self._context
        where = context.options.scratch
        if where == KEY:
            raise BadInput("--scratch is a directory, or vg/pool")
        if self._source is None:
            if where is None:
                self._source = self._chosen.source(context.options.local)
            else:
                self._source = choose_source(
                    where, context.places, context.listener
                )
        place = self._source.scratch_place(name)
        return Place(place, bounds_of(context.options))


def _sentence(due: Due, place: Place, drilled: Drilled) -> str:
    listed = ", ".join(
        f"{length} bytes at {offset}"
        for offset, length in drilled.damaged[:_RANGES_SHOWN]
    )
    more = len(drilled.damaged) - _RANGES_SHOWN
    if more > 0:
        listed += f" and {more} more ranges"
    return (
        f"what was written of {quote(due.page.name)} to {quote(place.place)}"
        f" was read back as something else ({listed}), though the archive gave"
        " it whole: that disk or this machine's memory is at fault"
    )
