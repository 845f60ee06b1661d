# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What one session of a volume holds: its tree, and its chunks fetched.

Every id is computed again from what the store sends. Writes nothing.
"""

import time
from collections.abc import Iterable, Iterator, Sequence

from wyng_common.frames import BlobType
from wyng_common.ids import BlobId
from wyng_dom0.archive.page import Page
from wyng_dom0.archive.session import Session
from wyng_dom0.engine.download import Downloader, Fetched, Ref
from wyng_dom0.engine.opened import OpenArchive
from wyng_dom0.errors import IntegrityError
from wyng_dom0.events import Listener, Progress
from wyng_dom0.names import quote
from wyng_dom0.seal.hashing import IdHasher
from wyng_dom0.snapshots.snapshot import Snapshot
from wyng_dom0.sources.writing import read_padded
from wyng_dom0.tree.lookup import Run, chunk_refs_in
from wyng_dom0.tree.nodes import Node
from wyng_dom0.tree.walk import chunk_refs, differences

_PROGRESS_SECONDS = 0.1


class SessionContent:
    """One session of one volume of an open archive."""

    def __init__(
        self, archive: OpenArchive, page: Page, session: Session
    ) -> None:
        self.archive = archive
        self.page = page
        self.session = session
        self.chunk_size = archive.catalog.settings.chunk_size
        self.chunks = -(-session.size // self.chunk_size)

    def refs(self) -> Iterator[Ref]:
        """(number, id) of every chunk that is no hole, in order."""
        return chunk_refs(self.session.root, self.chunks, self._nodes)

    def refs_in(self, runs: Iterable[Run]) -> Iterator[Ref]:
        """As refs, of some runs of chunks; only their paths are read."""
        return chunk_refs_in(self.session.root, self.chunks, runs, self._nodes)

    def runs_since(self, root: BlobId | None, size: int) -> Iterator[Run]:
        """The chunks that differ from another session's, one by one."""
        chunks = -(-size // self.chunk_size)
        trees = (root, chunks), (self.session.root, self.chunks)
        for number, _, _ in differences(*trees, self._nodes):
            yield number, 1

    def fetch(self, refs: Iterator[Ref]) -> Iterator[Fetched]:
        """(number, plaintext or IntegrityError) of some chunks, in order.

        A plaintext is always a whole chunk, zeros behind the volume's end.
        """
        archive, domain = self.archive, self.page.domain
        downloader = Downloader(
            archive.reader, domain, self.chunk_size, archive.workers
        )
        for number, content in downloader.fetch(refs):
            yield number, self._checked(number, content)

    def fetch_from(
        self, snapshot: Snapshot, refs: Iterator[Ref]
    ) -> Iterator[Fetched]:
        """As fetch, from a snapshot that should hold the session.

        What has another id there is an IntegrityError.
        """
        hasher = self.hasher()
        for number, id in refs:
            offset, length = self.extent(number)
            data = read_padded(snapshot.fd, offset, length)
            data += bytes(self.chunk_size - length)
            if hasher.chunk_id(data) == id:
                yield number, data
            else:
                yield number, IntegrityError(
                    f"the snapshot of {quote(self.page.name)} is not what it"
                    " was known to be: leave --use-snapshot out"
                )

    def check_settings(self) -> None:
        """Raise IntegrityError where the session's settings are lost."""
        if self.session.settings is None:
            return
        try:
            self.archive.load(BlobType.SETTINGS, self.session.settings)
        except IntegrityError as error:
            raise IntegrityError(f"its settings are lost: {error}") from error

    def hasher(self) -> IdHasher:
        """Makes the ids that the volume's chunks have."""
        keys = self.archive.access.keys
        return IdHasher(keys.terms.hash_type, keys.id_key(self.page.domain))

    def extent(self, first: int, last: int | None = None) -> tuple[int, int]:
        """(offset, length) of the chunks first..last within the volume."""
        start = first * self.chunk_size
        end = ((first if last is None else last) + 1) * self.chunk_size
        return start, min(self.session.size, end) - start

    def _nodes(self, ids: Sequence[BlobId], level: int) -> list[Node]:
        return self.archive.reader.nodes(self.page.domain, ids, level)

    def _checked(
        self, number: int, content: bytes | IntegrityError
    ) -> bytes | IntegrityError:
        """The last chunk must be zeros behind the volume's end."""
        left = self.session.size - number * self.chunk_size
        if isinstance(content, bytes) and left < len(content):
            if content.count(0, left) != len(content) - left:
                return IntegrityError("the volume has bytes behind its end")
        return content


class Teller:
    """Tells a listener how far a volume is, not too often."""

    def __init__(self, listener: Listener, volume: str, size: int) -> None:
        self._listener = listener
        self._volume = volume
        self._size = size
        self._told = time.monotonic()

    def tell(self, done: int) -> None:
        """So many bytes are done."""
        if time.monotonic() - self._told >= _PROGRESS_SECONDS:
            self._told = time.monotonic()
            done = min(done, self._size)
            self._listener(Progress(self._volume, done, self._size))

    def end(self) -> None:
        """All of it is done."""
        self._told = 0.0
        self.tell(self._size)
