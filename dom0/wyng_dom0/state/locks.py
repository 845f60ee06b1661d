# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""One lock per archive and one per volume, held by flock for a run.

Never waits and never breaks a lock: the kernel lets go of a dead holder's.
Lock files stay; removing one while another waits would make two holders.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wyng_common.ids import ArchiveId
from wyng_dom0.errors import DestinationBusy
from wyng_dom0.names import quote
from wyng_dom0.state.places import Places, make_folder_of

_HOLDER_MAX = 200


@contextmanager
def hold_archive(
    places: Places, archive: ArchiveId, name: str, doing: str
) -> Iterator[None]:
    """Hold the archive while the block runs; raises DestinationBusy at once.

    `name` is what errors call it, `doing` the command, told to others.
    """
    path = places.lock("archive", bytes(archive))
    with _hold(path, f"the archive {quote(name)}", doing):
        yield


@contextmanager
def hold_volume(
    places: Places, source: str, volume: str, doing: str
) -> Iterator[None]:
    """Hold one volume of a source; raises DestinationBusy at once."""
    key = b"\0".join((source.encode("utf-8"), volume.encode("utf-8")))
    with _hold(
        places.lock("volume", key), f"the volume {quote(volume)}", doing
    ):
        yield


@contextmanager
def _hold(path: Path, what: str, doing: str) -> Iterator[None]:
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(make_folder_of(path), flags, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DestinationBusy(
                f"{what} is in use by {_holder(fd)}; try again when it is done"
            ) from None
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{doing} (process {os.getpid()})".encode(), 0)
        yield
    finally:
        os.close(fd)


def _holder(fd: int) -> str:
    said = os.pread(fd, _HOLDER_MAX, 0).decode("utf-8", "replace")
    return said if said and said.isprintable() else "another run"
