# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Sending: one session of one or more volumes.

All snapshots are taken first, then each volume is read, compared with its
newest session and sent; one commit at the end makes the session exist for
all of them. A volume that fails leaves the others alone.
"""

import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

from wyng_common.ids import BlobId
from wyng_common.messages import Capability
from wyng_dom0.archive.page import Page
from wyng_dom0.archive.session import Session, State
from wyng_dom0.engine.comparison import TreeComparison
from wyng_dom0.engine.opened import OpenArchive
from wyng_dom0.engine.proof import prove_sample
from wyng_dom0.engine.publish import Changes, Intent, publish
from wyng_dom0.engine.session_time import free_time
from wyng_dom0.engine.upload import Sample, Uploader, spans_of
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
    Progress,
    VolumeDone,
    VolumeStarted,
    Warning_,
)
from wyng_dom0.seal.compression import Compression, Compressor
from wyng_dom0.seal.hashing import IdHasher
from wyng_dom0.seal.keys import DomainId
from wyng_dom0.snapshots.choose import take_best
from wyng_dom0.snapshots.snapshot import Snapshot
from wyng_dom0.sources.source import Source
from wyng_dom0.state.heads import Head
from wyng_dom0.tree.nodes import Node

_PROGRESS_SECONDS = 0.1


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


class SendRun:
    """One session being made. `moment` is the local time it gets.

    With `dry_run` all is read and compared, but nothing is sent.
    """

    def __init__(
        self,
        archive: OpenArchive,
        compression: Compression,
        listener: Listener,
        moment: datetime,
        dry_run: bool = False,
    ) -> None:
        self._dry_run = dry_run
        self._archive = archive
        self._compressor = Compressor(compression)
        self._listener = listener
        self._moment = moment
        self._changes: Changes = {}
        self._samples: List[Tuple[DomainId, Sample]] = []
        self._sent_any = False
        self.report = SendReport()

    def send(
        self,
        source: Source,
        names: Sequence[str],
        capability: Capability,
    ) -> SendReport:
        """Snapshot all, send each, commit once.

        Raises DestinationError and its kind; failures of single volumes are
        in the report.
        """
        pages = {name: find_or_make_page(self._archive, name) for name in names}
        self._moment = free_time(self._moment, pages.values())
        with ExitStack() as stack:
            for name, snapshot in list(self._snapshots(source, names, stack)):
                self._send_guarded(name, pages[name], snapshot)
        self._finish(capability)
        return self.report

    def _snapshots(
        self, source: Source, names: Sequence[str], stack: ExitStack
    ) -> Iterator[Tuple[str, Snapshot]]:
        for name in names:
            try:
                volume = source.locate(name)
                driver, ref = take_best(volume, source.drivers())
                stack.callback(driver.drop, [ref])
                yield name, stack.enter_context(driver.open(ref, volume))
            except (SourceError, NotFound) as error:
                self._fail(name, error)

    def _send_guarded(self, name: str, page: Page, snapshot: Snapshot) -> None:
        self._listener(VolumeStarted(name, snapshot.size))
        try:
            try:
                self._send_volume(page, snapshot, page.newest)
            except IntegrityError as error:
                self._listener(
                    Warning_(
                        f"the newest session of {name} is damaged ({error});"
                        " all of the volume is sent anew"
                    )
                )
                self._send_volume(page, snapshot, None)
        except SourceError as error:
            self._fail(name, error)

    def _send_volume(
        self, page: Page, snapshot: Snapshot, base: Optional[Session]
    ) -> None:
        root, changed, sent = self._upload(page, snapshot, base)
        snapshot.check_unchanged_size()
        session = self._session(page, snapshot, root, changed)
        is_new = _differs(page.newest, session)
        if is_new:
            page = page.with_session(session, self._archive)
            self._changes[page.volume] = page
        newest = page.newest
        assert newest is not None
        self._done(
            VolumeDone(
                volume=page.name,
                total_bytes=snapshot.size,
                changed_bytes=changed,
                sent_bytes=sent,
                session=newest.name,
                sequence=newest.sequence,
                changed=is_new,
                point_in_time=snapshot.point_in_time,
            )
        )

    def _upload(
        self, page: Page, snapshot: Snapshot, base: Optional[Session]
    ) -> Tuple[Optional[BlobId], int, int]:
        """(new root, changed bytes, sent bytes) of a volume."""
        chunk_size = self._archive.catalog.settings.chunk_size
        old: Tuple[Optional[BlobId], int] = (None, 0)
        if base is not None:
            old = (base.root, -(-base.size // chunk_size))
        comparison = TreeComparison(
            old,
            -(-snapshot.size // chunk_size),
            lambda ids, level: self._archive.reader.nodes(
                page.domain, ids, level
            ),
            lambda node: self._emit(page.domain, node),
        )
        with self._uploader(page, chunk_size, comparison) as uploader:
            self._run(uploader, page.name, snapshot, chunk_size)
        self._samples.append((page.domain, uploader.sample))
        self._sent_any = self._sent_any or uploader.sent_bytes > 0
        changed = min(snapshot.size, comparison.changed * chunk_size)
        return comparison.finish(), changed, uploader.sent_bytes

    def _emit(self, domain: DomainId, node: Node) -> BlobId:
        writer = self._archive.writer
        if self._dry_run:
            return writer.node_id(domain, node)
        return writer.store_node(domain, node)

    def _uploader(
        self, page: Page, chunk_size: int, comparison: TreeComparison
    ) -> Uploader:
        keys = self._archive.access.keys
        hasher = IdHasher(keys.terms.hash_type, keys.id_key(page.domain))
        return Uploader(
            self._archive.store,
            self._archive.sealer,
            self._compressor,
            hasher,
            chunk_size,
            comparison,
            self._dry_run,
        )

    def _run(
        self, uploader: Uploader, name: str, snapshot: Snapshot, chunk_size: int
    ) -> None:
        spans = spans_of(snapshot.size, chunk_size, snapshot.data_ranges())
        told = time.monotonic()
        for done in uploader.send(snapshot.fd, snapshot.size, spans):
            if time.monotonic() - told >= _PROGRESS_SECONDS:
                told = time.monotonic()
                self._tell(name, done, snapshot.size, uploader.sent_bytes)
        self._tell(name, snapshot.size, snapshot.size, uploader.sent_bytes)

    def _tell(self, name: str, done: int, size: int, sent: int) -> None:
        self._listener(Progress(name, min(done, size), size, sent))

    def _session(
        self,
        page: Page,
        snapshot: Snapshot,
        root: Optional[BlobId],
        changed: int,
    ) -> Session:
        offset = self._moment.utcoffset()
        assert offset is not None
        still = snapshot.point_in_time
        return Session(
            sequence=page.next_sequence,
            time_ns=int(self._moment.timestamp() * 10**6) * 1000,
            offset=int(offset.total_seconds()),
            size=snapshot.size,
            mode=snapshot.mode,
            uid=snapshot.uid,
            gid=snapshot.gid,
            mtime_ns=snapshot.mtime_ns,
            changed=changed,
            root=root,
            state=State.LIVE if still else State.NOT_POINT_IN_TIME,
        )

    def _fail(self, name: str, error: Dom0Error) -> None:
        self.report.errors[name] = error
        self._done(VolumeDone(volume=name, error=str(error)))

    def _done(self, event: VolumeDone) -> None:
        self.report.done.append(event)
        self._listener(event)

    def _finish(self, capability: Capability) -> None:
        if self._dry_run:
            return
        if self._changes:
            self.report.head = publish(
                self._archive,
                Intent(self._changes),
                capability,
                time.time_ns(),
                withhold=self._listener,
            )
            prove_sample(self._archive, self._samples)
        elif self._sent_any:
            # No session, but blobs that the store had lost were sent again.
            self._archive.store.sync()


def _differs(newest: Optional[Session], now: Session) -> bool:
    if newest is None:
        return True
    before = (newest.root, newest.size, newest.mode, newest.uid, newest.gid)
    return before != (now.root, now.size, now.mode, now.uid, now.gid)
