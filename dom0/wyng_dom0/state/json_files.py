# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Bounded JSON: files of one object, read with care and written durably.

What can't be read is as if it were not there: these are notes, of which
nothing is lost that the next run doesn't note again.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from wyng_dom0.state import durable
from wyng_dom0.state.places import make_folder_of

FILE_MAX = 64 << 20


def read_object(path: Path) -> dict[str, object]:
    """The file's object; empty when there is none that can be read."""
    try:
        with open(path, "rb") as file:
            data = file.read(FILE_MAX + 1)
        values = json.loads(data) if len(data) <= FILE_MAX else {}
    except (FileNotFoundError, ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def write_object(path: Path, values: Mapping[str, object]) -> None:
    """Durably make this the file's object; times become text."""
    data = json.dumps(values, default=_text).encode("ascii")
    durable.write_private(make_folder_of(path), data)


def remove(path: Path) -> None:
    """Durably forget the file; nothing happens when it is not there."""
    if path.parent.exists():
        durable.remove_private(path)


def rows_of(values: Mapping[str, object], key: str) -> list[dict[str, object]]:
    """The list of objects under a key; what is no object is left out."""
    found = values.get(key)
    if not isinstance(found, list):
        return []
    return [each for each in found if isinstance(each, dict)]


def text_of(row: Mapping[str, object], key: str) -> str:
    """A text; raises ValueError."""
    value = row.get(key)
    if not isinstance(value, str):
        raise ValueError(f"no text under {key}")
    return value


def number_of(row: Mapping[str, object], key: str) -> int:
    """A number of 0 or more; raises ValueError."""
    value = row.get(key)
    if type(value) is not int or value < 0:
        raise ValueError(f"no number under {key}")
    return value


def time_of(row: Mapping[str, object], key: str) -> datetime | None:
    """An aware time, or None; raises ValueError."""
    value = row.get(key)
    if value is None:
        return None
    found = datetime.fromisoformat(str(value))
    if found.tzinfo is None:
        raise ValueError(f"a time without its zone under {key}")
    return found


def moment_of(value: object) -> datetime | None:
    """An aware time as it stands there; None for anything else."""
    try:
        found = datetime.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no form in JSON")
