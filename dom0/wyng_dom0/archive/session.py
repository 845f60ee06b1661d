# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""One session of one volume: a point in time, complete in itself."""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import IntEnum
from typing import Optional, Tuple

from wyng_common import limits
from wyng_common.ids import BlobId
from wyng_dom0.archive.fields import Field, Record, make_record
from wyng_dom0.errors import IntegrityError

NAME_FORMAT = "%Y%m%d-%H%M%S"


class Tag(IntEnum):
    """Field tags of a session's record."""

    SEQUENCE = 1
    TIME_NS = 2
    OFFSET = 3
    SIZE = 4
    MODE = 5
    UID = 6
    GID = 7
    CHANGED = 8
    ROOT = 9
    SETTINGS = 10
    LABEL = 11
    PINNED = 12
    STATE = 13
    MTIME_NS = 14


class LabelTag(IntEnum):
    """Field tags of a label's record: what a user calls a tag."""

    NAME = 1
    DESCRIPTION = 2


class State(IntEnum):
    """What moment of the volume a session shows."""

    CLEAN = 1
    LIVE = 2
    NOT_POINT_IN_TIME = 3


@dataclass(frozen=True)
class Label:
    """What a user calls a tag of a session."""

    name: str
    description: str = ""
    others: Tuple[Field, ...] = ()


@dataclass(frozen=True)
class Session:
    """A session; sizes in bytes, `root` None when all of it is zeros.

    `sequence` counts sessions of the volume from 1 and is never used again.
    `offset` is the local time's distance from UTC in seconds when it was
    made; the session's name is its local time.
    """

    sequence: int
    time_ns: int
    offset: int
    size: int
    mode: int
    uid: int
    gid: int
    mtime_ns: int
    changed: int
    root: Optional[BlobId]
    state: State
    settings: Optional[BlobId] = None
    tags: Tuple[Label, ...] = ()
    pinned: bool = False
    others: Tuple[Field, ...] = ()

    @property
    def labels(self) -> Tuple[Tuple[str, str], ...]:
        """(name, description) of each of its tags."""
        return tuple((each.name, each.description) for each in self.tags)

    @property
    def time(self) -> datetime:
        """When it was made, in the local time of then."""
        return local_time(self.time_ns, self.offset)

    @property
    def name(self) -> str:
        """YYYYMMDD-HHMMSS in the local time of then."""
        return self.time.strftime(NAME_FORMAT)


def local_time(time_ns: int, offset: int) -> datetime:
    """A moment in UTC nanoseconds as an aware datetime at `offset` seconds.

    Raises IntegrityError when there is no such date.
    """
    try:
        zone = timezone(timedelta(seconds=offset))
        return datetime.fromtimestamp(time_ns // 10**9, zone)
    except (ValueError, OverflowError, OSError):
        raise IntegrityError("a session's time is out of range") from None


def encode_session(session: Session) -> Record:
    """The session as a record."""
    known = [
        Field(Tag.SEQUENCE, session.sequence),
        Field(Tag.TIME_NS, session.time_ns),
        Field(Tag.OFFSET, session.offset),
        Field(Tag.SIZE, session.size),
        Field(Tag.MODE, session.mode),
        Field(Tag.UID, session.uid),
        Field(Tag.GID, session.gid),
        Field(Tag.CHANGED, session.changed),
        Field(Tag.STATE, int(session.state)),
        Field(Tag.MTIME_NS, _fitting(session.mtime_ns)),
    ]
    if session.root is not None:
        known.append(Field(Tag.ROOT, session.root))
    if session.settings is not None:
        known.append(Field(Tag.SETTINGS, session.settings))
    known.extend(Field(Tag.LABEL, _label(each)) for each in session.tags)
    if session.pinned:
        known.append(Field(Tag.PINNED, 1))
    return make_record(known, session.others)


def parse_session(record: Record) -> Session:
    """A session from its record; raises IntegrityError."""
    try:
        state = State(record.integer(Tag.STATE))
    except ValueError:
        raise IntegrityError("a session's state is unknown") from None
    session = Session(
        sequence=record.integer(Tag.SEQUENCE),
        time_ns=record.integer(Tag.TIME_NS),
        offset=record.integer(Tag.OFFSET),
        size=record.integer(Tag.SIZE),
        mode=record.integer(Tag.MODE),
        uid=record.integer(Tag.UID),
        gid=record.integer(Tag.GID),
        mtime_ns=record.integer(Tag.MTIME_NS),
        changed=record.integer(Tag.CHANGED),
        root=record.child(Tag.ROOT),
        state=state,
        settings=record.child(Tag.SETTINGS),
        tags=tuple(_parse_label(each) for each in record.records(Tag.LABEL)),
        pinned=bool(record.integer(Tag.PINNED, 0)),
        others=record.without(Tag),
    )
    in_bounds = 0 <= session.size <= limits.VOLUME_SIZE_MAX
    if session.sequence < 1 or not in_bounds:
        raise IntegrityError("a session's sequence or size is out of range")
    local_time(session.time_ns, session.offset)
    return session


def _fitting(mtime_ns: int) -> int:
    """A file's time may lie behind the year 2262, a field's value not."""
    return max(-(1 << 63), min(mtime_ns, (1 << 63) - 1))


def _label(label: Label) -> Record:
    known = (
        Field(LabelTag.NAME, label.name),
        Field(LabelTag.DESCRIPTION, label.description),
    )
    return make_record(known, label.others)


def _parse_label(record: Record) -> Label:
    return Label(
        record.text(LabelTag.NAME),
        record.text(LabelTag.DESCRIPTION, ""),
        record.without(LabelTag),
    )
