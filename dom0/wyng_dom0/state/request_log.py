# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What was asked for, refused and done: the newest lines, each JSON.

Bounded, and replaced whole: a crash loses the line that was being written
and no other. Holds what was checked, never what a caller made up.
"""

import json
from dataclasses import asdict, dataclass
from datetime import datetime

from wyng_dom0.state import durable
from wyng_dom0.state.json_files import moment_of
from wyng_dom0.state.places import Places, make_folder_of

MOST = 500
SIZE_MAX = 512 << 10
_WHY_MAX = 500


@dataclass(frozen=True)
class Entry:
    """`what` happened, in one word; "" where something has no meaning."""

    time: datetime
    what: str
    vm: str = ""
    archive: str = ""
    qube: str = ""
    session: str = ""
    why: str = ""


def read_log(places: Places) -> list[Entry]:
    """The entries that can be read, the oldest first."""
    try:
        with open(places.request_log, "rb") as file:
            lines = file.read(SIZE_MAX).splitlines()
    except OSError:
        return []
    found = map(_parse, lines)
    return [each for each in found if each is not None]


def note(places: Places, entry: Entry) -> None:
    """Durably add one; the oldest go. The caller holds hold_requests."""
    lines: list[bytes] = []
    size = 0
    for each in reversed([*read_log(places), entry]):
        line = json.dumps(_values(each)).encode("ascii") + b"\n"
        size += len(line)
        if len(lines) == MOST or size > SIZE_MAX:
            break
        lines.append(line)
    data = b"".join(reversed(lines))
    durable.write_private(make_folder_of(places.request_log), data)


def _values(entry: Entry) -> dict[str, str]:
    values = {**asdict(entry), "time": entry.time.isoformat()}
    return {**values, "why": entry.why[:_WHY_MAX]}


def _parse(line: bytes) -> Entry | None:
    try:
        values = json.loads(line)
        moment = moment_of(values.pop("time"))
        entry = Entry(time=moment, **values)  # type: ignore[arg-type]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    texts = list(asdict(entry).values())[1:]
    whole = moment is not None and all(isinstance(each, str) for each in texts)
    return entry if whole else None
