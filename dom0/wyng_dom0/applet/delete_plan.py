# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What deleting some points means: which calls, and what they would do.

Pure. Nothing is removed that was not shown: a dry run must name the chosen
sessions and no others.
"""

from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from wyng_dom0.applet import command_lines
from wyng_dom0.applet.points import Part, Point, runs_of
from wyng_dom0.applet.reading import rows_of, text_of

Named = Tuple[str, str]  # volume, session


@dataclass(frozen=True)
class Range:
    """Sessions that lie together, from the first to the last, of volumes
    that have both."""

    first: str
    last: str
    volumes: Tuple[str, ...]

    def words(self, archive: str, *, dry_run: bool) -> Tuple[str, ...]:
        """The call that removes them, or says what it would remove."""
        return command_lines.prune(
            archive, self.first, self.last, self.volumes, dry_run=dry_run
        )


@dataclass(frozen=True)
class Consequences:
    """What would go and what stays, of (volume, session).

    `stays` has why; `freed` are bytes that nothing else holds, at least,
    None where nobody knows; `strange` are sessions that nobody chose.
    """

    goes: Tuple[Named, ...]
    stays: Tuple[Tuple[str, str, str], ...]
    freed: Optional[int]
    strange: Tuple[Named, ...] = ()


def ranges_of(
    volumes: Mapping[str, Sequence[Part]], chosen: Sequence[Point]
) -> List[Range]:
    """The fewest calls that mean the chosen points and nothing else."""
    wanted: Dict[str, List[int]] = {}
    for point in chosen:
        for part in point.parts:
            wanted.setdefault(part.volume, []).append(part.sequence)
    found: Dict[Named, List[str]] = {}
    for volume, sequences in wanted.items():
        for first, last in runs_of(volumes[volume], sequences):
            ends = (first.session, last.session)
            found.setdefault(ends, []).append(volume)
    return [Range(*ends, tuple(names)) for ends, names in found.items()]


def consequences(
    reports: Sequence[Mapping[str, Any]],
    chosen: Sequence[Point],
    unique: Mapping[Named, Optional[int]],
) -> Consequences:
    """What dry runs said, held against what was chosen.

    `unique` are the bytes that each chosen session alone holds.
    """
    meant = {(p.volume, p.session) for each in chosen for p in each.parts}
    goes = [_named(r) for each in reports for r in rows_of(each, "removed")]
    stays = [
        (*_named(row), text_of(row, "why"))
        for each in reports
        for row in rows_of(each, "kept")
        if _named(row) in meant
    ]
    said = {each[:2] for each in stays} | set(goes)
    # The newest of a volume is not even considered by a range.
    stays += [(*each, "") for each in sorted(meant - said)]
    sizes = [unique.get(each) for each in goes]
    known = [each for each in sizes if each is not None]
    return Consequences(
        goes=tuple(goes),
        stays=tuple(stays),
        freed=sum(known) if len(known) == len(sizes) else None,
        strange=tuple(each for each in goes if each not in meant),
    )


def _named(row: Mapping[str, Any]) -> Named:
    return text_of(row, "volume"), text_of(row, "session")
