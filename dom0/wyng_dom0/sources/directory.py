# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A source that is a directory of disk images, by their paths below it.

Owns what counts as a volume there and how one is opened. A volume is a
regular file, a block device, or a symbolic link to either; what a link
leads to may be a block device anywhere (`/dev/vg/lv`) but a regular file
only below the directory: a name must not reach a file its owner never put
there. Folders on the way may be links under the same rule. Nothing is
mounted, probed or parsed; nothing is written.
"""

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from wyng_dom0.errors import BadInput, NotFound, SourceError, TargetError
from wyng_dom0.names import HIDDEN_MARK, check_volume_name, quote
from wyng_dom0.snapshots.choose import file_drivers
from wyng_dom0.snapshots.driver import NOBODY, Driver, VolumeAt
from wyng_dom0.sources.source import VolumeDescription


@dataclass(frozen=True)
class DirectorySource:
    """A directory of volumes; `root` is absolute, links resolved.

    `keeper` is whose snapshots of them are made, see Places.keeper.
    """

    root: Path
    keeper: str = NOBODY

    @property
    def key(self) -> str:
        """The directory's path."""
        return str(self.root)

    def drivers(self) -> Sequence[Driver]:
        """Those for files, best first."""
        return file_drivers(self.keeper)

    def path_of(self, name: str) -> Path:
        """Where a volume of that name would lie; it need not exist."""
        return self.root / check_volume_name(name)

    def expand(self, words: Iterable[str]) -> list[str]:
        """Themselves: no word stands for several volumes here."""
        return list(words)

    def exists(self, name: str) -> bool:
        """True when something lies at the name, volume or not."""
        return os.path.lexists(self.path_of(name))

    def list_volumes(self) -> list[str]:
        """The names of all volumes, sorted.

        Left out: what is no volume, hidden files of our own, and names that
        no archive can hold. Links to folders are not followed, so that a
        loop ends nothing.
        """
        return sorted(self._walk())

    def overlooked(self) -> list[tuple[str, str]]:
        """(name, why) of what list_volumes leaves out and may be meant.

        Names that no archive can hold, links that lead nowhere, files and
        folders that can't be looked at. Not what is no volume by its kind.
        """
        found: list[tuple[str, str]] = []

        def note(error: OSError) -> None:
            name = os.path.relpath(error.filename, self.root)
            why = f"the folder {quote(name)} can't be read: {error.strerror}"
            found.append((name, why))

        for path in self._files(note):
            name = str(path.relative_to(self.root))
            why = _fault(name, path)
            if why:
                found.append((name, why))
        return sorted(found)

    def describe(self, name: str) -> VolumeDescription:
        """What a volume is now; NotFound, or SourceError if it is none."""
        fd = self.open(name)
        try:
            return _describe(name, self.path_of(name).resolve(), fd)
        finally:
            os.close(fd)

    def open(self, name: str) -> int:
        """A readable descriptor of the volume, which the caller closes.

        Raises NotFound, or SourceError when it is neither a regular file
        nor a block device, leads outside, or can't be read.
        """
        path = self.path_of(name)
        try:
            # Opening a FIFO would wait for a writer that may never come.
            fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            raise NotFound(
                f"there is no volume {quote(name)} in {self.root}", about=name
            ) from None
        except OSError as error:
            raise SourceError(
                f"the volume {quote(name)} can't be opened: {error.strerror}",
                about=name,
            ) from None
        try:
            self._check(name, fd)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def locate(self, name: str) -> VolumeAt:
        """The volume as drivers take it; raises as open does."""
        fd = self.open(name)
        try:
            # What was opened, not what the name leads to by now.
            place = os.readlink(f"/proc/self/fd/{fd}")
        finally:
            os.close(fd)
        return VolumeAt(name, place, os.path.dirname(place))

    def place_for(self, name: str, size: int) -> Path:
        """Where a volume of that name is to be restored, links resolved.

        Makes the folders on the way that are missing. Raises TargetError
        when the place leads out of the directory and is no block device.
        """
        path = self.path_of(name)
        real = Path(os.path.realpath(path))
        if real.is_block_device():
            return real
        if not self._holds(str(real)):
            raise TargetError(
                f"the volume {quote(name)} would be restored to {real},"
                f" outside of {self.root}",
                about=name,
            )
        try:
            real.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TargetError(
                f"no folder can be made for {quote(name)}: {error.strerror}",
                about=name,
            ) from None
        return real

    def scratch_place(self, name: str) -> str:
        """The directory."""
        return self.key

    def _holds(self, real: str) -> bool:
        return real.startswith(f"{self.root}/".replace("//", "/"))

    def _check(self, name: str, fd: int) -> None:
        mode = os.fstat(fd).st_mode
        if stat.S_ISBLK(mode):
            return
        if not stat.S_ISREG(mode):
            raise SourceError(
                f"{quote(name)} is neither a file nor a block device",
                about=name,
            )
        # What was opened, not what the name leads to by now.
        real = os.readlink(f"/proc/self/fd/{fd}")
        if not self._holds(real):
            raise SourceError(
                f"the volume {quote(name)} is a link that leads out of"
                f" {self.root}",
                about=name,
            )

    def _walk(self) -> Iterator[str]:
        for path in self._files():
            name = str(path.relative_to(self.root))
            if _may_be_volume(name, path):
                yield name

    def _files(
        self, note: Callable[[OSError], None] | None = None
    ) -> Iterator[Path]:
        """What lies below and is no folder; `note` is told of failures."""
        for folder, _, files in os.walk(self.root, onerror=note):
            for file in files:
                yield Path(folder, file)


def open_directory(path: str, keeper: str = NOBODY) -> DirectorySource:
    """The source at a path; NotFound or BadInput when it is no directory."""
    try:
        root = Path(path).resolve(strict=True)
    except FileNotFoundError:
        raise NotFound(f"there is no directory {quote(path)}") from None
    except (OSError, RuntimeError):
        raise BadInput(f"the path {quote(path)} can't be followed") from None
    if not root.is_dir():
        raise BadInput(f"{quote(path)} is not a directory of volumes")
    return DirectorySource(root, keeper)


def _may_be_volume(name: str, path: Path) -> bool:
    try:
        check_volume_name(name)
        mode = os.stat(path).st_mode
    except (BadInput, OSError):
        return False
    return stat.S_ISREG(mode) or stat.S_ISBLK(mode)


def _fault(name: str, path: Path) -> str:
    """Why it can be no volume, "" where that is no fault."""
    if path.name.startswith(".") and HIDDEN_MARK in path.name:
        return ""
    try:
        check_volume_name(name)
        os.stat(path)
    except BadInput as error:
        return str(error)
    except OSError as error:
        return f"{quote(name)} can't be read: {error.strerror}"
    return ""


def _describe(name: str, path: Path, fd: int) -> VolumeDescription:
    found = os.fstat(fd)
    is_block = stat.S_ISBLK(found.st_mode)
    return VolumeDescription(
        name=name,
        path=path,
        size=os.lseek(fd, 0, os.SEEK_END) if is_block else found.st_size,
        mode=stat.S_IMODE(found.st_mode),
        uid=found.st_uid,
        gid=found.st_gid,
        block_device=is_block,
    )
