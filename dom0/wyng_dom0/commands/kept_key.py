# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Keeping an archive's key on this machine, and what has waited for that."""

import os

from wyng_common.ids import ArchiveId
from wyng_dom0.commands.context import Context
from wyng_dom0.events import Warning_
from wyng_dom0.runs import systemd, timers
from wyng_dom0.state import places, remembered, requests

# These hold a request meanwhile, and see to the others themselves.
_RESTORES = "requests"


def keep_key(context: Context, archive: ArchiveId, key: bytes) -> None:
    """Keep the key durably in a file that only its owner can read.

    Restores that had nothing but this key to wait for begin now.
    """
    remembered.remember(context.places, archive, key)
    if context.options.command != _RESTORES:
        begin_waiting(context, archive)


def begin_waiting(context: Context, archive: ArchiveId) -> None:
    """Have systemd do the restores that wait for a key that is kept."""
    ours = context.places.root == places.SYSTEM_STATE and os.geteuid() == 0
    waits = context.places.remembered(archive).exists() and any(
        each.archive == archive and each.state == requests.NEEDS_KEY
        for each in requests.list_requests(context.places)
    )
    if ours and waits and systemd.is_there() and not timers.start_requests():
        context.listener(
            Warning_(
                "restores that were asked for wait for this key, and systemd"
                " does not start them: requests approve does"
            )
        )
