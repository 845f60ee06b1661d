# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What is read out of the engine's objects, each as the kind it must be.

What is missing or of another kind is the type's nothing: a newer engine may
leave out or add whatever it likes, and a window must still open.
"""

from datetime import datetime
from typing import Any, Dict, List, Mapping, Optional

TEXT_MAX = 4096


def text_of(row: Mapping[str, Any], name: str) -> str:
    """A text, at most TEXT_MAX characters; "" where there is none."""
    value = row.get(name)
    return value[:TEXT_MAX] if isinstance(value, str) else ""


def number_of(row: Mapping[str, Any], name: str) -> int:
    """A whole number; 0 where there is none."""
    return maybe_number(row, name) or 0


def maybe_number(row: Mapping[str, Any], name: str) -> Optional[int]:
    """A whole number; None where there is none."""
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return int(value) if abs(value) < 1 << 63 else None


def flag_of(row: Mapping[str, Any], name: str) -> bool:
    """True when it is true, and not when it is anything else."""
    return row.get(name) is True


def moment_of(row: Mapping[str, Any], name: str) -> Optional[datetime]:
    """A moment with its offset; None where there is none that can be read."""
    try:
        moment = datetime.fromisoformat(text_of(row, name))
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def rows_of(row: Mapping[str, Any], name: str) -> List[Dict[str, Any]]:
    """The objects of a list, without what is no object."""
    value = row.get(name)
    if not isinstance(value, list):
        return []
    return [each for each in value if isinstance(each, dict)]


def texts_of(row: Mapping[str, Any], name: str) -> List[str]:
    """The texts of a list, without what is no text."""
    value = row.get(name)
    if not isinstance(value, list):
        return []
    return [each[:TEXT_MAX] for each in value if isinstance(each, str)]
