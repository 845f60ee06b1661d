# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Which source `--local` means; the one place that decides it."""

import os
from pathlib import Path

from wyng_dom0.errors import BadInput, NotFound, SourceError
from wyng_dom0.events import Listener, Notice, Warning_
from wyng_dom0.names import check_volume_name
from wyng_dom0.snapshots import lvm_listing
from wyng_dom0.snapshots.choose import pool_drivers, qube_drivers
from wyng_dom0.sources.directory import open_directory
from wyng_dom0.sources.dom0 import Dom0Files, Wish
from wyng_dom0.sources.lvm import open_pool
from wyng_dom0.sources.qubes import KEY, QubesSource
from wyng_dom0.sources.source import Source
from wyng_dom0.state.places import Places


def names_pool(local: str) -> bool:
    """True for "vg/pool": two names and a slash, whatever is there.

    A directory that looks so is meant by "./a/b": what a word means must not
    depend on where a timer happens to run.
    """
    parts = local.split("/")
    return len(parts) == 2 and all(parts) and parts[0] not in (".", "..")


def choose_source(
    local: str,
    places: Places,
    listener: Listener,
    state: str = "auto",
    wish: Wish = Wish(),
) -> Source:
    """The source at a directory's path, of a thin pool, or "qubes".

    `state` is what is wanted of qubes that run, see sources.qubes, `wish` of
    dom0's own files. Raises
    NotFound where there is none, BadInput for what can be none, and
    SourceError when LVM or qubesd can't be asked.
    """
    if local == KEY:
        return open_qubes(places, listener, state, wish)
    if not names_pool(local):
        return open_directory(local, places.keeper)
    drivers = pool_drivers(places, lambda text: listener(Warning_(text)))
    return open_pool(local, drivers)


def open_qubes(
    places: Places,
    listener: Listener,
    state: str = "auto",
    wish: Wish = Wish(),
) -> QubesSource:
    """The qubes of this machine.

    Raises NotFound where there is no Qubes OS, QubesError when qubesd does
    not answer.
    """
    try:
        # There is no such module on other machines.
        from wyng_dom0.qubes.admin import open_admin
    except ImportError:
        raise NotFound(
            "--local=qubes needs Qubes OS, and this machine has no"
            " python3-qubesadmin: name a directory or a thin pool"
        ) from None

    def say(text: str) -> None:
        listener(Warning_(text))

    drivers = qube_drivers(places, say)
    files = dom0_files(places, listener, wish)
    return QubesSource(open_admin(), drivers, state, say, files)


def dom0_files(
    places: Places, listener: Listener, wish: Wish = Wish()
) -> Dom0Files:
    """The files of this machine, which is dom0. Asks no qubesd."""

    def say(text: str, is_fault: bool) -> None:
        listener(Warning_(text) if is_fault else Notice(text))

    return Dom0Files(places.root, say, wish)


def has_qubes() -> bool:
    """True in dom0 of Qubes OS, where qubes are backed up by default."""
    try:
        from wyng_dom0.qubes.admin import is_dom0
    except ImportError:
        return False
    return is_dom0()


def source_of(
    path: Path, places: Places, listener: Listener
) -> tuple[Source, str] | None:
    """(source, name) of what lies, or shall lie, at any path.

    A file's source is its folder, a thin LV's its pool. None where it is
    neither. Raises as choose_source does.
    """
    pool = _pool_of(path)
    if pool is not None:
        return choose_source(pool, places, listener), path.name
    real = Path(os.path.realpath(path))
    try:
        name = check_volume_name(real.name)
        return choose_source(str(real.parent), places, listener), name
    except (BadInput, NotFound):
        return None


def _pool_of(path: Path) -> str | None:
    """The thin pool that the LV /dev/vg/lv lies in, as vg/pool."""
    parts = path.absolute().parts
    if len(parts) != 4 or parts[1] != "dev" or not path.is_block_device():
        return None
    try:
        found = lvm_listing.named(lvm_listing.list_group(parts[2]), parts[3])
    except (NotFound, SourceError):
        return None
    if found is None or not found.is_thin:
        return None
    return f"{found.vg}/{found.pool}"
