# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The store's operations, as dom0 asks for them.

Turns statuses into errors of ours, and bodies into checked values. Frames are
returned as they came: opening them is the caller's next step.
"""

import struct
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Iterator, List, Optional, Sequence, Tuple

from wyng_common import limits
from wyng_common.commits import Commit, hash_record, parse_commit
from wyng_common.errors import FormatError
from wyng_common.ids import (
    ArchiveId,
    BlobId,
    CommitHash,
    StagingToken,
    split_ids,
)
from wyng_common.messages import (
    Capability,
    Hello,
    KeysAction,
    LogFlag,
    Op,
    ReclaimFlag,
    Stat,
    Status,
    Welcome,
    parse_stat,
    parse_welcome,
)
from wyng_dom0.errors import (
    BadInput,
    ConflictError,
    DestinationBusy,
    DestinationError,
    DestinationFull,
    Dom0Error,
    IntegrityError,
    NotAllowed,
    NotFound,
    ProgramMissing,
    Refused,
)
from wyng_dom0.transport.answers import Answer
from wyng_dom0.transport.connection import Connection, Question
from wyng_dom0.transport.destination import Destination
from wyng_dom0.transport.questions import Bytes
from wyng_dom0.transport.start import (
    StoreProcess,
    start_sent_store,
    start_store,
)

SCRUBBED_IDS_MAX = 1 << 17
_TO_HEAD = (1 << 64) - 1
_TWO = struct.Struct(">QQ")
_FOUR = struct.Struct(">4Q")


@dataclass(frozen=True)
class LoggedCommit:
    """A record of the log: parsed, with its hash. MACs are not checked here."""

    commit: Commit
    hash: CommitHash


@dataclass(frozen=True)
class Deduplicated:
    """Bytes freed and still pending; frames that lay there twice, and
    their bytes. A store's word: for information only."""

    freed: int
    pending: int
    frames: int
    bytes: int


@dataclass(frozen=True)
class Scrubbed:
    """What a store says it read and found; `ids` are damaged or missing,
    the first SCRUBBED_IDS_MAX of them. For information only."""

    frames: int
    bytes: int
    damaged: int
    missing: int
    ids: Tuple[BlobId, ...] = ()


class RemoteStore:
    """A store that answered HELLO."""

    def __init__(
        self,
        connection: Connection,
        welcome: Optional[Welcome],
        where: str,
        capability: Capability,
    ) -> None:
        self._connection = connection
        self._where = where
        # What HELLO asked for and was given.
        self.capability = capability
        # None when there is no archive at the destination.
        self.welcome = welcome

    def init(self, archive: ArchiveId) -> None:
        """Make the directory an archive; raises Refused when it is in use."""
        answer = self._connection.ask(Op.INIT, [archive]).wait()
        if answer.status is Status.EXISTS:
            raise Refused(
                f"{self._where} is in use already: name another directory,"
                " or make an archive that lies there known with --from"
            )
        self._expect_ok(answer)

    def key_slots(self) -> List[Tuple[int, bytes]]:
        """(number, untrusted bytes) of every key slot that can be read.

        Raises IntegrityError when there are some and none can be.
        """
        question = self._connection.ask(Op.KEYS, second=KeysAction.LIST)
        slots: List[Tuple[int, bytes]] = []
        for answer in question.wait_all():
            if answer.status is Status.MORE and len(slots) < limits.SLOTS_MAX:
                slots.append((answer.count, answer.untrusted_body))
            elif answer.status is not Status.DAMAGED or not slots:
                self._expect_running(answer)
        return slots

    def put_key_slot(self, number: int, slot: bytes) -> None:
        """Store a key slot; raises Refused when the number is taken."""
        question = self._connection.ask(
            Op.KEYS, [slot], second=KeysAction.PUT, count=number
        )
        answer = question.wait()
        if answer.status is Status.EXISTS:
            raise Refused(f"key slot {number} of {self._where} is taken")
        self._expect_ok(answer)

    def drop_key_slot(self, number: int) -> bool:
        """Remove a key slot durably; False when there was none."""
        question = self._connection.ask(
            Op.KEYS, second=KeysAction.DROP, count=number
        )
        answer = question.wait()
        if answer.status is Status.NOT_FOUND:
            return False
        self._expect_ok(answer)
        return True

    def ask_have(self, ids: Sequence[BlobId]) -> Question:
        """Ask which of at most HAVE_IDS_MAX ids need not be sent."""
        return self._connection.ask(Op.HAVE, [b"".join(ids)], count=len(ids))

    def had(self, question: Question, count: int) -> List[bool]:
        """The answer to ask_have, per id."""
        answer = self._expect_ok(question.wait())
        bitmap = answer.untrusted_body
        if len(bitmap) != (count + 7) // 8:
            raise DestinationError("the store's answer to HAVE is malformed")
        return [
            bool(bitmap[at >> 3] & (0x80 >> (at & 7))) for at in range(count)
        ]

    def ask_put(self, frames: Sequence[Bytes]) -> Question:
        """Send frames; the answer is checked by put_done."""
        return self._connection.ask(Op.PUT, frames, count=len(frames))

    def put_done(self, question: Question) -> None:
        """Wait for the answer to ask_put."""
        self._expect_ok(question.wait())

    def sync(self) -> None:
        """Return when all that was put is durable."""
        self._last(self._connection.ask(Op.SYNC))

    def commit(self, record: bytes) -> None:
        """Publish a commit record.

        Raises ConflictError when another came first, IntegrityError when
        blobs are missing; in both cases nothing happened.
        """
        question = self._connection.ask(Op.COMMIT, [record])
        for answer in question.wait_all():
            if answer.status is Status.CONFLICT:
                raise ConflictError(
                    f"another commit to {self._where} came first"
                )
            if answer.status is Status.MISSING:
                raise IntegrityError(
                    f"{answer.count} blobs that {self._where} claimed to have"
                    " are missing there; nothing was committed,"
                    " and sending again sends them"
                )
            self._expect_running(answer)

    def ask_blobs(self, ids: Sequence[BlobId]) -> Question:
        """Ask for at most GET_IDS_MAX blobs."""
        return self._connection.ask(
            Op.GET, [b"".join(ids)], count=len(ids), answers=len(ids)
        )

    def next_blob(self, question: Question, id: BlobId) -> bytes:
        """The next frame that ask_blobs brings, as it came: untrusted.

        Raises IntegrityError when the store has lost or damaged it.
        """
        answer = question.wait()
        if answer.status in (Status.NOT_FOUND, Status.DAMAGED):
            word = "missing" if answer.status is Status.NOT_FOUND else "damaged"
            raise IntegrityError(f"blob {id.hex()} is {word} in {self._where}")
        return self._expect_ok(answer).untrusted_body

    def log(
        self, first: int, last: int = _TO_HEAD, unreleased: bool = False
    ) -> List[LoggedCommit]:
        """Commit records first..last that can be read, ascending.

        At most LOG_RECORDS_MAX come. A damaged record is left out; whoever
        needs the chain to be whole notices the gap.
        """
        question = self._connection.ask(
            Op.LOG,
            [_TWO.pack(first, last)],
            second=LogFlag.UNRELEASED if unreleased else LogFlag.ALL,
        )
        records = []
        for answer in self._more(question, limits.LOG_RECORDS_MAX):
            record = answer.untrusted_body
            try:
                records.append(
                    LoggedCommit(parse_commit(record), hash_record(record))
                )
            except FormatError:
                continue
        return records

    def stat(self) -> Stat:
        """What the store says of itself; for information only."""
        answer = self._expect_ok(self._connection.ask(Op.STAT).wait())
        try:
            return parse_stat(answer.untrusted_body)
        except FormatError as error:
            raise DestinationError(str(error)) from error

    def scrub(self, flags: int, budget: int = 0) -> Scrubbed:
        """Let the store read itself again; what it calls bad."""
        question = self._connection.ask(
            Op.SCRUB, [struct.pack(">Q", budget)], second=flags
        )
        bad: List[BlobId] = []
        for answer in question.wait_all():
            self._expect_running(answer)
            if answer.status is not Status.MORE:
                break
            try:
                bad.extend(split_ids(answer.untrusted_body))
            except FormatError as error:
                raise DestinationError(str(error)) from error
            if len(bad) > SCRUBBED_IDS_MAX:
                raise DestinationError("the store sent too many answers")
        if len(answer.untrusted_body) != _FOUR.size:
            raise DestinationError("the store's answer to SCRUB is malformed")
        frames, size, damaged, missing = _FOUR.unpack(answer.untrusted_body)
        return Scrubbed(frames, size, damaged, missing, tuple(bad))

    def reclaim(self, budget: int = 0) -> Tuple[int, int]:
        """(bytes freed, bytes still pending) of a round of reclaiming."""
        question = self._connection.ask(Op.RECLAIM, [struct.pack(">Q", budget)])
        *_, answer = question.wait_all()
        if answer.status is not Status.PENDING:
            self._expect_ok(answer)
        if len(answer.untrusted_body) != _TWO.size:
            raise DestinationError("the store's answer to RECLAIM is malformed")
        freed, pending = _TWO.unpack(answer.untrusted_body)
        return freed, pending

    def deduplicate(self, budget: int = 0) -> Deduplicated:
        """Let the store drop what lies there twice, and reclaim.

        Raises DestinationError where its store can't do that yet.
        """
        question = self._connection.ask(
            Op.RECLAIM, [struct.pack(">Q", budget)], second=ReclaimFlag.TWICE
        )
        *_, answer = question.wait_all()
        if answer.status is not Status.PENDING:
            self._expect_ok(answer)
        if len(answer.untrusted_body) != _FOUR.size:
            raise DestinationError(
                f"the store of {self._where} is too old to look for that"
            )
        return Deduplicated(*_FOUR.unpack(answer.untrusted_body))

    def delete(self, archive: ArchiveId) -> None:
        """End the archive at the head that this connection began with.

        Raises Refused where the store delays deletion, ConflictError when
        another commit came first; then nothing happened.
        """
        assert self.welcome is not None
        body = [bytes(archive), bytes(self.welcome.head)]
        for answer in self._connection.ask(Op.DELETE, body).wait_all():
            if answer.status is Status.PENDING:
                raise Refused(
                    f"{self._where} keeps what is deleted for a while: repeat"
                    " the command when its delay is over"
                )
            if answer.status is Status.CONFLICT:
                raise ConflictError(
                    f"another commit to {self._where} came first"
                )
            self._expect_running(answer)

    def _more(self, question: Question, most: int) -> Iterator[Answer]:
        """The MORE answers to a question, at most `most`."""
        given = 0
        for answer in question.wait_all():
            if answer.status is Status.MORE:
                given += 1
                if given > most:
                    raise DestinationError("the store sent too many answers")
                yield answer
            else:
                self._expect_running(answer)

    def _last(self, question: Question) -> Answer:
        *_, answer = question.wait_all()
        return self._expect_ok(answer)

    def _expect_running(self, answer: Answer) -> None:
        if answer.status is not Status.MORE:
            self._expect_ok(answer)

    def _expect_ok(self, answer: Answer) -> Answer:
        if answer.status is Status.OK:
            return answer
        raise status_error(answer.status, answer.count, self._where)


def status_error(status: Status, count: int, where: str) -> Dom0Error:
    """Our error for a status that is no success."""
    if status is Status.DENIED:
        return NotAllowed(
            f"{where} does not allow this: the configuration there says what"
            " this machine may do"
        )
    if status is Status.BUSY:
        return DestinationBusy(
            f"{where} is in use by another command; try again when it is done"
        )
    if status is Status.FULL:
        return DestinationFull(
            f"{where} is full; free some space or prune, and repeat the"
            " command: what was sent so far is kept"
        )
    if status is Status.OUTSIDE:
        return BadInput(f"{where} is no place that its store may use")
    if status is Status.NOT_READY:
        return DestinationError(
            f"{where} is not there: is its disk mounted? A new archive's"
            " directory must lie in one that exists"
        )
    if status is Status.DAMAGED:
        return IntegrityError(
            f"{where} is damaged: wyng-store check there says how"
        )
    if status is Status.NOT_FOUND:
        return NotFound(f"{where} does not have that")
    if status is Status.BAD_VERSION:
        return DestinationError(
            f"the store of {where} speaks another version of the protocol:"
            " update the older of the two sides"
        )
    if status is Status.BAD_REQUEST:
        return BadInput(f"the store of {where} refused a malformed request")
    return DestinationError(
        f"the store of {where} failed ({status.name}, error {count})"
    )


@contextmanager
def open_store(
    destination: Destination,
    capability: Capability,
    token: StagingToken,
    or_else: Optional[Capability] = None,
) -> Iterator[RemoteStore]:
    """Start the store of a destination and say HELLO.

    Where `capability` is not granted `or_else` is asked for in a second
    call. Raises DestinationError when it can't be reached, DestinationBusy
    when another writer has it.
    """
    try:
        stack, store = _greet(destination, capability, token)
    except NotAllowed:
        if or_else is None:
            raise
        stack, store = _greet(destination, or_else, token)
    with stack:
        yield store


def _greet(
    destination: Destination, capability: Capability, token: StagingToken
) -> "tuple[ExitStack, RemoteStore]":
    """A store that answered HELLO, and what ends it."""
    try:
        process = start_store(destination, capability)
        return _say_hello(process, destination, capability, token)
    except ProgramMissing:
        if not destination.reach.bootstrap:
            raise
    process = start_sent_store(destination)
    return _say_hello(process, destination, capability, token)


def _say_hello(
    process: StoreProcess,
    destination: Destination,
    capability: Capability,
    token: StagingToken,
) -> "tuple[ExitStack, RemoteStore]":
    where, reach = destination.url, destination.reach
    with ExitStack() as stack:
        connection = stack.enter_context(Connection(process, reach))
        hello = Hello(
            capability,
            token,
            destination.hello_path,
            mount_depth=reach.mount_depth,
        )
        answer = connection.ask(Op.HELLO, [hello.encode()]).wait()
        if answer.status not in (Status.OK, Status.NO_ARCHIVE):
            raise status_error(answer.status, answer.count, where)
        try:
            welcome = parse_welcome(answer.untrusted_body)
        except FormatError as error:
            raise DestinationError(str(error)) from error
        found = welcome if answer.status is Status.OK else None
        store = RemoteStore(connection, found, where, capability)
        return stack.pop_all(), store
