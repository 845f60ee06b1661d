# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Pins: sessions that no prune removes until they are unpinned."""

from typing import List, Sequence, Tuple

from wyng_common.messages import Capability
from wyng_dom0.archive.page import Page
from wyng_dom0.engine.opened import OpenArchive
from wyng_dom0.engine.publish import Changes, Intent, publish
from wyng_dom0.engine.selection import describe, meant_sessions
from wyng_dom0.errors import NotFound
from wyng_dom0.names import SessionRange
from wyng_dom0.state.heads import Head

Found = List[Tuple[Page, "frozenset[int]"]]


def find_unlike(
    archive: OpenArchive,
    pages: Sequence[Page],
    wanted: SessionRange,
    pinned: bool,
) -> Found:
    """(page, sequences) of the sessions meant that are not yet so.

    Raises NotFound when no volume has any session that is meant.
    """
    found: Found = []
    meant_any = False
    for page in pages:
        meant = meant_sessions(archive.sessions(page), wanted)
        meant_any = meant_any or bool(meant)
        unlike = [each.sequence for each in meant if each.pinned != pinned]
        if unlike:
            found.append((page, frozenset(unlike)))
    if not meant_any:
        raise NotFound(
            f"none of the volumes has a session {describe(wanted.first)}"
        )
    return found


def set_pins(
    archive: OpenArchive, found: Found, pinned: bool, now_ns: int
) -> Head:
    """Commit the archive with those sessions pinned, or not."""
    changes: Changes = {
        page.volume: page.with_pins(sequences, pinned, archive)
        for page, sequences in found
    }
    return publish(archive, Intent(changes), Capability.PRUNE, now_ns)
