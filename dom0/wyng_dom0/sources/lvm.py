# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A source that is a thin pool of LVM: its volumes, by their LVs' names.

Owns what counts as a volume there: the pool's thin LVs but for our own
snapshots. Asks LVM once and again only for a name it was not told of.
Nothing is mounted, probed or parsed; nothing is activated.
"""

import os
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path

from wyng_dom0.errors import BadInput, Dom0Error, NotFound, SourceError
from wyng_dom0.names import quote
from wyng_dom0.snapshots import device_mapper, lvm_listing, thin_volumes
from wyng_dom0.snapshots.driver import Driver, VolumeAt
from wyng_dom0.snapshots.lvm_listing import LogicalVolume
from wyng_dom0.sources.source import VolumeDescription


class LvmSource:
    """The thin pool `vg`/`pool`; open_pool makes one."""

    def __init__(
        self,
        vg: str,
        pool: str,
        listed: Sequence[LogicalVolume],
        drivers: Sequence[Driver],
    ) -> None:
        self.vg = vg
        self.pool = pool
        self._listed = listed
        self._drivers = drivers

    @property
    def key(self) -> str:
        """vg/pool."""
        return f"{self.vg}/{self.pool}"

    def drivers(self) -> Sequence[Driver]:
        """That of LVM, then the one that reads the volume itself."""
        return self._drivers

    def list_volumes(self) -> list[str]:
        """The names of the pool's volumes, sorted."""
        return [each.name for each in self._listed if self._is_volume(each)]

    def expand(self, words: Iterable[str]) -> list[str]:
        """Themselves: no word stands for several volumes here."""
        return list(words)

    def exists(self, name: str) -> bool:
        """True when the group has an LV of that name, volume or not."""
        return self._find(_checked(name)) is not None

    def describe(self, name: str) -> VolumeDescription:
        """What a volume is now; NotFound, or SourceError if it is none."""
        found = self._volume(name)
        path = self.path_of(name)
        # The node is there only while the LV is active.
        node = os.stat(path) if path.exists() else None
        return VolumeDescription(
            name=name,
            path=path,
            size=found.size,
            mode=stat.S_IMODE(node.st_mode) if node else 0o600,
            uid=node.st_uid if node else 0,
            gid=node.st_gid if node else 0,
            block_device=True,
        )

    def locate(self, name: str) -> VolumeAt:
        """The volume as drivers take it; raises as describe does."""
        self._volume(name)
        return VolumeAt(name, str(self.path_of(name)), self.key)

    def open(self, name: str) -> int:
        """A readable descriptor of the volume, which the caller closes.

        Raises NotFound, or SourceError when it is not active or can't be
        read.
        """
        self._volume(name)
        try:
            return os.open(self.path_of(name), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise SourceError(
                f"the logical volume {self.vg}/{name} is not active",
                about=name,
            ) from None
        except OSError as error:
            raise SourceError(
                f"the volume {quote(name)} can't be opened: {error.strerror}",
                about=name,
            ) from None

    def path_of(self, name: str) -> Path:
        """The device node that the LV of that name has, or would have."""
        return Path(device_mapper.mapper_path(self.vg, _checked(name)))

    def place_for(self, name: str, size: int) -> Path:
        """The device node of a thin LV of the pool, active.

        Made where there is none, else grown or cut to the size. Raises
        TargetError.
        """
        node = thin_volumes.ensure_volume(
            self.vg, self.pool, _checked(name), size
        )
        return Path(node)

    def scratch_place(self, name: str) -> str:
        """The pool."""
        return self.key

    def _volume(self, name: str) -> LogicalVolume:
        found = self._find(_checked(name))
        if found is None:
            raise NotFound(
                f"there is no logical volume {quote(name)} in {self.vg}",
                about=name,
            )
        if not self._is_volume(found):
            raise SourceError(
                f"the logical volume {found.place} is {self._what(found)}",
                about=name,
            )
        return found

    def _find(self, name: str) -> LogicalVolume | None:
        found = lvm_listing.named(self._listed, name)
        if found is None:
            self._listed = lvm_listing.list_group(self.vg)
            found = lvm_listing.named(self._listed, name)
        return found

    def _is_volume(self, each: LogicalVolume) -> bool:
        own = each.is_own or each.is_scratch
        return each.is_thin and each.pool == self.pool and not own

    def _what(self, each: LogicalVolume) -> str:
        if each.is_own:
            return "a snapshot of ours"
        if each.is_scratch:
            return "what a drill restores to"
        if each.is_thin:
            return f"thin, but not in the pool {self.key}"
        return "not thin: its changes and snapshots are not to be had"


def open_pool(local: str, drivers: Sequence[Driver]) -> LvmSource:
    """The source "vg/pool".

    Raises NotFound when there is no such pool, BadInput when it is no thin
    pool, SourceError when LVM can't be asked.
    """
    vg, pool = lvm_listing.split_pool(local)
    try:
        listed = lvm_listing.list_group(vg)
        lvm_listing.check_pool(listed, vg, pool)
    except NotFound as error:
        raise _with_hint(local, error) from None
    return LvmSource(vg, pool, listed, drivers)


def _with_hint(local: str, error: Dom0Error) -> NotFound:
    if not os.path.isdir(local):
        return NotFound(str(error), about=error.about)
    return NotFound(
        f"{error}; the directory is meant by --local=./{local}",
        about=error.about,
    )


def _checked(name: str) -> str:
    """A name that LVM may have; nothing else becomes part of a path."""
    if not lvm_listing.is_lvm_name(name):
        raise BadInput(
            f"{quote(name)} can't be a logical volume's name", about=name
        )
    return name
