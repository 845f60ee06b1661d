# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The contents of files while a volume of them is read.

A file may change, shrink or vanish after it was listed. How much of it there
is gets decided once, when it is first touched; from then on it is that size,
with zeros for what is missing. Safe to use from several threads. Holds a few
small files and a few descriptors, whatever there is to read.
"""

import os
import stat
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace

from wyng_dom0.files.below import open_file
from wyng_dom0.files.entry import Entry
from wyng_dom0.files.layout import ALIGNMENT
from wyng_dom0.files.notes import Notes

_HELD_MOST = 16
_OPEN_MOST = 8
_TRIES = 3
_GONE = "vanished before it was read, and is left out"
_GREW = "grew since it was listed, and is cut"
_MOVING = "changed while it was read"
_SHRANK = "shrank while it was read; zeros are put in place of what is missing"


class Contents:
    """Reads the files of a tree. Close it when all was read."""

    def __init__(
        self, base: int, generated: Mapping[bytes, bytes], notes: Notes
    ) -> None:
        self._base = base
        self._generated = generated
        self._notes = notes
        self._lock = threading.Lock()
        # Small files that were read whole, and large ones that are open.
        self._held: "OrderedDict[bytes, bytes]" = OrderedDict()
        self._open: "OrderedDict[bytes, tuple[int, int]]" = OrderedDict()

    def settle(self, entry: Entry) -> Entry | None:
        """The entry as the file is now, no larger than it was; or None."""
        if entry.path in self._generated:
            return entry
        with self._lock:
            try:
                if entry.size <= ALIGNMENT:
                    return self._settle_small(entry)
                return self._settle_large(entry)
            except OSError:
                self._notes.add(_GONE, entry.path)
                return None

    def read(self, entry: Entry, offset: int, length: int) -> bytes:
        """That many bytes of a settled file, padded with zeros."""
        made = self._generated.get(entry.path)
        if made is None:
            try:
                made = self._small(entry)
            except OSError:
                made = b""
        if made is not None:
            data = made[offset : offset + length]
        else:
            data = self._large(entry, offset, length)
        if len(data) < length:
            self._notes.add(_SHRANK, entry.path)
        return data.ljust(length, b"\0")

    def holes(self, entry: Entry) -> int | None:
        """A descriptor to ask a large file for holes, which the caller
        closes; None where it can't be had."""
        try:
            return open_file(self._base, entry.path)
        except OSError:
            return None

    def close(self) -> None:
        """Let go of all there is."""
        with self._lock:
            while self._open:
                self._close_oldest()
            self._held.clear()

    def _settle_small(self, entry: Entry) -> Entry:
        data, seen = self._read_small(entry)
        self._hold(entry.path, data)
        return _as_seen(entry, seen, len(data))

    def _read_small(self, entry: Entry) -> tuple[bytes, os.stat_result]:
        """A small file as it was at one moment, if it ever holds still."""
        for _ in range(_TRIES):
            fd = self._open_file(entry)
            try:
                before = os.fstat(fd)
                data = _read_up_to(fd, entry.size + 1)
                after = os.fstat(fd)
            finally:
                os.close(fd)
            if before.st_mtime_ns == after.st_mtime_ns:
                break
        else:
            self._notes.add(_MOVING, entry.path)
        if len(data) > entry.size:
            self._notes.add(_GREW, entry.path)
        return data[: entry.size], after

    def _small(self, entry: Entry) -> bytes | None:
        with self._lock:
            if entry.path in self._open or entry.size > ALIGNMENT:
                return None
            found = self._held.get(entry.path)
            if found is None:
                found, _ = self._read_small(entry)
                self._hold(entry.path, found)
            return found

    def _hold(self, path: bytes, data: bytes) -> None:
        self._held[path] = data
        if len(self._held) > _HELD_MOST:
            self._held.popitem(last=False)

    def _settle_large(self, entry: Entry) -> Entry:
        fd = self._open_large(entry)
        seen = os.fstat(fd)
        if seen.st_size > entry.size:
            self._notes.add(_GREW, entry.path)
        return _as_seen(entry, seen, min(entry.size, seen.st_size))

    def _large(self, entry: Entry, offset: int, length: int) -> bytes:
        with self._lock:
            try:
                # A copy: another thread may have it closed meanwhile.
                fd = os.dup(self._open_large(entry))
            except OSError:
                return b""
        try:
            return _pread_up_to(fd, length, offset)
        except OSError:
            return b""
        finally:
            os.close(fd)

    def _open_large(self, entry: Entry) -> int:
        held = self._open.get(entry.path)
        if held is not None:
            self._open.move_to_end(entry.path)
            return held[0]
        fd = self._open_file(entry)
        self._open[entry.path] = (fd, os.fstat(fd).st_mtime_ns)
        if len(self._open) > _OPEN_MOST:
            self._close_oldest()
        return fd

    def _close_oldest(self) -> None:
        path, (fd, mtime_ns) = self._open.popitem(last=False)
        if os.fstat(fd).st_mtime_ns != mtime_ns:
            self._notes.add(_MOVING, path)
        os.close(fd)

    def _open_file(self, entry: Entry) -> int:
        fd = open_file(self._base, entry.path)
        if stat.S_ISREG(os.fstat(fd).st_mode):
            return fd
        os.close(fd)
        raise FileNotFoundError(entry.path)


def _as_seen(entry: Entry, seen: os.stat_result, size: int) -> Entry:
    return replace(
        entry,
        size=size,
        mode=stat.S_IMODE(seen.st_mode),
        uid=seen.st_uid,
        gid=seen.st_gid,
        mtime_ns=seen.st_mtime_ns,
    )


def _read_up_to(fd: int, most: int) -> bytes:
    data = b""
    while len(data) < most:
        more = os.read(fd, most - len(data))
        if not more:
            break
        data += more
    return data


def _pread_up_to(fd: int, most: int, offset: int) -> bytes:
    data = b""
    while len(data) < most:
        more = os.pread(fd, most - len(data), offset + len(data))
        if not more:
            break
        data += more
    return data
