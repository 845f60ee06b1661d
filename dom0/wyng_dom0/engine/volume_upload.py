# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""One volume's content compared with a tree and sent: gives the new tree.

Reads what may have changed and nothing else. Makes no session.
"""

import time
from dataclasses import dataclass
from typing import Callable, List, Optional, Sequence

from wyng_common.ids import BlobId
from wyng_dom0.archive.page import Page
from wyng_dom0.archive.session import Session
from wyng_dom0.engine.comparison import (
    Comparison,
    SparseComparison,
    TreeComparison,
)
from wyng_dom0.engine.opened import OpenArchive
from wyng_dom0.engine.spans import Content, spans_within
from wyng_dom0.engine.upload import Sample, Uploader
from wyng_dom0.events import Listener, Progress
from wyng_dom0.seal.compression import Compressor
from wyng_dom0.seal.hashing import IdHasher
from wyng_dom0.seal.keys import DomainId
from wyng_dom0.state.changed import Changed
from wyng_dom0.tree.nodes import Node

_PROGRESS_SECONDS = 0.1


@dataclass(frozen=True)
class Uploaded:
    """What came of a volume; sizes in bytes, `sample` None if nothing was
    read."""

    root: Optional[BlobId]
    changed: int = 0
    sent: int = 0
    sample: Optional[Sample] = None


@dataclass(frozen=True)
class VolumeUpload:
    """How volumes are sent in one run.

    `watch` is called often while bytes are read, and may raise SourceError.
    With `dry_run` all is compared and nothing sent; for `dedup` see Uploader.
    """

    archive: OpenArchive
    compressor: Compressor
    listener: Listener
    dry_run: bool
    dedup: bool = True

    def upload(
        self,
        page: Page,
        content: Content,
        base: Optional[Session],
        may_differ: Changed,
        watch: Callable[[], None],
    ) -> Uploaded:
        """Send what differs from `base`, outside of `may_differ` nothing.

        Without a base all of the volume. Raises SourceError, and
        IntegrityError when the base's tree is damaged.
        """
        if base is not None and base.size == content.size and not may_differ:
            return Uploaded(base.root)
        chunk_size = self.archive.catalog.settings.chunk_size
        chunks = -(-content.size // chunk_size)
        comparison = self._comparison(page, base, chunks, may_differ)
        spans = spans_within(
            content,
            chunk_size,
            [(0, chunks)] if base is None else may_differ.runs(chunks),
        )
        with self._uploader(page, chunk_size, comparison) as uploader:
            told = time.monotonic()
            for done in uploader.send(content, spans):
                if time.monotonic() - told >= _PROGRESS_SECONDS:
                    told = time.monotonic()
                    self._tell(page, content, done, uploader.sent_bytes)
                    watch()
            self._tell(page, content, content.size, uploader.sent_bytes)
        changed = min(content.size, comparison.changed * chunk_size)
        root = comparison.finish()
        return Uploaded(root, changed, uploader.sent_bytes, uploader.sample)

    def _comparison(
        self,
        page: Page,
        base: Optional[Session],
        chunks: int,
        may_differ: Changed,
    ) -> Comparison:
        chunk_size = self.archive.catalog.settings.chunk_size

        def load(ids: Sequence[BlobId], level: int) -> List[Node]:
            return self.archive.reader.nodes(page.domain, ids, level)

        def emit(node: Node) -> BlobId:
            return self._emit(page.domain, node)

        if base is None:
            return TreeComparison((None, 0), chunks, load, emit)
        old = (base.root, -(-base.size // chunk_size))
        if may_differ.everything:
            return TreeComparison(old, chunks, load, emit)
        runs = may_differ.runs(chunks)
        return SparseComparison(old, chunks, runs, load, emit)

    def _emit(self, domain: DomainId, node: Node) -> BlobId:
        writer = self.archive.writer
        if self.dry_run:
            return writer.node_id(domain, node)
        return writer.store_node(domain, node)

    def _uploader(
        self, page: Page, chunk_size: int, comparison: Comparison
    ) -> Uploader:
        keys = self.archive.access.keys
        hasher = IdHasher(keys.terms.hash_type, keys.id_key(page.domain))
        return Uploader(
            self.archive.store,
            self.archive.sealer,
            self.compressor,
            hasher,
            chunk_size,
            comparison,
            self.dry_run,
            self.dedup,
        )

    def _tell(self, page: Page, content: Content, done: int, sent: int) -> None:
        size = content.size
        self.listener(Progress(page.name, min(done, size), size, sent))
