# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Sending: one session of one or more volumes.

All snapshots are taken first, with this archive's ledgers set aside as in
flight; then each volume is read where it may differ from its newest session,
and what differs is sent; one commit at the end makes the session exist for
all of them. A volume that fails leaves the others alone.
"""

import time
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import (
    Callable,
    Dict,
    FrozenSet,
    Iterator,
    List,
    Optional,
    Sequence,
    Tuple,
)

from wyng_common.frames import BlobType
from wyng_common.ids import BlobId
from wyng_common.messages import Capability
from wyng_dom0.archive.fields import Record
from wyng_dom0.archive.page import Page
from wyng_dom0.archive.session import Label, Session, State
from wyng_dom0.engine.flights import Arrival, announce, mark_of, settle
from wyng_dom0.engine.guard import Bounds, Guard
from wyng_dom0.engine.harvest import Claim, Harvester
from wyng_dom0.engine.mending import lost_chunks
from wyng_dom0.engine.opened import OpenArchive
from wyng_dom0.engine.proof import prove_sample
from wyng_dom0.engine.publish import Changes, Intent, publish
from wyng_dom0.engine.session_time import free_time
from wyng_dom0.engine.taking import Taken
from wyng_dom0.engine.upload import Sample
from wyng_dom0.engine.volume_upload import Uploaded, VolumeUpload
from wyng_dom0.engine.volumes import find_or_make_page
from wyng_dom0.errors import (
    Dom0Error,
    IntegrityError,
    NotFound,
    SomeVolumesFailed,
    SourceError,
)
from wyng_dom0.events import (
    Listener,
    RunSized,
    VolumeDone,
    VolumeStarted,
    Warning_,
)
from wyng_dom0.seal.compression import Compression, Compressor
from wyng_dom0.seal.keys import DomainId
from wyng_dom0.snapshots.snapshot import Snapshot
from wyng_dom0.sources.source import Located
from wyng_dom0.state.changed import EVERYTHING
from wyng_dom0.state.heads import Head
from wyng_dom0.state.ledgers import Mark
from wyng_dom0.state.places import Places


@dataclass
class SendReport:
    """What came of it: per volume, the failures, and the new head if any."""

    done: List[VolumeDone] = field(default_factory=list)
    errors: Dict[str, Dom0Error] = field(default_factory=dict)
    head: Optional[Head] = None

    @property
    def sent_bytes(self) -> int:
        """Sealed bytes that went to the store."""
        return sum(each.sent_bytes for each in self.done)

    def raise_failures(self) -> None:
        """Raise the one error, or SomeVolumesFailed, when a volume failed."""
        if not self.errors:
            return
        if len(self.errors) == len(self.done) == 1:
            raise next(iter(self.errors.values()))
        raise SomeVolumesFailed(
            tuple((name, str(error)) for name, error in self.errors.items())
        )


# Sources, and what is sent of each; a name stands under one of them only.
Wanted = Sequence[Tuple[Located, Sequence[str]]]


# The record of a volume's owner, by the volume's name.
SettingsOf = Callable[[str], Optional[Record]]


@dataclass(frozen=True)
class SendOrder:
    """What a send was asked for. `moment` is the local time it gets.

    With `dry_run` all is read and compared, but nothing is sent or kept.
    With `remap` all of every volume is read, whatever is known of it; with
    `send_unchanged` one that did not change gets a session too; without
    `dedup` the store is not asked what it has. `description` None leaves
    each volume's own. New volumes named in `shared` have data that is
    nobody's secret, and share it. `settings` gives what makes a volume's owner
    itself; None where that can't be told.
    """

    moment: datetime
    compression: Compression
    dry_run: bool = False
    remap: bool = False
    bounds: Bounds = Bounds()
    tags: Tuple[Label, ...] = ()
    send_unchanged: bool = False
    dedup: bool = True
    description: Optional[str] = None
    shared: FrozenSet[str] = frozenset()
    settings: Optional[SettingsOf] = None


class SendRun:
    """One session being made of volumes of one or more sources."""

    def __init__(
        self,
        archive: OpenArchive,
        places: Places,
        order: SendOrder,
        listener: Listener,
    ) -> None:
        self._archive = archive
        self._places = places
        self._order = order
        self._listener = listener
        self._moment = order.moment
        self._upload = VolumeUpload(
            archive,
            Compressor(order.compression),
            listener,
            order.dry_run,
            order.dedup,
        )
        self._changes: Changes = {}
        self._samples: List[Tuple[DomainId, Sample]] = []
        self._arrivals: List[Arrival] = []
        self._sent_any = False
        self.report = SendReport()

    def send(self, wanted: Wanted, capability: Capability) -> SendReport:
        """Snapshot all, send each, commit once.

        Raises DestinationError and its kind; failures of single volumes are
        in the report.
        """
        names = [name for _, several in wanted for name in several]
        shared = self._order.shared
        pages = {
            name: find_or_make_page(self._archive, name, name in shared)
            for name in names
        }
        self._moment = free_time(self._moment, pages.values())
        claims = {name: self._claim(page) for name, page in pages.items()}
        for guard, taken in self._taken(wanted, claims):
            name = taken.name
            self._send_guarded(pages[name], taken, claims[name], guard)
        self._finish(capability)
        return self.report

    def _claim(self, page: Page) -> Claim:
        newest = page.newest
        return Claim(
            archive=self._archive.access.keys.terms.archive,
            volume=bytes(page.volume),
            chunk_size=self._archive.catalog.settings.chunk_size,
            newest=mark_of(newest) if newest else None,
            remap=self._order.remap,
        )

    def _taken(
        self, wanted: Wanted, claims: Dict[str, Claim]
    ) -> Iterator[Tuple[Guard, Taken]]:
        """The snapshots one by one; each is let go of when it was read.

        Those of all sources are taken before the first is read.
        """
        waiting: List[Tuple[Harvester, Taken]] = []
        try:
            for source, names in wanted:
                harvester = self._harvester(source)
                harvest = harvester.harvest
                if self._order.dry_run:
                    harvest = harvester.look
                waiting += [
                    (harvester, each) for each in harvest(names, claims)
                ]
            self._listener(RunSized(sum(each.ref.size for _, each in waiting)))
            while waiting:
                harvester, taken = waiting[0]
                yield harvester.guard, taken
                harvester.let_go(waiting.pop(0)[1])
        finally:
            for harvester, taken in waiting:
                harvester.let_go(taken)

    def _harvester(self, source: Located) -> Harvester:
        order, listener = self._order, self._listener
        guard = Guard(self._places, source.drivers(), listener, order.bounds)
        return Harvester(
            *(self._places, source, guard, listener, self._fail),
            now_ns=int(order.moment.timestamp() * 10**6) * 1000,
        )

    def _send_guarded(
        self, page: Page, taken: Taken, claim: Claim, guard: Guard
    ) -> None:
        def watch() -> None:
            guard.watch(taken.driver, taken.volume)

        try:
            with (
                taken.driver.open(taken.ref, taken.volume) as snapshot,
                # A run that is paused holds its snapshot as well.
                self._archive.hold.meanwhile(watch),
            ):
                self._listener(VolumeStarted(page.name, snapshot.size))
                uploaded = self._uploaded(page, taken, snapshot, watch)
                snapshot.check_unchanged_size()
                self._note_volume(page, taken, claim, snapshot, uploaded)
        except (SourceError, NotFound) as error:
            self._fail(taken.name, error)

    def _note_volume(
        self,
        page: Page,
        taken: Taken,
        claim: Claim,
        snapshot: Snapshot,
        uploaded: Uploaded,
    ) -> None:
        state = _state_of(taken, snapshot)
        session = replace(
            self._session(page, snapshot, uploaded, state),
            settings=self._settings(page),
        )
        is_new = _differs(page.newest, session) or self._order.send_unchanged
        described = self._described(page)
        if is_new:
            described = described.with_session(session, self._archive)
        if described is not page:
            page = self._changes[page.volume] = described
        if taken.driver.keeps:
            content = Mark(uploaded.root, snapshot.size)
            self._arrivals.append(Arrival(taken.state, claim, content, is_new))
        newest = page.newest
        assert newest is not None
        self._done(
            VolumeDone(
                volume=page.name,
                total_bytes=snapshot.size,
                changed_bytes=uploaded.changed,
                sent_bytes=uploaded.sent,
                session=newest.name,
                sequence=newest.sequence,
                changed=is_new,
                point_in_time=snapshot.point_in_time,
            )
        )

    def _described(self, page: Page) -> Page:
        wanted = self._order.description
        if wanted is None or wanted == page.description:
            return page
        return replace(page, description=wanted)

    def _uploaded(
        self,
        page: Page,
        taken: Taken,
        snapshot: Snapshot,
        watch: Callable[[], None],
    ) -> Uploaded:
        """What came of a volume, from its newest session's tree or anew."""
        upload, newest = self._upload.upload, page.newest
        try:
            may_differ = taken.changed
            if not (may_differ.everything or self._order.dry_run):
                may_differ = may_differ | lost_chunks(self._archive, page)
            uploaded = upload(page, snapshot, newest, may_differ, watch)
        except IntegrityError as error:
            self._listener(
                Warning_(
                    f"the newest session of {page.name} is damaged ({error});"
                    " all of the volume is sent anew"
                )
            )
            uploaded = upload(page, snapshot, None, EVERYTHING, watch)
            # Its nodes wait to be sent, though no session may come of them.
            self._sent_any = True
        if uploaded.sample is not None:
            self._samples.append((page.domain, uploaded.sample))
        self._sent_any = self._sent_any or uploaded.sent > 0
        return uploaded

    def _settings(self, page: Page) -> Optional[BlobId]:
        """The settings blob of whose volume it is; None where there is none.

        What can't be told is as it was in the newest session.
        """
        if self._order.settings is None:
            return None
        old = page.newest.settings if page.newest else None
        record = self._order.settings(page.name)
        if record is None or (old and self._holds(old, record)):
            return old
        if self._order.dry_run:
            return None
        return self._archive.store_record(BlobType.SETTINGS, record)

    def _holds(self, id: BlobId, record: Record) -> bool:
        try:
            return self._archive.load(BlobType.SETTINGS, id) == record
        except IntegrityError:
            # Damaged: the same record, sent again, mends it.
            return False

    def _session(
        self,
        page: Page,
        snapshot: Snapshot,
        uploaded: Uploaded,
        state: State,
    ) -> Session:
        offset = self._moment.utcoffset()
        assert offset is not None
        return Session(
            sequence=page.next_sequence,
            time_ns=int(self._moment.timestamp() * 10**6) * 1000,
            offset=int(offset.total_seconds()),
            size=snapshot.size,
            mode=snapshot.mode,
            uid=snapshot.uid,
            gid=snapshot.gid,
            mtime_ns=snapshot.mtime_ns,
            changed=uploaded.changed,
            root=uploaded.root,
            state=state,
            tags=self._order.tags,
        )

    def _fail(self, name: str, error: Dom0Error) -> None:
        self.report.errors[name] = error
        self._done(VolumeDone(volume=name, error=str(error)))

    def _done(self, event: VolumeDone) -> None:
        self.report.done.append(event)
        self._listener(event)

    def _finish(self, capability: Capability) -> None:
        if self._order.dry_run:
            return
        if self._changes:
            with self._archive.hold.undisturbed():
                self._publish(capability)
            prove_sample(self._archive, self._samples)
            return
        if self._sent_any:
            # No session, but blobs that the store had lost were sent again.
            self._archive.writer.flush()
            self._archive.store.sync()
        settle(self._places, self._arrivals)

    def _publish(self, capability: Capability) -> None:
        announce(self._places, self._arrivals)
        self.report.head = publish(
            self._archive,
            Intent(self._changes),
            capability,
            time.time_ns(),
            withhold=self._listener,
        )
        settle(self._places, self._arrivals)


def _state_of(taken: Taken, snapshot: Snapshot) -> State:
    """What moment a session of the snapshot shows."""
    if not snapshot.point_in_time:
        return State.NOT_POINT_IN_TIME
    return State.CLEAN if taken.volume.clean else State.LIVE


def _differs(newest: Optional[Session], now: Session) -> bool:
    if newest is None:
        return True
    return _compared(newest) != _compared(now)


def _compared(session: Session) -> Tuple[object, ...]:
    """What makes a session another one than the newest."""
    return (
        *(session.root, session.size, session.settings),
        *(session.mode, session.uid, session.gid),
    )
