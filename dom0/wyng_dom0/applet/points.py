# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Points in time of a qube or volume, made of reports of its sessions.

Pure. A qube's volumes that were sent together are one point; a volume that
did not change then is not part of it. Sizes are bytes.
"""

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from wyng_dom0.applet.reading import (
    flag_of,
    maybe_number,
    moment_of,
    number_of,
    rows_of,
    text_of,
    texts_of,
)

BETWEEN = ":"
SETTINGS_VOLUME = "settings"
CLEAN, LIVE, NOT_STILL, MIXED = "clean", "live", "not-still", "mixed"
NONE, SOME, ALL = "none", "some", "all"
_LONG_AGO = datetime.min.replace(tzinfo=timezone.utc)


@dataclass(frozen=True)
class Subject:
    """What the points are of: a qube, or one volume of no qube."""

    archive: str
    name: str
    is_qube: bool = False
    source: str = ""

    @property
    def is_dom0(self) -> bool:
        """True of dom0's own files, which are no qube to be made again."""
        return self.is_qube and self.name == "dom0"

    def has(self, volume: str) -> bool:
        """True of the volumes that belong to it."""
        if self.is_qube:
            return volume.startswith(self.name + BETWEEN)
        return volume == self.name

    def is_data(self, volume: str) -> bool:
        """False of QUBE:settings, which holds no bytes."""
        return not self.is_qube or self.short(volume) != SETTINGS_VOLUME

    def short(self, volume: str) -> str:
        """A volume's name as it is told beside that of the qube."""
        return volume[len(self.name) + 1 :] if self.is_qube else volume


def subject_of(status: Mapping[str, Any], archive: str, volume: str) -> Subject:
    """The qube of a volume where the archive's source are qubes."""
    for row in rows_of(status, "archives"):
        if text_of(row, "name") == archive:
            source = text_of(row, "source")
            if source == "qubes":
                qube = volume.partition(BETWEEN)[0]
                return Subject(archive, qube, True, source)
            return Subject(archive, volume, False, source)
    return Subject(archive, volume)


@dataclass(frozen=True)
class Part:
    """One session of one volume, as `list VOLUME` tells it."""

    volume: str
    session: str
    sequence: int
    time: datetime
    size: int
    changed: int
    state: str
    tags: Tuple[Tuple[str, str], ...]
    pinned: bool
    unique: Optional[int]
    proven: Optional[datetime]


@dataclass(frozen=True)
class Point:
    """One point in time; `parts` are never none, one of each volume.

    `pinned` is none, some or all; `proven` is when the part that was proven
    longest ago was, None while any is not.
    """

    session: str
    time: datetime
    parts: Tuple[Part, ...]
    size: int
    changed: int
    state: str
    tags: Tuple[Tuple[str, str], ...]
    pinned: str
    unique: Optional[int]
    proven: Optional[datetime]

    @property
    def volumes(self) -> Tuple[str, ...]:
        """The names of its volumes."""
        return tuple(each.volume for each in self.parts)

    @property
    def shared(self) -> Optional[int]:
        """What other sessions hold as well; None where nobody knows."""
        return None if self.unique is None else max(0, self.size - self.unique)

    def part(self, volume: str) -> Optional[Part]:
        """Its session of one volume; None where it did not change."""
        for each in self.parts:
            if each.volume == volume:
                return each
        return None


def parts_of(report: Mapping[str, Any]) -> List[Part]:
    """The sessions of a `sessions` report, oldest first."""
    volume = text_of(report, "volume")
    found = [_part(volume, row) for row in rows_of(report, "sessions")]
    return sorted(found, key=lambda each: each.sequence)


def _part(volume: str, row: Dict[str, Any]) -> Part:
    tags = texts_of(row, "tags")
    said = texts_of(row, "descriptions")
    said += [""] * (len(tags) - len(said))
    return Part(
        volume=volume,
        session=text_of(row, "session"),
        sequence=number_of(row, "sequence"),
        time=moment_of(row, "time") or _LONG_AGO,
        size=number_of(row, "size"),
        changed=number_of(row, "changed"),
        state=text_of(row, "state"),
        tags=tuple(zip(tags, said, strict=False)),
        pinned=flag_of(row, "pinned"),
        unique=maybe_number(row, "unique"),
        proven=moment_of(row, "proven"),
    )


def points_of(volumes: Iterable[Sequence[Part]]) -> List[Point]:
    """The points of some volumes, oldest first.

    One volume goes by its sequence, for clocks go back; several by time.
    """
    given = list(volumes)
    together: Dict[Tuple[str, datetime], List[Part]] = {}
    for parts in given:
        for each in parts:
            together.setdefault((each.session, each.time), []).append(each)
    points = [_point(parts) for parts in together.values()]
    if len(given) > 1:
        points.sort(key=lambda each: each.time)
    return points


def _point(parts: Sequence[Part]) -> Point:
    if len(parts) == 1:
        one = parts[0]
        state, tags, unique, proven = (
            *(one.state, one.tags, one.unique, one.proven),
        )
    else:
        states = {each.state for each in parts}
        state = states.pop() if len(states) == 1 else MIXED
        tags = tuple(dict.fromkeys(t for each in parts for t in each.tags))
        unique = _sum_known([each.unique for each in parts])
        times = [each.proven for each in parts if each.proven is not None]
        proven = min(times) if len(times) == len(parts) else None
    pins = sum(each.pinned for each in parts)
    return Point(
        session=parts[0].session,
        time=parts[0].time,
        parts=tuple(parts),
        size=sum(each.size for each in parts),
        changed=sum(each.changed for each in parts),
        state=state,
        tags=tags,
        pinned=NONE if not pins else ALL if pins == len(parts) else SOME,
        unique=unique,
        proven=proven,
    )


def _sum_known(sizes: Sequence[Optional[int]]) -> Optional[int]:
    known = [each for each in sizes if each is not None]
    return sum(known) if len(known) == len(sizes) else None


def standing(
    points: Sequence[Point], point: Point, volume: str
) -> Optional[Part]:
    """What a volume was at a point: its own session, or the last before.

    None where it had none by then. `points` are in order, oldest first.
    """
    found = None
    for each in points:
        found = each.part(volume) or found
        if each is point:
            break
    return found


def runs_of(
    parts: Sequence[Part], chosen: Iterable[int]
) -> List[Tuple[Part, Part]]:
    """The chosen sessions of a volume as first and last of what lies
    together, so that a range of the engine means these and no others.

    `parts` are all of the volume in order, `chosen` are sequences.
    """
    wanted = set(chosen)
    found: List[Tuple[Part, Part]] = []
    before = False
    for each in parts:
        now = each.sequence in wanted
        if now and before:
            found[-1] = found[-1][0], each
        elif now:
            found.append((each, each))
        before = now
    return found
