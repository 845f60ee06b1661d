# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Which source `--local` means; the one place that decides it."""

from wyng_dom0.events import Listener, Warning_
from wyng_dom0.snapshots.choose import pool_drivers
from wyng_dom0.sources.directory import open_directory
from wyng_dom0.sources.lvm import open_pool
from wyng_dom0.sources.source import Source
from wyng_dom0.state.places import Places


def names_pool(local: str) -> bool:
    """True for "vg/pool": two names and a slash, whatever is there.

    A directory that looks so is meant by "./a/b": what a word means must not
    depend on where a timer happens to run.
    """
    parts = local.split("/")
    return len(parts) == 2 and all(parts) and parts[0] not in (".", "..")


def choose_source(local: str, places: Places, listener: Listener) -> Source:
    """The source at a directory's path or of a thin pool.

    Raises NotFound where there is none, BadInput for what can be none, and
    SourceError when LVM can't be asked.
    """
    if not names_pool(local):
        return open_directory(local)
    drivers = pool_drivers(
        places.thin_pools, lambda text: listener(Warning_(text))
    )
    return open_pool(local, drivers)
