# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Block devices as targets: written in place, by nobody else meanwhile.

Owns what is believed of their zeros. A thin device whose last block is gone
reads as zeros; any other is told to zero what must be. Where a thin pool
doesn't zero what it gives out, whole blocks of it are written, so that
nothing of what it held before appears beside our bytes.
"""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from wyng_dom0.errors import TargetError
from wyng_dom0.snapshots import blocks
from wyng_dom0.snapshots.snapshot import Range
from wyng_dom0.snapshots.thin_device import ThinFacts, thin_facts
from wyng_dom0.sources import unfinished
from wyng_dom0.sources.unfinished import Restoring
from wyng_dom0.sources.write_behind import WriteBehind
from wyng_dom0.sources.writing import (
    Owner,
    cannot_write,
    check_inside,
    naming,
    read_padded,
    write_zeros,
)
from wyng_dom0.state import durable

_PIECE = 1 << 20


class _Device:
    """A block device that nothing else can claim while it is open."""

    def __init__(
        self,
        path: Path,
        fd: int,
        sizes: tuple[int, int],
        marker: Path,
        restoring: Restoring,
        update: bool,
    ) -> None:
        self._path = path
        self.fd = fd
        self._update = update
        self.size, self._there = sizes
        self._marker = marker
        self._restoring = restoring
        self.begun = unfinished.find(marker) is not None
        self._noted = False
        # All that wasn't written since it was discarded reads as zeros.
        self._blank = False
        self._block = _block_to_fill(thin_facts(fd))
        self._behind = WriteBehind(fd)

    def data_ranges(self) -> Iterator[Range]:
        """See Target: a device can't tell."""
        if self.size:
            yield 0, self.size

    def discard(self) -> None:
        """Give back all that it holds, and learn what that was worth."""
        with naming(self._path):
            self._begin()
            if blocks.discard_all(self.fd, self._there):
                facts = thin_facts(self.fd)
                self._blank = facts is not None and facts.mapped == 0

    def pwrite(self, offset: int, data: "bytes | memoryview") -> None:
        """See Target."""
        check_inside(self._path, self.size, offset, len(data))
        with naming(self._path):
            self._begin()
            self._write(offset, data)

    def zero(self, offset: int, length: int) -> None:
        """See Target."""
        check_inside(self._path, self.size, offset, length)
        if self._blank:
            return
        end = offset + length
        with naming(self._path):
            while offset < end:
                some = min(_PIECE - offset % _PIECE, end - offset)
                if not self._update or self._holds_data(offset, some):
                    self._begin()
                    self._make_zero(offset, some)
                offset += some

    def finish(
        self, owner: Owner, whole: Callable[[Path], None] | None = None
    ) -> bool:
        """See Target; a device node's mode and owner are udev's business."""
        with naming(self._path):
            durable.sync_file(self.fd)
            unfinished.end(self._marker)
        self.begun = False
        if whole is not None and self._there == self.size:
            whole(self._path)
        return True

    def _holds_data(self, offset: int, length: int) -> bool:
        data = read_padded(self.fd, offset, length)
        return data.count(0) != length

    def _begin(self) -> None:
        if not self._noted:
            unfinished.begin(self._marker, self._restoring)
            self._noted = self.begun = True

    def _write(self, offset: int, data: "bytes | memoryview") -> None:
        if self._block:
            offset, data = self._widened(offset, data)
        durable.write_all(self.fd, data, offset)
        self._behind.wrote(offset, len(data))

    def _widened(
        self, offset: int, data: "bytes | memoryview"
    ) -> tuple[int, bytes]:
        """The same bytes with what lies around them in the pool's blocks."""
        start = offset - offset % self._block
        end = offset + len(data)
        full = min(self._there, -(-end // self._block) * self._block)
        before = read_padded(self.fd, start, offset - start)
        return start, before + bytes(data) + read_padded(
            self.fd, end, full - end
        )

    def _make_zero(self, offset: int, length: int) -> None:
        """Zeros by the kernel for whole sectors, by us for the edges."""
        first = min(
            -(-offset // blocks.SECTOR) * blocks.SECTOR, offset + length
        )
        last = (offset + length) // blocks.SECTOR * blocks.SECTOR
        if last <= first or not blocks.zero_range(self.fd, first, last - first):
            write_zeros(self.fd, offset, length)
            return
        write_zeros(self.fd, offset, first - offset)
        write_zeros(self.fd, last, offset + length - last)


@contextmanager
def open_device(
    path: Path, size: int, marker: Path, restoring: Restoring, update: bool
) -> Iterator[_Device]:
    """The device at `path`; what it holds is discarded unless `update`."""
    fd = _claim(path)
    try:
        there = os.lseek(fd, 0, os.SEEK_END)
        _check_size(path, there, size)
        sizes = (size, there)
        device = _Device(path, fd, sizes, marker, restoring, update)
        with _called_incomplete(path, device):
            if not update:
                device.discard()
            yield device
    finally:
        os.close(fd)


@contextmanager
def _called_incomplete(path: Path, device: _Device) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        if device.begun:
            error.add_note(
                f"{path} is incomplete: it holds no whole volume until the"
                " same command has ended well"
            )
        raise


def _claim(path: Path) -> int:
    # O_EXCL on a block device: EBUSY while it, or a part of it, is mounted,
    # swapped to or held by another driver; and nobody can mount it after.
    try:
        return os.open(path, os.O_RDWR | os.O_EXCL | os.O_CLOEXEC)
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise cannot_write(path, error) from None
        raise TargetError(
            f"the device {path} is mounted or in use", about=str(path)
        ) from None


def _check_size(path: Path, there: int, size: int) -> None:
    if there < size:
        raise TargetError(
            f"the device {path} has {there} bytes, too few for the volume's"
            f" {size}",
            about=str(path),
        )


def _block_to_fill(facts: ThinFacts | None) -> int:
    """What is to be written at once, or 0 where any part of it may be."""
    return facts.block if facts is not None and not facts.zeroes else 0
