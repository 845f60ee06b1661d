# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the store has lost of a session, as chunks to read again.

A send that reads only what changed would never offer again what the store
lost of the rest. So where the store says that it knows of damage, it is
asked for every chunk of the newest session, and those that it lacks are read
as if they had changed. That costs ids, no bytes of the volume.
"""

from itertools import islice
from typing import Iterator, List, Tuple

from wyng_common import limits
from wyng_common.ids import BlobId
from wyng_common.messages import WelcomeFlag
from wyng_dom0.archive.page import Page
from wyng_dom0.engine.opened import OpenArchive
from wyng_dom0.state.changed import NOTHING, Changed, chunk_set
from wyng_dom0.tree.walk import chunk_refs


def lost_chunks(archive: OpenArchive, page: Page) -> Changed:
    """The chunks of the page's newest session that the store hasn't.

    Nothing where the store knows of no damage. Raises IntegrityError when a
    node of the tree can't be had: then nobody can say what is lost.
    """
    welcome, newest = archive.store.welcome, page.newest
    if newest is None or welcome is None:
        return NOTHING
    if not welcome.flags & WelcomeFlag.DAMAGED:
        return NOTHING
    chunk_size = archive.catalog.settings.chunk_size
    refs = chunk_refs(
        newest.root,
        -(-newest.size // chunk_size),
        lambda ids, level: archive.reader.nodes(page.domain, ids, level),
    )
    return chunk_set((number, 1) for number in _missing(archive, refs))


def _missing(
    archive: OpenArchive, refs: Iterator[Tuple[int, BlobId]]
) -> Iterator[int]:
    """The numbers of those the store says it hasn't."""
    store = archive.store
    while True:
        batch: List[Tuple[int, BlobId]] = list(
            islice(refs, limits.HAVE_IDS_MAX)
        )
        if not batch:
            return
        had = store.had(store.ask_have([id for _, id in batch]), len(batch))
        for (number, _), has in zip(batch, had, strict=True):
            if not has:
                yield number
