# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The file `delayed`: released commits that are kept, and for how long.

A doubled file of (sequence u64, seconds u64), ascending.
"""

import struct
from typing import Dict

from wyng_store import doubled
from wyng_store.errors import Damage
from wyng_store.layout import Layout

_ENTRY = struct.Struct(">QQ")
_FILE_MAX = 1 << 24


def load_kept(layout: Layout) -> Dict[int, int]:
    """Sequence -> seconds. Damage of both copies ends their time: what they
    keep is released already."""
    if not doubled.exists(layout.delayed):
        return {}
    try:
        content = doubled.load(layout.delayed, _FILE_MAX).content
        return dict(_ENTRY.iter_unpack(content))
    except (Damage, struct.error):
        return {}


def save_kept(layout: Layout, kept: Dict[int, int]) -> None:
    """Write them, durably in both copies; raises Full."""
    content = b"".join(_ENTRY.pack(*each) for each in sorted(kept.items()))
    doubled.heal(layout.delayed, content)
