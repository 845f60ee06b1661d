# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A snapshot that is open, whatever made it, and how it is read.

It is open as long as the `with` block of the driver that opened it runs, and
read by its descriptor.
"""

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from wyng_dom0.errors import SourceError
from wyng_dom0.names import quote

Range = tuple[int, int]  # offset and length, both in bytes


@dataclass(frozen=True)
class Snapshot:
    """A volume held still, as far as its driver can hold it.

    `fd` is readable with pread from any thread and closed by the driver.
    `size` is in bytes, fixed when it was taken. `point_in_time` is False
    when writers may change what is read meanwhile. `driver` is for listings.
    """

    name: str
    fd: int
    size: int
    mode: int
    uid: int
    gid: int
    mtime_ns: int
    point_in_time: bool
    driver: str

    def data_ranges(
        self, start: int = 0, end: int | None = None
    ) -> Iterator[Range]:
        """Where data may be, ascending; what lies between reads as zeros."""
        size = self.size if end is None else min(end, self.size)
        return data_ranges(self.fd, size, start)

    def read(self, offset: int, length: int) -> bytes:
        """Exactly that many bytes; SourceError when they can't be had."""
        data = os.pread(self.fd, length, offset)
        while len(data) < length:
            more = os.pread(self.fd, length - len(data), offset + len(data))
            if not more:
                raise self.changed_size()
            data += more
        return data

    def read_ahead(self, offset: int, length: int) -> None:
        """Let the kernel fetch what will be read soon."""
        os.posix_fadvise(self.fd, offset, length, os.POSIX_FADV_WILLNEED)

    def check_unchanged_size(self) -> None:
        """Raise SourceError when the size is no longer the one recorded.

        Call when all was read: a file that grew was not read whole.
        """
        if size_of(self.fd) != self.size:
            raise self.changed_size()

    def changed_size(self) -> SourceError:
        """The error that says so."""
        return SourceError(
            f"the volume {quote(self.name)} changed its size while it was read"
            f" ({self.size} bytes at first); send it again",
            about=self.name,
        )


def snapshot_of(
    name: str, fd: int, attributes: os.stat_result, driver: str, still: bool
) -> Snapshot:
    """The Snapshot for a readable descriptor and the volume's own stat."""
    return Snapshot(
        name=name,
        fd=fd,
        size=size_of(fd),
        mode=stat.S_IMODE(attributes.st_mode),
        uid=attributes.st_uid,
        gid=attributes.st_gid,
        mtime_ns=attributes.st_mtime_ns,
        point_in_time=still,
        driver=driver,
    )


def data_ranges(fd: int, size: int, at: int = 0) -> Iterator[Range]:
    """Ranges from `at` to `size` that may hold data, ascending and disjoint.

    Where the file system can't tell (block devices among them), it is one
    range of everything.
    """
    while at < size:
        try:
            start = os.lseek(fd, at, os.SEEK_DATA)
            end = os.lseek(fd, start, os.SEEK_HOLE)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return
            if error.errno != errno.EINVAL:
                raise
            yield at, size - at
            return
        if start >= size:
            return
        end = min(end, size)
        yield start, end - start
        at = end


def size_of(fd: int) -> int:
    """The size in bytes of an open file or block device."""
    found = os.fstat(fd)
    if stat.S_ISBLK(found.st_mode):
        return os.lseek(fd, 0, os.SEEK_END)
    return found.st_size
