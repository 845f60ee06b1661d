# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The store's tree of errors. Each text is one sentence for a person.

    WyngError
      StoreError            exit code 1, protocol answer FAILED
        BadInput            9
        ConfigFault         9
        NoArchive           6    NO_ARCHIVE
        InUse               1    EXISTS
        Busy                5    BUSY
        Full                5    FULL
        Denied              1    DENIED
        Outside             1    OUTSIDE
        NotReady            5    NOT_READY
        Refused           126    (before anything was read)
        Conflict            1    CONFLICT
        MissingBlobs        4    MISSING
        Damage              4    DAMAGED
          BlobDamaged
        IndexDamaged        4    (healed by a rebuild, then tried once more)
        DurabilityLost      1    (ends the process: nothing is retried)
        Disconnected        1

Raised anywhere, turned into answers in `serve` and exit codes in `main`.
"""

from typing import Sequence

from wyng_common.errors import WyngError
from wyng_common.ids import BlobId, CommitHash


class StoreError(WyngError):
    """Anything the store raises on purpose."""


class BadInput(StoreError):
    """A command line that makes no sense."""


class ConfigFault(StoreError):
    """The store's configuration has a fault; no call is answered."""


class NoArchive(StoreError):
    """The directory holds no archive."""


class InUse(StoreError):
    """The directory already holds something."""


class Busy(StoreError):
    """Another process holds the lock."""


class Full(StoreError):
    """The disk or a quota is full; what was durable stays so."""


class Denied(StoreError):
    """The connection lacks the capability."""


class Outside(StoreError):
    """A directory that this store may not use."""


class NotReady(StoreError):
    """The disk that the archive lies on is not there."""


class Refused(StoreError):
    """The configuration does not let this caller do that."""


class Conflict(StoreError):
    """A commit that does not follow the head."""

    def __init__(self, sequence: int, head: CommitHash) -> None:
        super().__init__(f"the head is commit {sequence}, not the one named")
        self.sequence = sequence
        self.head = head


class MissingBlobs(StoreError):
    """A commit that names blobs the store does not hold; at most 1024."""

    def __init__(self, ids: Sequence[BlobId]) -> None:
        super().__init__(f"{len(ids)} blobs of a commit are missing")
        self.ids = list(ids)


class Damage(StoreError):
    """Something that must be there is unreadable. Never absence."""


class BlobDamaged(Damage):
    """No copy of a blob can be read."""

    def __init__(self, id: BlobId) -> None:
        super().__init__(f"the blob {id.hex()} is damaged")
        self.id = id


class IndexDamaged(StoreError):
    """The index can't be right; it is thrown away and built again."""


class DurabilityLost(StoreError):
    """The kernel could not promise durability. Trying again proves nothing,
    because a failed fsync drops the pages it could not write."""

    def __init__(self, path: str, number: int) -> None:
        super().__init__(f"could not make {path} durable (errno {number})")
        self.errno = number


class Disconnected(StoreError):
    """The other side went away inside a request."""
