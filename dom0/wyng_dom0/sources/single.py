# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A source of files and devices that lie anywhere, each under a given name.

Nothing is kept of them here: they are read whole each time, as they are.
"""

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wyng_dom0.errors import BadInput, NotFound
from wyng_dom0.names import check_volume_name, quote
from wyng_dom0.snapshots.driver import Driver, VolumeAt
from wyng_dom0.snapshots.plain import PlainDriver

BETWEEN = ":|:"


@dataclass(frozen=True)
class SingleFiles:
    """`paths` maps volumes' names to real paths of files or devices."""

    paths: Mapping[str, str]

    @property
    def key(self) -> str:
        """No directory and no pool can be called so."""
        return BETWEEN

    def drivers(self) -> Sequence[Driver]:
        """Only what reads a file as it is."""
        return (PlainDriver(),)

    def locate(self, name: str) -> VolumeAt:
        """The volume as drivers take it; NotFound for another name."""
        path = self.paths.get(name)
        if path is None:
            raise NotFound(f"no file is given for {quote(name)}", about=name)
        return VolumeAt(name, path, os.path.dirname(path))


def parse_import(text: str) -> tuple[str, str]:
    """(volume, real path) of `VOLUME:|:/path`; raises BadInput or NotFound.

    The path must lead to a file or block device, links followed: it is what
    the user named, not something that a volume could have chosen.
    """
    name, between, path = text.partition(BETWEEN)
    if not between or not path.startswith("/"):
        raise BadInput(
            f"--import-other-from takes a volume's name, {BETWEEN} and a path"
            f" that begins with '/', as in boot{BETWEEN}/dev/sda1; not"
            f" {quote(text)}"
        )
    check_volume_name(name)
    real = os.path.realpath(path)
    try:
        mode = os.stat(real).st_mode
    except OSError as error:
        raise NotFound(
            f"{quote(path)} can't be imported: {error.strerror}", about=path
        ) from None
    if not stat.S_ISREG(mode) and not stat.S_ISBLK(mode):
        raise BadInput(
            f"{quote(path)} is neither a file nor a block device, so it can't"
            " be imported"
        )
    return name, real
