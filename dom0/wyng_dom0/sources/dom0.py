# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""dom0's own files as two volumes: `dom0:home` and `dom0:config`.

Owns which files these are. What this program keeps of itself is never among
them: keys in an archive that they open are of no use, and whoever gets at the
archive's contents would get at all archives (doc/guide.md).
"""

import grp
import os
import pwd
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from wyng_dom0.errors import NotFound, SourceError
from wyng_dom0.files.driver import FilesDriver, Say
from wyng_dom0.files.entry import Bounds
from wyng_dom0.files.scan import Tree
from wyng_dom0.names import quote
from wyng_dom0.qubes.facade import ADMIN_QUBE
from wyng_dom0.snapshots.commands import run_tool
from wyng_dom0.snapshots.driver import Driver, VolumeAt
from wyng_dom0.sources.source import VolumeDescription

HOME = f"{ADMIN_QUBE}:home"
CONFIG = f"{ADMIN_QUBE}:config"
VOLUMES = (CONFIG, HOME)
# A file of the volume that no file system has: what is installed.
PACKAGES = b"packages.txt"
_RPM = ("rpm", "-qa", "--qf", "%{NAME} %{VERSION}-%{RELEASE} %{ARCH}\\n")
_GROUP = "qubes"
# What is made anew by itself and may be large.
CACHES = (b".cache",)
# Below /. The last name may be a pattern. A folder stands for all of it.
CONFIG_PATHS: tuple[bytes, ...] = (
    # Policy, services, settings of Qubes itself.
    b"etc/qubes",
    b"etc/qubes-*",
    b"etc/qvm-wyng",
    # Salt: states, pillars, formulas, and how salt is called.
    b"etc/salt",
    b"srv/formulas",
    b"srv/pillar",
    b"srv/salt",
    # How dom0 starts, and from what.
    b"etc/crypttab",
    b"etc/default/grub",
    b"etc/dracut.conf.d",
    b"etc/fstab",
    b"etc/lvm",
    b"etc/modprobe.d",
    b"etc/modules-load.d",
    b"etc/sysctl.d",
    b"etc/systemd",
    # Devices, screen, keyboard, names, where packages come from.
    b"etc/X11/xorg.conf",
    b"etc/X11/xorg.conf.d",
    b"etc/hostname",
    b"etc/locale.conf",
    b"etc/sudoers.d",
    b"etc/udev/rules.d",
    b"etc/vconsole.conf",
    b"etc/yum.repos.d",
)


@dataclass(frozen=True)
class Wish:
    """How much may be backed up, and whether caches are."""

    bounds: Bounds = Bounds()
    caches: bool = False


def home_of_user() -> Path:
    """The home that qvm-backup saves: of the first user in group qubes.

    Links resolved. Raises NotFound where there is no such user.
    """
    try:
        user = grp.getgrnam(_GROUP).gr_mem[0]
        return Path(os.path.realpath(pwd.getpwnam(user).pw_dir))
    except (KeyError, IndexError):
        raise NotFound(
            "dom0 has no user in the group qubes, so there is no home of dom0",
            about=HOME,
        ) from None


def list_packages() -> bytes:
    """A sorted line for each installed package; or why there is none."""
    try:
        lines = run_tool(_RPM).splitlines()
    except SourceError as error:
        return f"{error}\n".encode("utf-8", "replace")
    return "".join(f"{each}\n" for each in sorted(lines)).encode("utf-8")


class Dom0Files:
    """See source.Located. `root` is dom0's root folder, `state` our own.

    `find_home` and `packages` answer what only the system knows.
    """

    def __init__(
        self,
        state: Path,
        say: Say,
        wish: Wish = Wish(),
        root: Path = Path("/"),
        find_home: Callable[[], Path] = home_of_user,
        packages: Callable[[], bytes] = list_packages,
    ) -> None:
        self.wish = wish
        self._state = state
        self._root = root
        self._find_home = find_home
        self._packages = packages
        self._driver = FilesDriver(self.tree, wish.bounds, say)

    @property
    def key(self) -> str:
        """As that of the source that these volumes are named in."""
        return "qubes"

    def drivers(self) -> Sequence[Driver]:
        """The one that lists and reads files."""
        return (self._driver,)

    def locate(self, name: str) -> VolumeAt:
        """Raises NotFound, for a name that is none of ours too."""
        return VolumeAt(name, str(self.place(name)), "")

    def describe(self, name: str) -> VolumeDescription:
        """As a session of now would be; raises TooMuch or NotFound."""
        silent = FilesDriver(self.tree, self.wish.bounds, lambda *_: None)
        place = self.place(name)
        ref = silent.take(VolumeAt(name, str(place), ""))
        return VolumeDescription(name, place, ref.size, 0o600, 0, 0, False)

    def place(self, name: str) -> Path:
        """The folder that a volume is known by."""
        base = self._base(name)
        return base / "etc" if name == CONFIG else base

    def tree(self, name: str) -> Tree:
        """The files of a volume as they are to be read now."""
        base = self._base(name)
        left_out = self._own_state(base)
        if name == CONFIG:
            made = {PACKAGES: self._packages()}
            return Tree(base, CONFIG_PATHS, left_out, made)
        if not self.wish.caches:
            left_out |= frozenset(CACHES)
        return Tree(base, left_out=left_out)

    def _base(self, name: str) -> Path:
        """The folder that paths in a volume are relative to."""
        check_name(name)
        return self._root if name == CONFIG else self._find_home()

    def _own_state(self, base: Path) -> frozenset[bytes]:
        state = Path(os.path.realpath(self._state))
        if not state.is_relative_to(base) or state == base:
            return frozenset()
        return frozenset({os.fsencode(state.relative_to(base))})


def is_of_dom0(name: str) -> bool:
    """Is it a volume of dom0's, or meant to be one?"""
    return name.partition(":")[0] == ADMIN_QUBE


def check_name(name: str) -> None:
    """Raise NotFound for anything but the two volumes."""
    if name not in VOLUMES:
        raise NotFound(
            f"dom0 has no volume {quote(name)}: it has {HOME} and {CONFIG}",
            about=name,
        )
