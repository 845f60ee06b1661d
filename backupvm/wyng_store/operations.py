# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What each operation of the protocol does, one function each.

A function reads the body it expects, does its work through the archive, and
answers. Errors are raised; `serve` answers them.
"""

import struct
from functools import partial
from typing import Callable, Dict, List, Optional

from wyng_common import limits
from wyng_common.errors import MessageError, WyngError
from wyng_common.frames import (
    HEADER_SIZE,
    BlobType,
    check_frame,
    parse_header,
)
from wyng_common.ids import ArchiveId, BlobId, CommitHash, split_ids
from wyng_common.messages import (
    VERSION,
    Capability,
    Header,
    KeysAction,
    LogFlag,
    Op,
    ReclaimFlag,
    ScrubFlag,
    Status,
    Welcome,
    WelcomeFlag,
    parse_hello,
)
from wyng_store import committing, delaying, founding, places, rights
from wyng_store.archive import Archive
from wyng_store.deduplicating import deduplicate
from wyng_store.errors import BlobDamaged, Damage, Denied, NoArchive
from wyng_store.layout import Layout
from wyng_store.reclaiming import reclaim, tidy_cheaply
from wyng_store.rows import BlobRow
from wyng_store.scrubbing import Scrubbed, readable, scrub
from wyng_store.session import Exchange, Session
from wyng_store.staging import Staging
from wyng_store.statistics import measure

_HELLO_MAX = 64 + limits.HELLO_PATH_MAX
_RANGE = struct.Struct(">QQ")
_PUT_ANSWER = struct.Struct(">II")


class BadVersion(WyngError):
    """The other side speaks no version that we do."""


def hello(session: Session, exchange: Exchange, request: Header) -> None:
    if session.hello is not None:
        raise MessageError("HELLO comes once")
    asked = parse_hello(_body(exchange, request, 0, _HELLO_MAX))
    if not asked.oldest <= VERSION <= asked.newest:
        raise BadVersion("no common version of the protocol")
    place = session.resolve(asked.path)
    if asked.capability not in rights.allowed(place.granted):
        raise Denied("this store was not started for that")
    places.check_there(place, asked)
    session.hello, session.place = asked, place
    status = Status.OK
    try:
        session.open(exchange)
        welcome = _welcome(session.archive, asked.capability)
    except NoArchive:
        status = Status.NO_ARCHIVE
        welcome = Welcome(
            VERSION, asked.capability, ArchiveId.zero(), 0, CommitHash.zero()
        )
    except (WyngError, OSError):
        session.close()
        session.hello = None
        raise
    exchange.answer(status, welcome.encode())


def init(session: Session, exchange: Exchange, request: Header) -> None:
    _check_right(session, Op.INIT)
    id = ArchiveId(_body(exchange, request, ArchiveId.SIZE, ArchiveId.SIZE))
    session.close()
    founding.found(session.layout, id)
    session.founded = True
    session.open(exchange)
    exchange.answer(Status.OK)


def keys(session: Session, exchange: Exchange, request: Header) -> None:
    try:
        action = KeysAction(request.second)
    except ValueError:
        raise MessageError("KEYS has an unknown action") from None
    body = _body(exchange, request, 0, limits.SLOT_FILE_MAX)
    if request.count >= limits.SLOTS_MAX or (
        bool(body) != (action is KeysAction.PUT)
    ):
        raise MessageError("KEYS is malformed")
    if not rights.may_keys(session.capability, session.founded, action):
        raise Denied("this connection may not do that with keys")
    layout = session.archive.layout
    if action is KeysAction.LIST:
        _list_slots(layout, exchange)
    elif action is KeysAction.PUT:
        done = founding.put_slot(layout, request.count, body)
        exchange.answer(Status.OK if done else Status.EXISTS)
    elif session.policy.delete_delay:
        # Without its slots an archive is as good as deleted.
        raise Denied("key slots are not dropped where deletion is delayed")
    else:
        done = founding.drop_slot(layout, request.count)
        exchange.answer(Status.OK if done else Status.NOT_FOUND)


def have(session: Session, exchange: Exchange, request: Header) -> None:
    _check_right(session, Op.HAVE)
    ids = _ids(exchange, request, limits.HAVE_IDS_MAX)
    if session.capability is Capability.VERIFY:
        archive = session.archive
        bitmap = archive.healing(lambda: readable(archive, ids))
    else:
        bitmap = session.staging.have(ids)
    exchange.answer(Status.OK, bitmap)


def put(session: Session, exchange: Exchange, request: Header) -> None:
    _check_right(session, Op.PUT)
    if request.count > limits.PUT_FRAMES_MAX:
        raise MessageError("a PUT has too many frames")
    staging = session.staging
    stored = 0
    for _ in range(request.count):
        stored += _put_frame(session, staging, exchange)
    staging.flush()
    there = request.count - stored
    exchange.answer(Status.OK, _PUT_ANSWER.pack(stored, there))


def sync(session: Session, exchange: Exchange, request: Header) -> None:
    _check_right(session, Op.SYNC)
    _body(exchange, request, 0, 0)
    session.roomy(lambda: session.staging.sync(exchange.beat))
    exchange.answer(Status.OK)


def commit(session: Session, exchange: Exchange, request: Header) -> None:
    _check_right(session, Op.COMMIT)
    record = _body(exchange, request, 0, limits.COMMIT_RECORD_MAX)
    session.roomy(lambda: _commit(session, exchange, record))
    exchange.answer(Status.OK)
    exchange.flush()
    _tidy_after(session)


def _commit(session: Session, exchange: Exchange, record: bytes) -> None:
    assert session.hello is not None
    session.staging.sync(exchange.beat)
    committing.commit(
        session.archive,
        record,
        session.hello.token,
        rights.may_release(session.capability),
        exchange.beat,
    )


def get(session: Session, exchange: Exchange, request: Header) -> None:
    _check_right(session, Op.GET)
    ids = _ids(exchange, request, limits.GET_IDS_MAX)
    archive = session.archive
    rows = archive.healing(lambda: archive.index.find_all(ids))
    for id in ids:
        try:
            frame = archive.healing(partial(_fetch, archive, id, rows.get(id)))
        except BlobDamaged:
            exchange.answer(Status.DAMAGED)
            continue
        if frame is None:
            exchange.answer(Status.NOT_FOUND)
        else:
            exchange.answer(Status.OK, frame)


def log(session: Session, exchange: Exchange, request: Header) -> None:
    _check_right(session, Op.LOG)
    first, last = _RANGE.unpack(_body(exchange, request, 16, 16))
    if request.second not in LogFlag.__members__.values():
        raise MessageError("LOG has an unknown flag")
    chain = session.archive.chain
    if request.second == LogFlag.ALL:
        wanted = chain.sequences()
    else:
        wanted = chain.unreleased_or_unreadable()
    inside = [at for at in wanted if first <= at <= last]
    for sequence in inside[: limits.LOG_RECORDS_MAX]:
        try:
            exchange.answer(Status.MORE, chain.load(sequence).data)
        except Damage:
            # Not a record: its place only, so that the gap has a number.
            exchange.answer(Status.MORE, struct.pack(">Q", sequence))
    exchange.answer(Status.OK)


def stat(session: Session, exchange: Exchange, request: Header) -> None:
    _check_right(session, Op.STAT)
    _body(exchange, request, 0, 0)
    archive = session.archive
    measured = archive.healing(lambda: measure(archive))
    exchange.answer(Status.OK, measured.encode())


def scrub_archive(
    session: Session, exchange: Exchange, request: Header
) -> None:
    _check_right(session, Op.SCRUB)
    (budget,) = struct.unpack(">Q", _body(exchange, request, 8, 8))
    every = ScrubFlag.DIGESTS | ScrubFlag.COUNTS
    if not request.second or request.second & ~int(every):
        raise MessageError("SCRUB has unknown flags")
    found = scrub(
        session.archive,
        digests=bool(request.second & ScrubFlag.DIGESTS),
        counts=bool(request.second & ScrubFlag.COUNTS),
        budget=budget,
        beat=exchange.beat,
    )
    _answer_scrub(exchange, found)


def reclaim_archive(
    session: Session, exchange: Exchange, request: Header
) -> None:
    _check_right(session, Op.RECLAIM)
    (budget,) = struct.unpack(">Q", _body(exchange, request, 8, 8))
    if request.second & ~int(ReclaimFlag.TWICE):
        raise MessageError("RECLAIM has unknown flags")
    asked = session.hello
    assert asked is not None
    archive, beat = session.archive, exchange.beat
    if request.second:
        found = session.roomy(
            lambda: deduplicate(archive, asked.token, budget, beat)
        )
        # Packs that are twice as a whole went when the archive was opened.
        freed, session.tidied = found.freed + session.tidied, 0
        pending = found.pending
        body = struct.pack(">4Q", freed, *found[1:])
    else:
        freed, pending = session.roomy(
            lambda: reclaim(archive, asked.token, budget, beat)
        )
        body = _RANGE.pack(freed, pending)
    exchange.answer(Status.PENDING if pending else Status.OK, body)


def delete(session: Session, exchange: Exchange, request: Header) -> None:
    _check_right(session, Op.DELETE)
    body = _body(exchange, request, 48, 48)
    session.staging.sync(exchange.beat)
    id, head = ArchiveId(body[:16]), CommitHash(body[16:])
    founding.check_head(session.archive, id, head)
    if not delaying.may_end(session.archive, head):
        exchange.answer(Status.PENDING)
        return
    founding.end(session.archive, id, head)
    session.close()
    exchange.answer(Status.OK)


def bye(session: Session, exchange: Exchange, request: Header) -> None:
    _check_right(session, Op.BYE)
    _body(exchange, request, 0, 0)
    session.close()
    session.ended = True
    exchange.answer(Status.OK)
    exchange.flush()


def alive(session: Session, exchange: Exchange, request: Header) -> None:
    _check_right(session, Op.ALIVE)
    _body(exchange, request, 0, 0)
    exchange.answer(Status.OK)


Operation = Callable[[Session, Exchange, Header], None]
OPERATIONS: Dict[Op, Operation] = {
    Op.HELLO: hello,
    Op.INIT: init,
    Op.KEYS: keys,
    Op.HAVE: have,
    Op.PUT: put,
    Op.SYNC: sync,
    Op.COMMIT: commit,
    Op.GET: get,
    Op.LOG: log,
    Op.STAT: stat,
    Op.SCRUB: scrub_archive,
    Op.RECLAIM: reclaim_archive,
    Op.DELETE: delete,
    Op.BYE: bye,
    Op.ALIVE: alive,
}


def _check_right(session: Session, op: Op) -> None:
    if not rights.may(session.capability, session.founded, op):
        raise Denied(f"this connection may not {op.name}")


def _body(exchange: Exchange, request: Header, least: int, most: int) -> bytes:
    """The whole body, whose length must lie within bounds."""
    if not least <= request.length <= most:
        raise MessageError("a request's body has the wrong length")
    return bytes(exchange.take(request.length))


def _ids(exchange: Exchange, request: Header, most: int) -> List[BlobId]:
    """A body of as many ids as the header counts."""
    size = BlobId.SIZE * request.count
    if request.count > most:
        raise MessageError("a request has too many ids")
    return split_ids(_body(exchange, request, size, size))


def _welcome(archive: Archive, capability: Capability) -> Welcome:
    sequence, head = archive.head()
    state = archive.healing(archive.index.load_state)
    damaged = WelcomeFlag.DAMAGED if state.bad or state.safe else 0
    return Welcome(
        VERSION, capability, archive.identity, sequence, head, int(damaged)
    )


def _list_slots(layout: Layout, exchange: Exchange) -> None:
    damaged = 0
    for number, slot in founding.list_slots(layout):
        if slot is None:
            damaged += 1
        else:
            exchange.answer(Status.MORE, slot, number)
    status = Status.DAMAGED if damaged else Status.OK
    exchange.answer(status, count=damaged)


def _put_frame(session: Session, staging: Staging, exchange: Exchange) -> bool:
    head = exchange.peek(HEADER_SIZE)
    header = parse_header(bytes(head))
    frame = exchange.take(header.frame_length)
    check_frame(frame)
    if header.type is BlobType.CHUNK:
        return staging.put(header, frame)
    return session.roomy(lambda: staging.put(header, frame))


def _fetch(
    archive: Archive, id: bytes, row: Optional[BlobRow]
) -> Optional[bytes]:
    """Chunks go out undigested: dom0 proves each by its seal or its id, and
    a digest here would halve the rate. A scrub finds what has rotted."""
    if row is not None and row.type == BlobType.CHUNK and not row.bad:
        chunk = archive.fetcher.peek(row)
        if chunk is not None:
            return chunk
    frame = archive.fetcher.fetch(id)
    if frame is None:
        archive.verify_index()
    return frame


def _tidy_after(session: Session) -> None:
    """Give back what the commit freed; what can't be now waits."""
    tidy_cheaply(session.archive)


def _answer_scrub(exchange: Exchange, found: Scrubbed) -> None:
    ids = found.ids
    for at in range(0, len(ids), limits.LISTED_IDS_MAX):
        part = ids[at : at + limits.LISTED_IDS_MAX]
        exchange.answer(Status.MORE, b"".join(part), len(part))
    sums = (found.frames, found.read_bytes, found.damaged, found.missing)
    exchange.answer(Status.OK, struct.pack(">4Q", *sums))
