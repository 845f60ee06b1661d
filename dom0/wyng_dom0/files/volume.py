# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A volume of files, readable at any offset: the tar is made as it is read.

Nothing of it is written anywhere. What an entry has become meanwhile is put
into the place that its layout has for it, and the rest of that place filled
with what readers pass over. Read from several threads.
"""

import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wyng_dom0.files.contents import Contents
from wyng_dom0.files.entry import Entry, Kind
from wyng_dom0.files.header import encode, filling, opening, padded
from wyng_dom0.files.layout import ALIGNMENT, Layout
from wyng_dom0.snapshots.snapshot import Range, data_ranges


@dataclass(frozen=True)
class _Slot:
    """An entry's place: headers, so many bytes of content, filling."""

    head: bytes
    entry: Entry | None
    length: int

    @property
    def size(self) -> int:
        return self.entry.size if self.entry else 0

    @property
    def content_end(self) -> int:
        return len(self.head) + padded(self.size)


class FilesVolume:
    """The entries of a layout as bytes."""

    def __init__(
        self, entries: Sequence[Entry], layout: Layout, contents: Contents
    ) -> None:
        self._entries = entries
        self._layout = layout
        self._contents = contents
        self._opening = opening()
        self._lock = threading.Lock()
        self._is_settled = bytearray(len(entries))
        # Only what is otherwise than it was listed.
        self._changed: dict[int, Entry | None] = {}

    @property
    def size(self) -> int:
        """Of all of it."""
        return self._layout.size

    def read(self, offset: int, length: int) -> bytes:
        """Exactly that many bytes."""
        made = bytearray()
        while len(made) < length:
            at = offset + len(made)
            made += self._piece(at, length - len(made))
        return bytes(made)

    def data_ranges(self, start: int, end: int) -> Iterator[Range]:
        """All but the holes of large files."""
        at = start
        for number in range(max(0, self._layout.at(start)), self._count):
            begin = self._layout.starts[number]
            if begin >= end:
                break
            if self._entries[number].size <= ALIGNMENT:
                continue
            for hole, length in self._holes(number):
                first, last = max(at, hole), min(end, hole + length)
                if first < last:
                    if at < first:
                        yield at, first - at
                    at = last
        if at < end:
            yield at, end - at

    @property
    def _count(self) -> int:
        return len(self._entries)

    def _holes(self, number: int) -> Iterator[Range]:
        """Where a large file has holes, in offsets of the volume."""
        entry = self._settled(number)
        fd = self._contents.holes(entry) if entry is not None else None
        if fd is None or entry is None:
            return
        try:
            head = self._layout.starts[number] + self._layout.heads[number]
            at = 0
            for start, length in data_ranges(fd, entry.size):
                if start > at:
                    yield head + at, start - at
                at = start + length
            if at < entry.size:
                yield head + at, entry.size - at
        finally:
            os.close(fd)

    def _piece(self, at: int, wanted: int) -> bytes:
        """The next bytes, at least one and at most `wanted`."""
        if at >= self._layout.end:
            return bytes(wanted)
        number = self._layout.at(at)
        if number < 0:
            return self._opening[at : at + wanted]
        slot, made = self._slot(number), bytearray()
        at -= self._layout.starts[number]
        wanted = min(wanted, slot.length - at)
        while len(made) < wanted:
            made += self._of_slot(slot, at + len(made), wanted - len(made))
        return bytes(made)

    def _of_slot(self, slot: _Slot, at: int, wanted: int) -> bytes:
        head = len(slot.head)
        if at < head:
            return slot.head[at : at + wanted]
        if at < head + slot.size:
            assert slot.entry is not None
            wanted = min(wanted, head + slot.size - at)
            return self._contents.read(slot.entry, at - head, wanted)
        if at < slot.content_end:
            return bytes(min(wanted, slot.content_end - at))
        start, left = at - slot.content_end, slot.length - slot.content_end
        return filling(left, start, wanted)

    def _slot(self, number: int) -> _Slot:
        entry = self._settled(number)
        head = b""
        if entry is not None:
            head = encode(entry, self._layout.pads[number])
        return _Slot(head, entry, self._layout.length(number))

    def _settled(self, number: int) -> Entry | None:
        """The entry as it is from now on; None: it is gone."""
        listed = self._entries[number]
        if listed.kind is not Kind.FILE or not listed.size:
            return listed
        with self._lock:
            if not self._is_settled[number]:
                now = self._contents.settle(listed)
                if now != listed:
                    self._changed[number] = self._fitting(number, now)
                self._is_settled[number] = 1
            return self._changed.get(number, listed)

    def _fitting(self, number: int, now: Entry | None) -> Entry | None:
        """What is now, if its headers fit; else as it was listed."""
        if now is None:
            return None
        length = len(encode(now, self._layout.pads[number]))
        fits = length == self._layout.heads[number]
        return now if fits else self._entries[number]
