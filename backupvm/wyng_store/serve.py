# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""One connection: requests in, answers out, nothing else.

Frames messages, keeps the order, and turns errors into statuses. It refuses
what it does not expect. What the operations do is in `operations`.
"""

import struct
import time
from typing import Dict, FrozenSet, Optional, Type

from wyng_common.errors import FormatError, WyngError
from wyng_common.messages import (
    HEADER_SIZE,
    REQUEST_BODY_MAX,
    Capability,
    Header,
    Op,
    Status,
    parse_message_header,
)
from wyng_store import errors
from wyng_store.layout import BEAT_SECONDS, SILENCE_SECONDS, Layout
from wyng_store.operations import OPERATIONS, BadVersion
from wyng_store.places import Place, Resolve, fixed
from wyng_store.policy import Policy
from wyng_store.session import Session
from wyng_store.streams import Inlet, Outlet

_STATUSES: Dict[Type[WyngError], Status] = {
    errors.NoArchive: Status.NO_ARCHIVE,
    errors.InUse: Status.EXISTS,
    errors.Busy: Status.BUSY,
    errors.Full: Status.FULL,
    errors.Denied: Status.DENIED,
    errors.Conflict: Status.CONFLICT,
    errors.MissingBlobs: Status.MISSING,
    errors.Damage: Status.DAMAGED,
    errors.BlobDamaged: Status.DAMAGED,
    errors.Refused: Status.DENIED,
    errors.Outside: Status.OUTSIDE,
    errors.NotReady: Status.NOT_READY,
    BadVersion: Status.BAD_VERSION,
}
_ENDING = (Status.BAD_REQUEST, Status.BAD_VERSION, Status.FAILED)
_PROGRESS = struct.Struct(">QQ")


class Exchange:
    """The request being answered, as the operations see it."""

    def __init__(self, inlet: Inlet, outlet: Outlet) -> None:
        self.inlet = inlet
        self._outlet = outlet
        self._request = Header(Op.HELLO, 0, 0, 0, 0)
        self._left = 0
        self._beaten = time.monotonic()

    def begin(self, request: Header) -> None:
        """A request's header was read; its body is still to be read."""
        self._request = request
        self._left = request.length
        self._beaten = time.monotonic()

    def peek(self, size: int) -> memoryview:
        """The next bytes of the body, good until the next call. Raises
        FormatError when the body is shorter."""
        if size > self._left:
            raise FormatError("a request's body is too short")
        return self.inlet.need(size)

    def take(self, size: int) -> memoryview:
        """As peek, and go on behind them."""
        view = self.peek(size)
        self.inlet.skip(size)
        self._left -= size
        return view

    @property
    def left(self) -> int:
        """Bytes of the body that were not taken yet."""
        return self._left

    def drain(self) -> None:
        """Read the rest of the body and forget it."""
        left, self._left = self._left, 0
        self.inlet.drain(left)

    def answer(self, status: Status, body: bytes = b"", count: int = 0) -> None:
        """Send one answer to the request."""
        request = self._request
        header = Header(request.code, status, count, request.tag, len(body))
        self._outlet.put(header.encode(), body)

    def beat(self, done: int, total: int) -> None:
        """Say that we are alive, if it is time to."""
        now = time.monotonic()
        if now - self._beaten >= BEAT_SECONDS:
            self._beaten = now
            self.answer(Status.PROGRESS, _PROGRESS.pack(done, total))
            self._outlet.flush()

    def flush(self) -> None:
        """Send what was answered now."""
        self._outlet.flush()


def serve(
    fd_in: int,
    fd_out: int,
    layout: Layout,
    granted: FrozenSet[Capability],
    policy: Policy = Policy(),
    silence: float = SILENCE_SECONDS,
) -> None:
    """As serve_place, for one directory."""
    serve_place(fd_in, fd_out, fixed(Place(layout, granted, policy)), silence)


def serve_place(
    fd_in: int, fd_out: int, resolve: Resolve, silence: float = SILENCE_SECONDS
) -> None:
    """Serve one connection to its end, or until the other side neither
    writes nor reads for `silence` seconds.

    `resolve` says which directory its HELLO means. Returns after BYE or an
    end of file between requests. Raises the error that ended the connection
    otherwise; it has been answered.
    """
    session = Session(resolve)
    inlet = Inlet(fd_in, silence, session.must_leave)
    exchange = Exchange(inlet, Outlet(fd_out, silence))
    try:
        while not session.ended:
            if not exchange.inlet.is_ready():
                exchange.flush()
            if exchange.inlet.is_at_end():
                return
            _serve_one(exchange, session)
    finally:
        session.close()


def _serve_one(exchange: Exchange, session: Session) -> None:
    view = exchange.inlet.need(HEADER_SIZE)
    try:
        request = parse_message_header(bytes(view), REQUEST_BODY_MAX)
    except FormatError:
        exchange.answer(Status.BAD_REQUEST)
        exchange.flush()
        raise
    exchange.inlet.skip(HEADER_SIZE)
    exchange.begin(request)
    if request.code is not Op.ALIVE:
        session.asked = time.monotonic()
    try:
        OPERATIONS[request.code](session, exchange, request)
        if exchange.left:
            raise FormatError("a request's body is too long")
    except errors.Disconnected:
        raise
    except WyngError as error:
        _answer_error(exchange, error)
    except OSError as error:
        _answer_error(exchange, error)
    exchange.drain()


def _answer_error(exchange: Exchange, error: Exception) -> None:
    """Answer; raises the error again when the connection can't go on."""
    status = _status(error)
    exchange.answer(status, *_details(error))
    if status in _ENDING:
        exchange.flush()
        raise error


def _status(error: Exception) -> Status:
    if isinstance(error, FormatError):
        return Status.BAD_REQUEST
    for kind in type(error).__mro__:
        if kind in _STATUSES:
            return _STATUSES[kind]
    return Status.FAILED


def _details(error: Exception) -> "tuple[bytes, int]":
    if isinstance(error, errors.Conflict):
        return struct.pack(">Q", error.sequence) + error.head, 0
    if isinstance(error, errors.MissingBlobs):
        return b"".join(error.ids), len(error.ids)
    number: Optional[int] = getattr(error, "errno", None)
    return b"", number or 0
