# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What came of the last send of each volume: by it one that is late is found.

A volume that did not change gets no session, so that no session tells when
it was last looked at. Decides nothing about how old is too old.
"""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from wyng_common import limits
from wyng_common.ids import ArchiveId
from wyng_dom0.state import json_files, locks
from wyng_dom0.state.json_files import text_of, time_of
from wyng_dom0.state.places import Places

ERROR_MAX = 500


@dataclass(frozen=True)
class Tried:
    """`sent`: when the last send began that went through, changed or not.

    `failed`: when one began that did not, if that was later; `error` says
    why. Times are aware.
    """

    sent: datetime | None = None
    failed: datetime | None = None
    error: str = ""


NEVER = Tried()


def note_tried(
    places: Places,
    archive: ArchiveId,
    began: datetime,
    errors: Mapping[str, str],
    sent: Collection[str],
    known: Collection[str],
) -> None:
    """Durably note a send that began then: which volumes went through, and
    which failed and why. What is not `known` any more is forgotten."""
    path = places.tried(archive)
    with locks.hold_noted(places, path):
        tried = read_tried(places, archive)
        for name in sent:
            tried[name] = Tried(sent=began)
        for name, error in errors.items():
            before = tried.get(name, NEVER)
            said = error[:ERROR_MAX]
            tried[name] = replace(before, failed=began, error=said)
        left = {*known, *sent, *errors}
        _write(places, archive, {k: v for k, v in tried.items() if k in left})


def follow_rename(
    places: Places, archive: ArchiveId, old: str, new: str
) -> None:
    """What is known of a volume goes along with its new name."""
    path = places.tried(archive)
    if not path.exists():
        return
    with locks.hold_noted(places, path):
        tried = read_tried(places, archive)
        if old in tried:
            tried[new] = tried.pop(old)
            _write(places, archive, tried)


def read_tried(places: Places, archive: ArchiveId) -> dict[str, Tried]:
    """Volume -> what came of its last send; what is damaged is left out."""
    values = json_files.read_object(places.tried(archive))
    found = {}
    for row in json_files.rows_of(values, "volumes")[: limits.VOLUMES_MAX]:
        try:
            found[text_of(row, "name")] = Tried(
                time_of(row, "sent"),
                time_of(row, "failed"),
                text_of(row, "error"),
            )
        except ValueError:
            continue
    return found


def forget(places: Places, archive: ArchiveId) -> None:
    """Forget it, as after arch-delete."""
    json_files.remove(places.tried(archive))


def _write(
    places: Places, archive: ArchiveId, tried: Mapping[str, Tried]
) -> None:
    rows = [{"name": name, **asdict(tried[name])} for name in sorted(tried)]
    json_files.write_object(places.tried(archive), {"volumes": rows})
