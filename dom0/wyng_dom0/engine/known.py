# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a target is known to hold, by our snapshot and ledger of it.

A ledger says which chunks may differ between a session's tree and our base
snapshot; a fresh snapshot says what changed since. Both together bring a
target to any session for the price of what differs, with nothing read or
fetched but that. Where nothing can be known the answer is None, and whoever
asked reads everything.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from heapq import merge
from pathlib import Path

from wyng_dom0.engine.bases import ref_of
from wyng_dom0.engine.content import SessionContent
from wyng_dom0.engine.flights import Arrival, settle
from wyng_dom0.engine.guard import Bounds, Guard
from wyng_dom0.engine.harvest import Claim, Harvester
from wyng_dom0.errors import Dom0Error, NotFound, SourceError
from wyng_dom0.events import Listener, Warning_
from wyng_dom0.names import quote
from wyng_dom0.snapshots.choose import driver_named
from wyng_dom0.snapshots.driver import Driver, VolumeAt
from wyng_dom0.snapshots.snapshot import Snapshot
from wyng_dom0.sources.source import Source
from wyng_dom0.sources.unfinished import check_finished
from wyng_dom0.state import locks
from wyng_dom0.state.changed import Changed
from wyng_dom0.state.ledgers import Mark
from wyng_dom0.state.places import Places
from wyng_dom0.state.volumes import state_of
from wyng_dom0.tree.lookup import Run, merged_runs


@dataclass(frozen=True)
class _At:
    """What the harvester needs of a source, of one volume at a place."""

    source: Source
    volume: VolumeAt

    @property
    def key(self) -> str:
        """The source's."""
        return self.source.key

    def locate(self, name: str) -> VolumeAt:
        """Where it lies now, whatever its name will be."""
        return self.volume

    def drivers(self) -> Sequence[Driver]:
        """The source's."""
        return self.source.drivers()


@dataclass(frozen=True)
class Standing:
    """One target as a volume `name` of a source, with what is kept of it."""

    places: Places
    source: Source
    name: str
    listener: Listener
    now_ns: int
    bounds: Bounds = Bounds()

    def runs_to(self, content: SessionContent) -> Iterator[Run] | None:
        """The only chunks in which it may differ from a session.

        None when that isn't known. Takes a snapshot and drops it again.
        """
        found = self._changed_since(content)
        if found is None:
            return None
        since, changed = found
        sessions = content.archive.sessions(content.page)
        if since not in {Mark(each.root, each.size) for each in sessions}:
            # What its tree was may be gone.
            return None
        sizes = (since.size, content.session.size)
        edges = sorted(size // content.chunk_size for size in sizes)
        most = -(-max(sizes) // content.chunk_size)
        return merged_runs(
            merge(
                _spans(changed.runs(most)),
                _spans(content.runs_since(since.root, since.size)),
                ((edge, edge + 1) for edge in edges if sizes[0] != sizes[1]),
            )
        )

    def _changed_since(
        self, content: SessionContent
    ) -> tuple[Mark, Changed] | None:
        """A session's content that it holds but for some chunks."""
        claim = self._claim(content, None)
        state = state_of(self.places, self.source.key, self.name)
        since = claim.ledger(state).since
        if since is None or state.base() is None:
            return None
        try:
            volume = self.source.locate(self.name)
            check_finished(Path(volume.place), self.places)
        except (SourceError, NotFound):
            return None
        harvester = self._harvester(volume)
        claims = {self.name: self._claim(content, since)}
        for taken in harvester.look([self.name], claims):
            harvester.let_go(taken)
            if not taken.changed.everything:
                return since, taken.changed
        return None

    @contextmanager
    def base_holding(
        self, content: SessionContent
    ) -> Iterator[Snapshot | None]:
        """Our base snapshot, if it is known to be the session; else None."""
        with ExitStack() as stack:
            yield self._open_base(content, stack)

    def note_whole(self, content: SessionContent, place: Path) -> None:
        """Keep a snapshot of what was just restored, with an empty ledger.

        `place` is where it lies, all of it on the disk and nobody else's to
        write. What it means for other archives' ledgers is harvested. Where
        that can't be done a warning says why; nothing is lost by it.
        """
        session = content.session
        archive = content.archive.access.keys.terms.archive
        volume = VolumeAt(self.name, str(place), self._pool(place))
        claim = self._claim(content, None)
        try:
            with locks.hold_archive(
                self.places, archive, "of the restore", "receive"
            ):
                harvester = self._harvester(volume)
                for taken in harvester.harvest([self.name], {self.name: claim}):
                    mark = Mark(session.root, session.size)
                    arrival = Arrival(taken.state, claim, mark, is_new=False)
                    if taken.driver.keeps:
                        settle(self.places, [arrival])
                    harvester.let_go(taken)
        except Dom0Error as error:
            self._cannot_keep(self.name, error)

    def _open_base(
        self, content: SessionContent, stack: ExitStack
    ) -> Snapshot | None:
        session = content.session
        state = state_of(self.places, self.source.key, self.name)
        base = state.base()
        ledger = self._claim(content, None).ledger(state)
        wanted = Mark(session.root, session.size)
        if base is None or ledger.since != wanted or ledger.unsent:
            return None
        reading = locks.start_reading(self.places, base.identity)
        stack.callback(reading.release)
        try:
            driver = driver_named(base.driver, self.source.drivers())
            at = VolumeAt(self.name, base.place, base.pool)
            return stack.enter_context(driver.open(ref_of(base), at))
        except (SourceError, NotFound):
            return None

    def _pool(self, place: Path) -> str:
        try:
            return self.source.locate(self.name).pool
        except (SourceError, NotFound):
            return str(place.parent)

    def _claim(self, content: SessionContent, newest: Mark | None) -> Claim:
        return Claim(
            archive=content.archive.access.keys.terms.archive,
            volume=bytes(content.page.volume),
            chunk_size=content.chunk_size,
            newest=newest,
        )

    def _harvester(self, volume: VolumeAt) -> Harvester:
        drivers = self.source.drivers()
        guard = Guard(self.places, drivers, self.listener, self.bounds)
        return Harvester(
            self.places,
            _At(self.source, volume),
            guard,
            self.listener,
            self._cannot_keep,
            self.now_ns,
        )

    def _cannot_keep(self, name: str, error: Dom0Error) -> None:
        self.listener(
            Warning_(
                f"no snapshot of {quote(name)} can be kept or compared:"
                f" {error}"
            )
        )


def _spans(runs: Iterable[Run]) -> Iterator[tuple[int, int]]:
    """(first, end) of runs."""
    return ((first, first + count) for first, count in runs)
