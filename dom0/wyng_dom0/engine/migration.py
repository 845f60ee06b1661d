# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Sessions of a wyng archive brought over, oldest first.

Each is read where its manifest says that it differs from the one before,
every byte proven by that manifest, and becomes the next session of the
volume's page. Commits are made between whole sessions, so that whoever goes
on later finds the newest one that is here and takes the next.
"""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from wyng_dom0.archive.page import Page
from wyng_dom0.engine.foreign_sessions import count_here, session_from
from wyng_dom0.engine.opened import OpenArchive
from wyng_dom0.engine.proof import prove_sample
from wyng_dom0.engine.publish import Changes, Intent, publish
from wyng_dom0.engine.upload import Sample
from wyng_dom0.engine.volume_upload import Uploaded, VolumeUpload
from wyng_dom0.engine.volumes import find_or_make_page
from wyng_dom0.errors import (
    BadInput,
    Dom0Error,
    ForeignDamage,
    IntegrityError,
    NotFound,
    Refused,
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
from wyng_dom0.migrate.archive import ForeignArchive
from wyng_dom0.migrate.content import ChunkMap, VolumeContent
from wyng_dom0.migrate.records import ForeignVolume
from wyng_dom0.names import quote
from wyng_dom0.seal.compression import Compression, Compressor
from wyng_dom0.seal.keys import DomainId
from wyng_dom0.state.changed import EVERYTHING, NOTHING, Changed, chunks_of
from wyng_dom0.state.heads import Head

# A commit is made after a session when this much was read since the last.
_ROUND_SECONDS = 60
_ROUND_BYTES = 2 << 30
# What ends one volume, or one session of it, and leaves the others alone.
_SESSION_FAULTS = (ForeignDamage, NotFound, SourceError)
_VOLUME_FAULTS = (*_SESSION_FAULTS, Refused, BadInput)


@dataclass
class MigrationReport:
    """What came of it; failures are sentences by volume."""

    migrated: int = 0
    sent_bytes: int = 0
    volumes: int = 0
    failures: dict[str, list[str]] = field(default_factory=dict)
    head: Head | None = None

    def raise_failures(self) -> None:
        """Raise SomeVolumesFailed when a session did not come over."""
        if not self.failures:
            return
        raise SomeVolumesFailed(
            tuple(
                (name, _summary(told)) for name, told in self.failures.items()
            )
        )


@dataclass
class _UnderWay:
    """One volume: what is shown of it, and what may differ since the newest
    session that is here."""

    content: VolumeContent
    pending: Changed = NOTHING


@dataclass
class _Round:
    """One opening of our archive."""

    archive: OpenArchive
    upload: VolumeUpload
    changes: Changes = field(default_factory=dict)
    samples: list[tuple[DomainId, Sample]] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    read: int = 0

    @property
    def is_full(self) -> bool:
        """Is it time for a commit?"""
        long = time.monotonic() - self.began >= _ROUND_SECONDS
        return self.read >= _ROUND_BYTES or long

    def page(self, volume: ForeignVolume) -> Page:
        """The volume's page, with what this round added."""
        for page in self.changes.values():
            if page is not None and page.name == volume.name:
                return page
        page = find_or_make_page(self.archive, volume.name)
        if page.session_count or page.description:
            return page
        return replace(page, description=volume.description)


class Migration:
    """Volumes of one wyng archive on their way into one of ours.

    A context manager: it holds a temporary file for the volume under way.
    """

    def __init__(
        self,
        source: ForeignArchive,
        volumes: Sequence[ForeignVolume],
        scratch: str,
        compression: Compression,
        listener: Listener,
    ) -> None:
        self._source = source
        self._waiting = list(volumes)
        self._scratch = scratch
        self._compression = compression
        self._listener = listener
        self._under_way: _UnderWay | None = None
        self._stack = ExitStack()
        self._sized = False
        self.report = MigrationReport(volumes=len(volumes))

    def __enter__(self) -> "Migration":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def is_done(self) -> bool:
        """Is nothing left to bring over?"""
        return not self._waiting

    def run_round(self, archive: OpenArchive, now_ns: int) -> None:
        """Bring over whole sessions for a while, and commit them.

        To be called again, with the archive opened anew, until `is_done`.
        Failures of volumes are in the report; raises what ends all of them.
        """
        round = self._round(archive)
        self._tell_size(round)
        while self._waiting and not round.is_full:
            volume = self._waiting[0]
            try:
                is_over = self._go_on(round, volume)
            except _VOLUME_FAULTS as error:
                self._fail(volume.name, "", error)
                is_over = True
            if is_over:
                self._end_volume(round, volume)
        self._commit(round, now_ns)

    def _round(self, archive: OpenArchive) -> _Round:
        compressor = Compressor(self._compression)
        upload = VolumeUpload(archive, compressor, self._listener, False)
        return _Round(archive, upload)

    def _tell_size(self, round: _Round) -> None:
        """How many bytes all sessions to come have, once."""
        if self._sized:
            return
        self._sized, total = True, 0
        for volume in self._waiting:
            try:
                page = round.page(volume)
                here = count_here(volume, round.archive.sessions(page))
            except _VOLUME_FAULTS:
                continue  # told when its turn comes
            total += sum(each.size for each in volume.sessions[here:])
        self._listener(RunSized(total))

    def _go_on(self, round: _Round, volume: ForeignVolume) -> bool:
        """Bring the next session over; True when there is none."""
        page = round.page(volume)
        if self._under_way is None:
            self._under_way = self._begin(round, page, volume)
        under_way = self._under_way
        if under_way.content.at + 1 >= len(volume.sessions):
            return True
        self._note_changes(round, page, under_way)
        session = under_way.content.session
        try:
            self._bring(round, page, under_way)
        except _SESSION_FAULTS as error:
            # What it changed stays pending: the next one may be whole.
            self._fail(volume.name, session.name, error)
        return False

    def _begin(
        self, round: _Round, page: Page, volume: ForeignVolume
    ) -> _UnderWay:
        """A volume's content as of the newest session that is here."""
        here = count_here(volume, round.archive.sessions(page))
        chunk_map = ChunkMap(self._scratch)
        content = VolumeContent(self._source, volume, chunk_map)
        self._stack.enter_context(content)
        under_way = _UnderWay(content)
        for _ in range(here):
            for _ in content.advance():
                pass
        return under_way

    def _note_changes(
        self, round: _Round, page: Page, under_way: _UnderWay
    ) -> None:
        """Go to the next session; what it changed is pending then."""
        content = under_way.content
        chunk_size = round.archive.catalog.settings.chunk_size
        size = content.volume.largest
        named = chunks_of(content.advance(), chunk_size, size)
        sizes = sorted((page.newest.size if page.newest else 0, content.size))
        edge = (sizes[0], sizes[1] - sizes[0])
        grown = chunks_of([edge], chunk_size, size)
        under_way.pending |= named | grown

    def _bring(self, round: _Round, page: Page, under_way: _UnderWay) -> None:
        content = under_way.content
        damage = content.damage()
        if damage:
            raise ForeignDamage(damage)
        self._listener(VolumeStarted(page.name, content.size))
        uploaded = self._upload(round, page, under_way)
        newest = page.newest
        before = newest.time_ns if newest else None
        root, changed = uploaded.root, uploaded.changed
        session = session_from(content.session, before, root, changed)
        page = page.with_session(session, round.archive)
        round.changes[page.volume] = page
        under_way.pending = NOTHING
        self._note(round, page, uploaded)

    def _upload(
        self, round: _Round, page: Page, under_way: _UnderWay
    ) -> Uploaded:
        """What a session adds to the newest one here, or all of it."""
        content, newest = under_way.content, page.newest
        if page.volume in round.changes:
            # The nodes it is compared with may not have arrived yet.
            round.archive.writer.flush()
            round.archive.store.sync()
        upload = round.upload.upload
        try:
            return upload(page, content, newest, under_way.pending, _ignore)
        except ForeignDamage:
            raise
        except IntegrityError as error:
            self._listener(
                Warning_(
                    f"the newest session of {quote(page.name)} is damaged here"
                    f" ({error}); the next is sent whole"
                )
            )
            return upload(page, content, None, EVERYTHING, _ignore)

    def _note(self, round: _Round, page: Page, uploaded: Uploaded) -> None:
        if uploaded.sample is not None:
            round.samples.append((page.domain, uploaded.sample))
        round.read += uploaded.changed
        self.report.migrated += 1
        self.report.sent_bytes += uploaded.sent
        session = page.newest
        assert session is not None
        self._listener(
            VolumeDone(
                volume=page.name,
                total_bytes=session.size,
                changed_bytes=uploaded.changed,
                sent_bytes=uploaded.sent,
                session=session.name,
                sequence=session.sequence,
            )
        )

    def _end_volume(self, round: _Round, volume: ForeignVolume) -> None:
        """No session of it is left; one without any is kept by its name."""
        if volume.broken and volume.name not in self.report.failures:
            self._fail(volume.name, "", ForeignDamage(volume.broken))
        if not volume.sessions and not volume.broken:
            page = round.page(volume)
            if page.volume not in round.archive.pages:
                round.changes[page.volume] = page
        self._stack.close()
        self._under_way = None
        self._waiting.pop(0)

    def _commit(self, round: _Round, now_ns: int) -> None:
        if not round.changes:
            return
        archive = round.archive
        with archive.hold.undisturbed():
            self.report.head = publish(
                archive,
                Intent(round.changes),
                archive.store.capability,
                now_ns,
                withhold=self._listener,
            )
        prove_sample(round.archive, round.samples)

    def _fail(self, volume: str, session: str, error: Dom0Error) -> None:
        told = f"{session}: {error}" if session else str(error)
        self.report.failures.setdefault(volume, []).append(told)
        self._listener(VolumeDone(volume=volume, session=session, error=told))


def _ignore() -> None:
    """Nothing of a foreign archive needs to be watched."""


def _summary(told: Sequence[str]) -> str:
    more = f"; and {len(told) - 1} more" if len(told) > 1 else ""
    return f"{told[0]}{more}"
