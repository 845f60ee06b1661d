# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""One connection's state: what it said in HELLO and what it has open.

Opens and closes the archive as the capability wants it; the operations do
the rest.
"""

import time
from typing import Callable, Optional, Protocol, TypeVar

from wyng_common.errors import MessageError
from wyng_common.messages import Capability, Hello, Status
from wyng_store import ballast, founding, rights
from wyng_store.archive import Archive, open_for_reading
from wyng_store.errors import Full, NoArchive
from wyng_store.layout import READER_IDLE_SECONDS, Layout
from wyng_store.places import Place, Resolve
from wyng_store.policy import Policy
from wyng_store.reclaiming import tidy
from wyng_store.recovering import open_for_writing
from wyng_store.staging import Staging

T = TypeVar("T")


class Exchange(Protocol):
    """What an operation may do with its request."""

    @property
    def left(self) -> int: ...

    def peek(self, size: int) -> memoryview: ...

    def take(self, size: int) -> memoryview: ...

    def drain(self) -> None: ...

    def answer(
        self, status: Status, body: bytes = b"", count: int = 0
    ) -> None: ...

    def beat(self, done: int, total: int) -> None: ...

    def flush(self) -> None: ...


class Session:
    """What a connection has said and opened so far."""

    def __init__(self, resolve: Resolve) -> None:
        self.resolve = resolve
        # When something other than ALIVE was asked last.
        self.asked = time.monotonic()
        self.hello: Optional[Hello] = None
        # Set together with `hello`.
        self.place: Optional[Place] = None
        self.founded = False
        self.ended = False
        self._archive: Optional[Archive] = None
        self._staging: Optional[Staging] = None
        # Bytes that opening gave back.
        self.tidied = 0

    @property
    def layout(self) -> Layout:
        """Where the archive is; raises MessageError before a HELLO."""
        return self._placed().layout

    @property
    def policy(self) -> Policy:
        """What the store's configuration says of it; as layout."""
        return self._placed().policy

    def _placed(self) -> Place:
        if self.place is None:
            raise MessageError("the first request must be HELLO")
        return self.place

    @property
    def archive(self) -> Archive:
        """The open archive; raises NoArchive."""
        if self._archive is None:
            raise NoArchive("there is no archive yet")
        return self._archive

    @property
    def staging(self) -> Staging:
        """This connection's staged blobs; raises NoArchive."""
        if self._staging is None:
            raise NoArchive("there is no archive yet")
        return self._staging

    @property
    def capability(self) -> Capability:
        """What HELLO asked for; raises MessageError before a HELLO."""
        if self.hello is None:
            raise MessageError("the first request must be HELLO")
        return self.hello.capability

    def open(self, exchange: Exchange) -> None:
        """Open the archive as the capability wants it."""
        hello = self.hello
        assert hello is not None
        if not (rights.writes(hello.capability) or self.founded):
            self._archive = open_for_reading(self.layout, exchange.beat)
            return
        self.make_room()
        self._archive = open_for_writing(
            self.layout, exchange.beat, self.policy
        )
        self._staging = Staging(self._archive, hello.token)
        self.tidied = tidy(self._archive, hello.token)

    def make_room(self) -> None:
        """A prune on a full disk needs what the ballast holds; what else is
        free must not be enough for it first."""
        may_prune = self.capability is Capability.PRUNE
        if may_prune and founding.is_founded(self.layout):
            if ballast.is_short(self.layout):
                ballast.drop(self.layout)

    def roomy(self, action: Callable[[], T]) -> T:
        """Do it; when the disk is full, who may prune gets the ballast and
        it is done once more."""
        try:
            return action()
        except Full:
            if self.capability is not Capability.PRUNE or not ballast.drop(
                self.layout
            ):
                raise
        return action()

    def must_leave(self) -> bool:
        """Has this reader asked nothing for long, while space waits to be
        given back?"""
        archive = self._archive
        if archive is None or self._staging is not None:
            return False
        if time.monotonic() - self.asked < READER_IDLE_SECONDS:
            return False
        return bool(archive.healing(archive.index.load_state).pending)

    def close(self) -> None:
        """Close what is open; locks go last."""
        writes = self._staging is not None
        if self._staging is not None:
            self._staging.close()
            self._staging = None
        if self._archive is not None:
            self._archive.close_files()
            if writes and founding.is_founded(self.layout):
                ballast.refill(self.layout)
            self._archive.close()
            self._archive = None
