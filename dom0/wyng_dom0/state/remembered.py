# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The master key that dom0 was told to remember, for unattended runs.

A file only its owner can read; one that others could have read or written is
refused, not mended: whoever could has the key already.
"""

import os
import stat

from wyng_common.ids import ArchiveId
from wyng_dom0.errors import Refused
from wyng_dom0.state import durable
from wyng_dom0.state.places import Places, make_folder_of

KEY_MAX = 256


def remember(places: Places, archive: ArchiveId, key: bytes) -> None:
    """Keep the key durably, readable by the owner only."""
    if not 0 < len(key) <= KEY_MAX:
        raise ValueError(f"a key of {len(key)} bytes")
    path = make_folder_of(places.remembered(archive))
    durable.write_private(path, key)


def recall(places: Places, archive: ArchiveId) -> bytes | None:
    """The remembered key, or None when none is.

    Raises Refused when the file is no plain file, belongs to another user
    or has permissions wider than its owner's.
    """
    path = places.remembered(archive)
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Refused(
            f"the remembered key {path} can't be read: {error.strerror}"
        ) from None
    try:
        _check(str(path), os.fstat(fd))
        return os.read(fd, KEY_MAX)
    finally:
        os.close(fd)


def forget(places: Places, archive: ArchiveId) -> bool:
    """Remove the key's file durably; False when there was none."""
    path = places.remembered(archive)
    return path.parent.exists() and durable.remove_private(path)


def _check(path: str, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise Refused(f"the remembered key {path} is no plain file")
    if found.st_uid != os.geteuid():
        raise Refused(f"the remembered key {path} belongs to another user")
    if found.st_mode & 0o077:
        raise Refused(
            f"the remembered key {path} can be read by others: change the"
            " passphrase's slot and remove the file"
        )
