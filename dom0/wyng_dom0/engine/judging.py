# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Who says whether chunks are whole: the store, or reading them.

And what the store is told, so that the next send puts again what is hurt: by
its own scrub it marks what it can't read, and says at the next greeting that
it knows of damage.
"""

from collections.abc import Collection, Iterator
from itertools import islice

from wyng_common import limits
from wyng_common.ids import BlobId
from wyng_common.messages import Capability, ScrubFlag
from wyng_dom0.engine.checking import Judge
from wyng_dom0.engine.content import SessionContent
from wyng_dom0.engine.download import Ref
from wyng_dom0.engine.opened import OpenArchive
from wyng_dom0.errors import IntegrityError
from wyng_dom0.transport.remote_store import RemoteStore, Scrubbed

EVERYTHING = ScrubFlag.DIGESTS | ScrubFlag.COUNTS
_MISSING = "the store has it no more, or can't read it"


def may_ask(archive: OpenArchive) -> bool:
    """May this connection let the store read itself, and ask what it has?"""
    return archive.store.capability is Capability.VERIFY


def by_asking(store: RemoteStore, known: Collection[BlobId]) -> Judge:
    """The store's word for each chunk; `known` are bad whatever it says."""

    def judge(
        content: SessionContent, refs: Iterator[Ref]
    ) -> Iterator[tuple[int, str]]:
        while batch := list(islice(refs, limits.HAVE_IDS_MAX)):
            asked = store.ask_have([id for _, id in batch])
            for (number, id), has in zip(
                batch, store.had(asked, len(batch)), strict=True
            ):
                yield number, "" if has and id not in known else _MISSING

    return judge


class Reading:
    """Each chunk is fetched and its id computed again."""

    def __init__(self) -> None:
        self.bytes = 0

    def judge(
        self, content: SessionContent, refs: Iterator[Ref]
    ) -> Iterator[tuple[int, str]]:
        """A Judge."""
        for number, found in content.fetch(refs):
            if isinstance(found, IntegrityError):
                yield number, str(found)
            else:
                self.bytes += len(found)
                yield number, ""


def scrub(archive: OpenArchive, flags: int = EVERYTHING) -> Scrubbed:
    """Let the store read and count; it notes what it found for the next
    send."""
    return archive.store.scrub(flags)


def believed(store: RemoteStore, ids: Collection[BlobId]) -> int:
    """How many of some blobs the store calls whole all the same."""
    count = 0
    left = iter(ids)
    while batch := list(islice(left, limits.HAVE_IDS_MAX)):
        count += sum(store.had(store.ask_have(batch), len(batch)))
    return count
