# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Messages of the protocol: fixed headers, closed sets, bounded bodies.

dom0 asks, the store answers; doc/protocol.md has every body. A request and
an answer have headers of the same shape:

    code u8 | second u8 | count u16 | tag u32 | body length u32

In a request `code` is the operation and `second` its flags; in an answer
they are the operation answered and the status. The tag of a request returns
in each of its answers. No text ever travels from the store to dom0.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum, IntFlag

from wyng_common import limits
from wyng_common.errors import MessageError
from wyng_common.ids import ArchiveId, CommitHash, StagingToken

VERSION = 1
_HEADER = struct.Struct(">BBHII")
HEADER_SIZE = _HEADER.size
REQUEST_BODY_MAX = limits.PUT_BODY_MAX


class Op(IntEnum):
    """The closed set of operations."""

    HELLO = 1
    INIT = 2
    KEYS = 3
    HAVE = 4
    PUT = 5
    SYNC = 6
    COMMIT = 7
    GET = 8
    LOG = 9
    STAT = 10
    SCRUB = 11
    RECLAIM = 12
    DELETE = 13
    BYE = 14
    ALIVE = 15


class Status(IntEnum):
    """The closed set of answers. MORE and PROGRESS are not the last one."""

    OK = 0
    MORE = 1
    PROGRESS = 2
    DENIED = 10
    BUSY = 11
    FULL = 12
    CONFLICT = 13
    MISSING = 14
    NOT_FOUND = 15
    DAMAGED = 16
    NO_ARCHIVE = 17
    EXISTS = 18
    BAD_REQUEST = 19
    BAD_VERSION = 20
    FAILED = 21
    PENDING = 22
    OUTSIDE = 23
    NOT_READY = 24


class Capability(IntEnum):
    """What a connection may do; GET, PUT, PRUNE each include the former."""

    GET = 1
    PUT = 2
    PRUNE = 3
    VERIFY = 4
    INIT = 5


class KeysAction(IntEnum):
    """The flag byte of KEYS."""

    LIST = 0
    PUT = 1
    DROP = 2


class LogFlag(IntEnum):
    """The flag byte of LOG."""

    ALL = 0
    UNRELEASED = 1


class ScrubFlag(IntEnum):
    """The flag byte of SCRUB: what is read again."""

    DIGESTS = 1
    COUNTS = 2


class ReclaimFlag(IntEnum):
    """The flag byte of RECLAIM: what is looked for on top."""

    TWICE = 1


@dataclass(frozen=True)
class Header:
    """Either header; `second` is flags or status."""

    code: Op
    second: int
    count: int
    tag: int
    length: int

    def encode(self) -> bytes:
        """HEADER_SIZE bytes."""
        return _HEADER.pack(
            self.code, self.second, self.count, self.tag, self.length
        )


def parse_message_header(untrusted: bytes, bound: int) -> Header:
    """Check a header; raises MessageError, also when the body passes bound."""
    if len(untrusted) != HEADER_SIZE:
        raise MessageError("a message is cut inside its header")
    code, second, count, tag, length = _HEADER.unpack(untrusted)
    if length > bound:
        raise MessageError(f"a message's body of {length} bytes is too long")
    try:
        return Header(Op(code), second, count, tag, length)
    except ValueError:
        raise MessageError(f"a message has the unknown code {code}") from None


_HELLO = struct.Struct(">8sHHBB16sH")
_HELLO_MAGIC = b"WYNGPROT"


@dataclass(frozen=True)
class Hello:
    """The first request. `path` is empty when the store was given its place.

    `mount_depth`: how many components the path of the mount point has that
    the archive must lie on, 0 for any. The layout of this body never
    changes; versions below are agreed by it.
    """

    capability: Capability
    token: StagingToken
    path: bytes = b""
    oldest: int = VERSION
    newest: int = VERSION
    mount_depth: int = 0

    def encode(self) -> bytes:
        fixed = _HELLO.pack(
            _HELLO_MAGIC,
            self.oldest,
            self.newest,
            self.capability,
            self.mount_depth,
            self.token,
            len(self.path),
        )
        return fixed + self.path


def parse_hello(untrusted: bytes) -> Hello:
    """Check the body of a HELLO request; raises MessageError."""
    if not _HELLO.size <= len(untrusted) <= _HELLO.size + limits.HELLO_PATH_MAX:
        raise MessageError("a HELLO has the wrong length")
    magic, oldest, newest, capability, depth, token, length = (
        _HELLO.unpack_from(untrusted)
    )
    path = bytes(untrusted[_HELLO.size :])
    if magic != _HELLO_MAGIC or len(path) != length:
        raise MessageError("a HELLO is malformed")
    try:
        wanted = Capability(capability)
    except ValueError:
        raise MessageError("a HELLO asks for no known capability") from None
    return Hello(wanted, StagingToken(token), path, oldest, newest, depth)


_WELCOME = struct.Struct(">HBB16sQ32s")
WELCOME_SIZE = _WELCOME.size


class WelcomeFlag(IntFlag):
    """Bits of Welcome.flags. Unknown bits are ignored."""

    # The store knows of blobs that it lost or can't read.
    DAMAGED = 1


@dataclass(frozen=True)
class Welcome:
    """The answer to HELLO: what the store says of its archive.

    Sequence 0 with the zero hash is an archive without a commit. With
    status NO_ARCHIVE all of it but the version is zero.
    """

    version: int
    capability: Capability
    archive: ArchiveId
    sequence: int
    head: CommitHash
    flags: int = 0

    def encode(self) -> bytes:
        return _WELCOME.pack(
            self.version,
            self.capability,
            self.flags,
            self.archive,
            self.sequence,
            self.head,
        )


def parse_welcome(untrusted: bytes) -> Welcome:
    """Check the body of an answer to HELLO; raises MessageError."""
    if len(untrusted) != WELCOME_SIZE:
        raise MessageError("the answer to HELLO has the wrong length")
    version, capability, flags, archive, sequence, head = _WELCOME.unpack(
        untrusted
    )
    try:
        given = Capability(capability)
    except ValueError:
        raise MessageError("the store gave no known capability") from None
    return Welcome(
        version, given, ArchiveId(archive), sequence, CommitHash(head), flags
    )


class StoreFlag(IntFlag):
    """Bits of Stat.flags: the store's mode, and what its file system can't
    promise. Unknown bits are ignored."""

    SAFE_MODE = 1
    NO_LINKS = 2
    NO_DIRECTORY_SYNC = 4
    NO_HOLES = 8
    INDEX_ELSEWHERE = 16


# Bits 8 to 15 of Stat.flags: components of the path of the mount point that
# the archive lies on, 0 for the root file system.
_DEPTH_SHIFT = 8
_DEPTH_MAX = 255


def encode_mount_depth(depth: int) -> int:
    """As bits of Stat.flags; a depth that has no room there is 0."""
    return (depth if depth <= _DEPTH_MAX else 0) << _DEPTH_SHIFT


_STAT = struct.Struct(">12Q")
STAT_SIZE = _STAT.size


@dataclass(frozen=True)
class Stat:
    """What a store says of itself; bytes are of frames unless said, `flags`
    are bits of StoreFlag. `free_bytes` and `total_bytes` are of the file
    system that the archive lies on."""

    packs: int
    pack_bytes: int
    live_blobs: int
    live_bytes: int
    staged_blobs: int
    staged_bytes: int
    dead_bytes: int
    damaged_blobs: int
    commits: int
    free_bytes: int
    total_bytes: int
    flags: int

    @property
    def mount_depth(self) -> int:
        """See encode_mount_depth."""
        return (self.flags >> _DEPTH_SHIFT) & _DEPTH_MAX

    def encode(self) -> bytes:
        return _STAT.pack(*vars(self).values())


def parse_stat(untrusted: bytes) -> Stat:
    """Check the body of an answer to STAT; raises MessageError."""
    if len(untrusted) != STAT_SIZE:
        raise MessageError("the answer to STAT has the wrong length")
    return Stat(*_STAT.unpack(untrusted))
