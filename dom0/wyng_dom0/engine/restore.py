# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Restoring a session to a target, and verifying one without any."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterator, List, Optional, Tuple, Union

from wyng_dom0.archive.page import Page, ranges
from wyng_dom0.archive.session import Session
from wyng_dom0.engine.download import Downloader
from wyng_dom0.engine.opened import OpenArchive
from wyng_dom0.errors import IntegrityError
from wyng_dom0.events import Listener, Progress, VolumeDone, VolumeStarted
from wyng_dom0.sources.target import Target, open_target
from wyng_dom0.tree.walk import chunk_refs

_PROGRESS_SECONDS = 0.1


@dataclass
class Verdict:
    """What verifying a session found: damaged (offset, length) ranges."""

    bytes_read: int = 0
    damaged: List[Tuple[int, int]] = field(default_factory=list)
    errors: List[str] = field(default_factory=list)


class SessionReader:
    """Reads one session of one volume, telling a listener how far it is."""

    def __init__(
        self,
        archive: OpenArchive,
        page: Page,
        session: Session,
        listener: Listener,
    ) -> None:
        self._archive = archive
        self._page = page
        self._session = session
        self._listener = listener
        self._chunk_size = archive.catalog.settings.chunk_size
        self._told = time.monotonic()

    def receive(self, path: Path) -> bool:
        """Restore to a path; what was there is replaced when all is whole.

        Answers whether the owner could be set. Raises IntegrityError or
        TargetError; then nothing that looks restored is left.
        """
        session = self._session
        self._listener(VolumeStarted(self._page.name, session.size))
        with open_target(path, session.size) as target:
            self._fill(target)
            owned = target.finish(
                session.mode, session.uid, session.gid, session.mtime_ns
            )
        self._listener(self._done(session.size))
        return owned

    def verify(self) -> Verdict:
        """Read every byte; the verdict names every damaged range."""
        self._listener(VolumeStarted(self._page.name, self._session.size))
        verdict = Verdict()
        damaged = []
        try:
            for number, content in self._chunks():
                if isinstance(content, IntegrityError):
                    damaged.append(number)
                    verdict.errors.append(str(content))
                else:
                    verdict.bytes_read += self._bytes(number, number)[1]
        except IntegrityError as node_error:
            # A node: what lies below it can't even be named.
            verdict.errors.append(str(node_error))
        verdict.damaged = [self._bytes(*pair) for pair in ranges(damaged)]
        error = verdict.errors[0] if verdict.errors else None
        self._listener(self._done(verdict.bytes_read, error))
        return verdict

    def _done(self, read: int, error: Optional[str] = None) -> VolumeDone:
        return VolumeDone(
            volume=self._page.name,
            total_bytes=read,
            session=self._session.name,
            sequence=self._session.sequence,
            error=error,
        )

    def _bytes(self, first: int, last: int) -> Tuple[int, int]:
        start = first * self._chunk_size
        end = min(self._session.size, (last + 1) * self._chunk_size)
        return start, end - start

    def _fill(self, target: Target) -> None:
        at = 0
        for number, content in self._chunks():
            if isinstance(content, IntegrityError):
                raise content
            start = number * self._chunk_size
            if start > at:
                target.zero(at, start - at)
            wanted = min(self._chunk_size, self._session.size - start)
            target.pwrite(start, content[:wanted])
            at = start + wanted
        if at < self._session.size:
            target.zero(at, self._session.size - at)

    def _chunks(self) -> Iterator[Tuple[int, Union[bytes, IntegrityError]]]:
        chunks = -(-self._session.size // self._chunk_size)
        refs = chunk_refs(
            self._session.root,
            chunks,
            lambda ids, level: self._archive.reader.nodes(
                self._page.domain, ids, level
            ),
        )
        with Downloader(
            self._archive.reader, self._page.domain, self._chunk_size
        ) as downloader:
            for number, content in downloader.fetch(refs):
                yield number, self._checked(number, content)
                self._tell((number + 1) * self._chunk_size)
        self._told = 0.0
        self._tell(self._session.size)

    def _checked(
        self, number: int, content: Union[bytes, IntegrityError]
    ) -> Union[bytes, IntegrityError]:
        """The last chunk must be zeros behind the volume's end."""
        left = self._session.size - number * self._chunk_size
        if isinstance(content, bytes) and left < len(content):
            if content.count(0, left) != len(content) - left:
                return IntegrityError("the volume has bytes behind its end")
        return content

    def _tell(self, done: int) -> None:
        if time.monotonic() - self._told >= _PROGRESS_SECONDS:
            self._told = time.monotonic()
            size = self._session.size
            self._listener(Progress(self._page.name, min(done, size), size))
