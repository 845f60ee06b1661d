# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A plain client over real pipes, and blobs to feed a store with.

Test code only: it trusts the store's lengths and waits for ever.
"""

import hashlib
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

from wyng_common.commits import Commit, hash_record
from wyng_common.frames import BlobType, encode_frame
from wyng_common.ids import ArchiveId, BlobId, CommitHash, StagingToken
from wyng_common.messages import (
    HEADER_SIZE,
    Capability,
    Header,
    Hello,
    Op,
    Stat,
    Status,
    Welcome,
    parse_message_header,
    parse_stat,
    parse_welcome,
)

ROOT = Path(__file__).resolve().parents[2]
ARCHIVE = ArchiveId(b"A" * 16)
TOKEN = StagingToken(b"T" * 16)


class Blob(NamedTuple):
    """A blob with its frame."""

    id: BlobId
    type: BlobType
    children: Tuple[BlobId, ...]
    frame: bytes


class Answer(NamedTuple):
    status: Status
    count: int
    body: bytes


def blob(
    kind: BlobType, payload: bytes, children: Iterable[BlobId] = ()
) -> Blob:
    """A blob whose id covers kind, children and payload."""
    names = tuple(sorted(set(children)))
    text = bytes([kind]) + b"".join(names) + payload
    id = BlobId(hashlib.sha256(text).digest())
    return Blob(id, kind, names, encode_frame(kind, id, names, payload))


def chunk(payload: bytes) -> Blob:
    return blob(BlobType.CHUNK, payload)


def tree(payloads: Sequence[bytes], name: bytes = b"v") -> List[Blob]:
    """Chunks, a node, a page and a catalog last: one small session."""
    chunks = [chunk(payload) for payload in dict.fromkeys(payloads)]
    node = blob(BlobType.NODE, b"n" + name, [c.id for c in chunks])
    page = blob(BlobType.PAGE, b"p" + name, [node.id])
    catalog = blob(BlobType.CATALOG, b"c" + name, [page.id])
    return [*chunks, node, page, catalog]


def environment() -> Dict[str, str]:
    paths = (ROOT / "common", ROOT / "backupvm", ROOT / "tests" / "store")
    found = dict(os.environ)
    found["PYTHONPATH"] = os.pathsep.join(map(str, paths))
    return found


def command(*arguments: object) -> List[str]:
    return [sys.executable, "-m", "wyng_store", *map(str, arguments)]


class Client:
    """One connection to a store process of its own."""

    def __init__(
        self,
        directory: Path,
        capability: Capability = Capability.PRUNE,
        allow: Optional[Sequence[str]] = None,
        token: StagingToken = TOKEN,
        program: Optional[Sequence[str]] = None,
    ) -> None:
        allowed = allow or [capability.name.lower()]
        options = [word for name in allowed for word in ("--allow", name)]
        self.process = subprocess.Popen(
            (
                [*program, str(directory)]
                if program
                else command("serve", *options, directory)
            ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
        )
        self.capability = capability
        self.token = token
        self._tag = 0

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(timeout=60)
        if self.process.stderr:
            self.process.stderr.close()

    def send(
        self, op: Op, body: bytes = b"", count: int = 0, flags: int = 0
    ) -> None:
        assert self.process.stdin
        self._tag += 1
        header = Header(op, flags, count, self._tag, len(body))
        self.process.stdin.write(header.encode() + body)
        self.process.stdin.flush()

    def receive(self) -> Answer:
        assert self.process.stdout
        head = self.process.stdout.read(HEADER_SIZE)
        if len(head) < HEADER_SIZE:
            raise EOFError("the store went away")
        header = parse_message_header(head, 1 << 30)
        body = self.process.stdout.read(header.length)
        return Answer(Status(header.second), header.count, body)

    def ask(
        self, op: Op, body: bytes = b"", count: int = 0, flags: int = 0
    ) -> Answer:
        """One request, its last answer; MORE and PROGRESS are skipped."""
        return self.ask_all(op, body, count, flags)[-1]

    def ask_all(
        self, op: Op, body: bytes = b"", count: int = 0, flags: int = 0
    ) -> List[Answer]:
        self.send(op, body, count, flags)
        answers = [self.receive()]
        while answers[-1].status in (Status.MORE, Status.PROGRESS) or (
            op is Op.LOG
            and answers[-1].status is Status.DAMAGED
            and len(answers[-1].body) == 8
        ):
            answers.append(self.receive())
        return answers

    def hello(self) -> Tuple[Status, Optional[Welcome]]:
        answer = self.ask(Op.HELLO, Hello(self.capability, self.token).encode())
        known = answer.status in (Status.OK, Status.NO_ARCHIVE)
        return answer.status, parse_welcome(answer.body) if known else None

    def greet(self) -> Welcome:
        status, welcome = self.hello()
        assert status is Status.OK and welcome, status
        return welcome

    def have(self, ids: Sequence[BlobId]) -> List[bool]:
        answer = self.ask(Op.HAVE, b"".join(ids), len(ids))
        assert answer.status is Status.OK, answer
        bits = answer.body
        return [bool(bits[i // 8] & 0x80 >> i % 8) for i in range(len(ids))]

    def put(self, blobs: Sequence[Blob]) -> Tuple[int, int]:
        frames = b"".join(blob.frame for blob in blobs)
        answer = self.ask(Op.PUT, frames, len(blobs))
        assert answer.status is Status.OK, answer
        stored, there = struct.unpack(">II", answer.body)
        return stored, there

    def sync(self) -> None:
        assert self.ask(Op.SYNC).status is Status.OK

    def get(self, ids: Sequence[BlobId]) -> List[Answer]:
        self.send(Op.GET, b"".join(ids), len(ids))
        return [self.receive() for _ in ids]

    def stat(self) -> Stat:
        answer = self.ask(Op.STAT)
        assert answer.status is Status.OK, answer
        return parse_stat(answer.body)

    def commit(self, record: Commit) -> Answer:
        return self.ask(Op.COMMIT, record.encode())

    def bye(self) -> int:
        assert self.ask(Op.BYE).status is Status.OK
        return self.process.wait(timeout=60)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(timeout=60)


def next_commit(
    welcome: Welcome,
    catalog: BlobId,
    releases: Tuple[Tuple[int, int], ...] = (),
    removals: bytes = b"",
) -> Commit:
    return Commit(
        welcome.archive,
        welcome.sequence + 1,
        welcome.head,
        catalog,
        0,
        releases,
        removals,
    )


def after(record: Commit) -> Welcome:
    """What the head is once a record is there."""
    return Welcome(
        1,
        Capability.GET,
        record.archive,
        record.sequence,
        hash_record(record.encode()),
    )


def found(directory: Path) -> None:
    """Make an archive without a commit."""
    with Client(directory, Capability.INIT) as client:
        assert client.hello()[0] is Status.NO_ARCHIVE
        assert client.ask(Op.INIT, ARCHIVE).status is Status.OK
        assert client.bye() == 0


def run(*arguments: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command(*arguments), env=environment(), capture_output=True, text=True
    )


ZERO = CommitHash.zero()
