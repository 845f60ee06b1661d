# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A drill: a session is restored for real, read back, and thrown away.

    room looked at -> scratch noted -> made -> written, durable -> forgotten by
    the kernel -> read, ids computed -> removed -> note removed

What is read back is compared with the session's tree, so that a whole way is
proven: store, destination, keys, this machine's memory and disk. A kill
leaves a note; the next drill removes what it names.
"""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from wyng_dom0.archive.page import ranges
from wyng_dom0.engine.content import SessionContent, Teller
from wyng_dom0.engine.guard import Bounds
from wyng_dom0.engine.leftovers import remove_drilled
from wyng_dom0.engine.local_ids import Hashed, LocalIds, differing
from wyng_dom0.engine.restore import How, Restore
from wyng_dom0.engine.spans import spans_of
from wyng_dom0.errors import TargetError
from wyng_dom0.events import Event, Listener, Progress, VolumeStarted, Warning_
from wyng_dom0.names import quote
from wyng_dom0.snapshots import page_cache
from wyng_dom0.snapshots.driver import PoolUsage
from wyng_dom0.snapshots.snapshot import Range, data_ranges
from wyng_dom0.sources import scratch
from wyng_dom0.sources.target import is_block_device
from wyng_dom0.state.places import Places

_LOOK_SECONDS = 5.0


@dataclass(frozen=True)
class Place:
    """Where a drill writes: a directory or "vg/pool", no fuller than that."""

    place: str
    bounds: Bounds


@dataclass(frozen=True)
class Drilled:
    """What came of a drill.

    `damaged` are (offset, length) that were read back as something else than
    was written; `cached` the bytes that the kernel had kept in memory, so
    that they say nothing of the disk.
    """

    size: int
    damaged: list[Range]
    cached: int


class TimeOver(Exception):
    """Time was over before all was restored and read back.

    The chunks before `reached` were fetched and were whole.
    """

    def __init__(self, reached: int) -> None:
        super().__init__(reached)
        self.reached = reached


class Drill:
    """Drills sessions, one at a time; the drill's lock is held."""

    def __init__(
        self,
        places: Places,
        listener: Listener,
        in_time: Callable[[], bool] = lambda: True,
    ) -> None:
        self._places = places
        self._listener = listener
        self._in_time = in_time
        self._looked = 0.0

    def clean_up(self) -> None:
        """Remove what killed drills left; what can't be removed is told."""
        for why in remove_drilled(self._places):
            self._listener(Warning_(why))

    def run(self, content: SessionContent, where: Place) -> Drilled:
        """Restore a session, read it back, remove it.

        Raises IntegrityError when the archive is at fault, TargetError or
        SourceError when this machine is, and TimeOver.
        """
        content.check_settings()
        self._check_room(content, where)
        size = content.session.size
        self._listener(VolumeStarted(content.page.name, 2 * size))
        step = _Step(self, content, where)
        archive, places = content.archive, self._places
        with (
            scratch.made_in(where.place, size, places) as path,
            archive.hold.meanwhile(step.look),
        ):
            Restore(content, step.while_writing, places).run(path, How.WHOLE)
            return _read_back(content, path, step.while_reading)

    def _check_room(self, content: SessionContent, where: Place) -> None:
        """Refuse before anything is written."""
        usage = scratch.usage_of(where.place, self._places)
        if usage is None:
            return
        needed = content.chunk_size * sum(1 for _ in content.refs())
        part = needed / usage.data_bytes if usage.data_bytes else 1.0
        then = PoolUsage(
            usage.pool,
            usage.data_bytes,
            usage.data_part + part,
            usage.metadata_part,
        )
        why = where.bounds.passed_by(then)
        if usage.read_only:
            why = "it is read-only"
        if why:
            raise TargetError(
                f"there is no room in {quote(where.place)} for a drill of"
                f" {quote(content.page.name)}, which needs {needed} bytes"
                f" ({why} then): name another place with --scratch",
                about=where.place,
            )

    def look(self, where: Place, name: str, reached: int) -> None:
        """Go on only while there is time, and room for others.

        Looks at the pool every few seconds. Raises TimeOver or TargetError.
        """
        if not self._in_time():
            raise TimeOver(reached)
        if time.monotonic() - self._looked < _LOOK_SECONDS:
            return
        self._looked = time.monotonic()
        usage = scratch.usage_of(where.place, self._places)
        why = where.bounds.passed_by(usage) if usage else ""
        if why:
            raise TargetError(
                f"{quote(where.place)} is filling ({why}): the drill of"
                f" {quote(name)} was ended",
                about=where.place,
            )


class _Step:
    """Listens while one session is written, then read: both are progress."""

    def __init__(
        self, drill: Drill, content: SessionContent, where: Place
    ) -> None:
        self._drill = drill
        self._content = content
        self._where = where
        self._reached = 0

    def look(self) -> None:
        """See Drill.look."""
        name = self._content.page.name
        self._drill.look(self._where, name, self._reached)

    def while_writing(self, event: Event) -> None:
        """What a restore tells: only how far it is goes on."""
        if isinstance(event, Progress):
            self._reached = event.done_bytes // self._content.chunk_size
            self._tell(event.done_bytes)

    def while_reading(self, event: Event) -> None:
        """The same, behind all that was written."""
        if isinstance(event, Progress):
            self._tell(self._content.session.size + event.done_bytes)

    def _tell(self, done: int) -> None:
        name, size = self._content.page.name, self._content.session.size
        self._drill._listener(Progress(name, done, 2 * size))
        self.look()


def _read_back(
    content: SessionContent, path: Path, listener: Listener
) -> Drilled:
    size, name = content.session.size, content.page.name
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        cached = page_cache.let_go(fd, size)
        whole = [(0, size)] if size else []
        there = whole if is_block_device(path) else data_ranges(fd, size)
        spans = spans_of(0, content.chunks, content.chunk_size, there)
        teller = Teller(listener, name, size)
        damaged = []
        with LocalIds(fd, size, content.chunk_size, content.hasher()) as ids:
            hashed = _telling(ids.of(spans), teller, content.chunk_size)
            for number, _ in differing(hashed, content.refs()):
                damaged.append(number)
        teller.end()
    except OSError as error:
        raise TargetError(
            f"what was restored to {quote(str(path))} can't be read back:"
            f" {error.strerror}",
            about=str(path),
        ) from None
    finally:
        os.close(fd)
    found = [content.extent(*pair) for pair in ranges(damaged)]
    return Drilled(size, found, cached)


def _telling(
    hashed: Iterator[Hashed], teller: Teller, chunk_size: int
) -> Iterator[Hashed]:
    """The same, and tells how far it is behind each piece."""
    for span, ids in hashed:
        yield span, ids
        teller.tell((span.first + span.count) * chunk_size)
