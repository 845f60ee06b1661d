# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""An archive that is open: its key, its store, its newest good state.

Every command that touches an archive goes through `open_archive`, which
checks the chain against dom0's pin before anything is believed.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Dict, Iterator, List, Optional, Sequence

from wyng_common.frames import BlobType
from wyng_common.ids import BlobId, StagingToken
from wyng_common.messages import Capability
from wyng_dom0.archive.catalog import Catalog, parse_catalog
from wyng_dom0.archive.fields import Record
from wyng_dom0.archive.history import sessions_of_each
from wyng_dom0.archive.page import Page, VolumeId, parse_page
from wyng_dom0.archive.session import Session
from wyng_dom0.engine.blobs import BlobReader, RecordWriter
from wyng_dom0.engine.chain import ChainEnd, find_end
from wyng_dom0.engine.download import WORKERS
from wyng_dom0.errors import (
    BadInput,
    IntegrityError,
    NotFound,
    RollbackError,
)
from wyng_dom0.events import Listener, Warning_
from wyng_dom0.names import quote
from wyng_dom0.runs.hold import Hold
from wyng_dom0.seal.blobs import Sealer
from wyng_dom0.seal.compression import parse_compression
from wyng_dom0.seal.keys import ArchiveKeys
from wyng_dom0.state import heads, staging
from wyng_dom0.state.places import Places
from wyng_dom0.transport.destination import Destination
from wyng_dom0.transport.remote_store import RemoteStore, open_store


@dataclass(frozen=True)
class Access:
    """Which archive, with which key, and what this machine keeps of it.

    `places` is None where nothing is kept: an archive that is only read by
    its URL.
    """

    destination: Destination
    keys: ArchiveKeys
    places: Optional[Places]

    def pin(self) -> heads.Pin:
        """What this machine has seen of the archive."""
        if self.places is None:
            return heads.Pin()
        return heads.read_pin(
            self.places, self.keys.terms.archive, self.destination.url
        )

    def staging_token(self) -> StagingToken:
        """Under which uploads of this machine wait for their commit."""
        if self.places is None:
            return StagingToken.random()
        return staging.read_or_create(self.places, self.keys.terms.archive)


@dataclass
class OpenArchive:
    """The archive's newest good state; a Shelf for its histories."""

    access: Access
    store: RemoteStore
    end: ChainEnd
    catalog: Catalog
    reader: BlobReader
    sealer: Sealer
    writer: RecordWriter
    pages: Dict[VolumeId, Page] = field(default_factory=dict)
    damaged: Dict[VolumeId, str] = field(default_factory=dict)
    hold: Hold = field(default_factory=Hold)
    # The head that was made since it was opened; pages are of that.
    committed: Optional[heads.Head] = None
    # They open what is fetched, and end with the archive.
    workers: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(WORKERS, "worker")
    )

    def load(self, blob_type: BlobType, id: BlobId) -> Record:
        """A record that was just made, or one of the store's."""
        return next(self.load_all(blob_type, [id]))

    def load_all(
        self, blob_type: BlobType, ids: Sequence[BlobId]
    ) -> Iterator[Record]:
        """As load, of several in order, which are asked for together."""
        # As it is now: more may become fresh while this is read.
        fresh = {id: self.writer.fresh.get(id) for id in ids}
        stored = [id for id in ids if fresh[id] is None]
        fetched = self.reader.records(blob_type, stored)
        for id in ids:
            yield fresh[id] or next(fetched)

    def store_record(self, blob_type: BlobType, record: Record) -> BlobId:
        """Queue a record to be sent; see RecordWriter."""
        return self.writer.store_record(blob_type, record)

    def page_named(self, name: str) -> Page:
        """The page of a volume; raises NotFound."""
        for page in self.pages.values():
            if page.name == name:
                return page
        known = [page.name for page in self.pages.values()]
        raise NotFound(
            f"the archive has no volume {quote(name)}"
            f"{_meant(name, known) or ': list shows those it has'}",
            about=name,
        )

    def pages_named(self, names: Sequence[str]) -> List[Page]:
        """The pages of some volumes, or of all when none is named.

        A name that no volume has may be a pattern as of the shell, where
        `*` matches any text, slashes too; or a qube, which is all its
        volumes. Raises NotFound.
        """
        ordered = sorted(self.pages.values(), key=lambda page: page.name)
        if not names:
            return ordered
        found: Dict[VolumeId, Page] = {}
        for name in names:
            matching = (
                [p for p in ordered if p.name == name]
                or [p for p in ordered if fnmatchcase(p.name, name)]
                or [p for p in ordered if p.name.startswith(f"{name}:")]
            )
            if not matching:
                self.page_named(name)
            found.update((page.volume, page) for page in matching)
        return list(found.values())

    def sessions(self, page: Page) -> List[Session]:
        """Every session of a volume, oldest first."""
        return page.sessions(self)

    def sessions_of(self, pages: Sequence[Page]) -> List[List[Session]]:
        """The sessions of each of some volumes, oldest first."""
        older = sessions_of_each([page.parts for page in pages], self)
        pairs = zip(older, pages, strict=True)
        return [[*some, *page.recent] for some, page in pairs]


def _meant(name: str, known: Sequence[str]) -> str:
    close = get_close_matches(name, known, 1)
    return f": did you mean {quote(close[0])}?" if close else ""


@contextmanager
def open_archive(
    access: Access,
    capability: Capability,
    listener: Listener,
    allow_rollback: bool = False,
    or_else: Optional[Capability] = None,
    hold: Optional[Hold] = None,
) -> Iterator[OpenArchive]:
    """Reach the store, find the newest good commit, read all pages.

    Where `capability` is not granted `or_else` is asked for.
    `hold` is the run's that uses it.
    With a capability that writes, raises RollbackError when the archive is
    older than what this machine saw (unless allowed); readers are warned.
    """
    with open_store(
        access.destination, capability, access.staging_token(), or_else
    ) as store:
        _check_archive(store, access)
        end = find_end(store, access.keys, access.pin())
        _judge(end, capability, listener, allow_rollback)
        archive = _read(access, store, end)
        archive.hold = hold or archive.hold
        _note_seen(access, end, allow_rollback)
        for volume, error in archive.damaged.items():
            listener(
                Warning_(
                    f"volume {volume.hex()} can't be shown: its page is lost"
                    f" ({error})"
                )
            )
        try:
            yield archive
        finally:
            archive.workers.shutdown(wait=True, cancel_futures=True)


def _check_archive(store: RemoteStore, access: Access) -> None:
    url = access.destination.url
    if store.welcome is None:
        raise NotFound(
            f"there is no archive at {url}: is its disk mounted?", about=url
        )
    if store.welcome.archive != access.keys.terms.archive:
        raise RollbackError(
            f"the archive at {url} is another one than this machine knows:"
            " arch-init --from gives it a name of its own",
            about=url,
        )


def _judge(
    end: ChainEnd,
    capability: Capability,
    listener: Listener,
    allow_rollback: bool,
) -> None:
    writes = capability in (Capability.PUT, Capability.PRUNE)
    if end.rollback and writes and not allow_rollback:
        raise RollbackError(
            f"{end.rollback}; --force-allow-rollback goes on from it"
        )
    for sentence in (end.rollback, end.damage):
        if sentence:
            listener(Warning_(sentence))
    if end.good is None:
        raise NotFound("the archive was never finished: run arch-init again")


def _read(access: Access, store: RemoteStore, end: ChainEnd) -> OpenArchive:
    assert end.good is not None
    reader = BlobReader(store, access.keys)
    catalog = parse_catalog(reader.record(BlobType.CATALOG, end.good.catalog))
    try:
        compression = parse_compression(catalog.settings.compression)
    except BadInput as error:
        raise IntegrityError(str(error)) from error
    sealer = Sealer(access.keys)
    writer = RecordWriter(store, access.keys, compression, sealer)
    archive = OpenArchive(access, store, end, catalog, reader, sealer, writer)
    _read_pages(archive)
    return archive


def _read_pages(archive: OpenArchive) -> None:
    """Pages in one go; one by one when a damaged one stops that."""
    volumes = sorted(archive.catalog.pages)
    ids = [archive.catalog.pages[volume] for volume in volumes]
    try:
        records = list(archive.reader.records(BlobType.PAGE, ids))
        archive.pages = {
            volume: parse_page(record, volume)
            for volume, record in zip(volumes, records, strict=True)
        }
    except IntegrityError:
        archive.pages = {}
        for volume in volumes:
            _read_page(archive, volume)


def _read_page(archive: OpenArchive, volume: VolumeId) -> None:
    id = archive.catalog.pages[volume]
    try:
        record = archive.reader.record(BlobType.PAGE, id)
        archive.pages[volume] = parse_page(record, volume)
    except IntegrityError as error:
        archive.damaged[volume] = str(error)


def _note_seen(access: Access, end: ChainEnd, allow_rollback: bool) -> None:
    """Pin the head that was found, unless it is an older one."""
    if access.places is None or (end.rollback and not allow_rollback):
        return
    pin = access.pin()
    if pin.committed != end.tip or pin.pending is not None:
        heads.accept_head(
            access.places,
            access.keys.terms.archive,
            access.destination.url,
            end.tip,
        )
