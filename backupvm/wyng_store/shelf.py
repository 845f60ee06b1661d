# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The shelf: the finished packs of an archive, opened as they are needed.

Finds and reads pack files by name, keeping a few open. Writes nothing, and
does not know the index.
"""

import os
import re
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from typing import Iterator, List

from wyng_common.errors import FrameError
from wyng_common.frames import HEADER_SIZE, check_frame, parse_header
from wyng_common.ids import BlobId
from wyng_store import packs
from wyng_store.layout import Layout
from wyng_store.packs import Entry, PackContents
from wyng_store.rows import BlobRow

_OPEN_MAX = 64
_PACK = re.compile(r"([0-9a-f]{32})\.(?:pack|holed)")
_PART = re.compile(r"([0-9a-f]{32})\.part")
_ID_AT = 8


class Shelf:
    """The packs of one archive; close() closes the files."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._open: "OrderedDict[bytes, int]" = OrderedDict()

    def close(self) -> None:
        """Close all files; they are opened again when needed."""
        while self._open:
            os.close(self._open.popitem()[1])

    def forget(self, name: bytes) -> None:
        """Close a pack that goes away."""
        fd = self._open.pop(name, None)
        if fd is not None:
            os.close(fd)

    def names(self) -> List[bytes]:
        """The names of all finished packs, sorted."""
        return sorted(set(self._listed(_PACK)))

    def parts(self) -> List[bytes]:
        """The names of packs that a crash left unfinished, sorted."""
        return sorted(self._listed(_PART))

    def exists(self, name: bytes) -> bool:
        """Is the pack's file there?"""
        return self.path(name).exists()

    def path(self, name: bytes) -> Path:
        """Where the pack lies; its plain name when it lies nowhere."""
        holed = self._layout.holed(name)
        return holed if holed.exists() else self._layout.pack(name)

    def is_holed(self, name: bytes) -> bool:
        """May there be holes in the pack?"""
        return self._layout.holed(name).exists()

    def size(self, name: bytes) -> int:
        """What the file takes in bytes, holes left out; raises OSError."""
        status = os.fstat(self._descriptor(name))
        if self.is_holed(name):
            return min(status.st_size, status.st_blocks * 512)
        return status.st_size

    def modified(self, name: bytes) -> int:
        """When the pack was written, Unix seconds; raises OSError."""
        return int(os.fstat(self._descriptor(name)).st_mtime)

    def contents(self, name: bytes) -> PackContents:
        """What the pack holds; raises OSError."""
        return packs.read_pack(self._descriptor(name))

    def proven(self, name: bytes) -> PackContents:
        """The same, without frames of a holed pack that fail their digest:
        its footer lists what lay where the holes are, too."""
        contents = self.contents(name)
        if not self.is_holed(name):
            return contents
        good = [each for each in contents.entries if self._holds(name, each)]
        return replace(contents, entries=good)

    def frame(
        self, name: bytes, id: bytes, offset: int, length: int
    ) -> "tuple[bytes, list[BlobId]]":
        """One frame with its children, its id and digest checked.

        Raises FrameError, or OSError when the pack can't be read.
        """
        frame = os.pread(self._descriptor(name), length, offset)
        if frame[_ID_AT : _ID_AT + BlobId.SIZE] != id:
            raise FrameError(f"the frame of {id.hex()} is not in its place")
        return frame, check_frame(frame)

    def peek(self, name: bytes, row: BlobRow) -> bytes:
        """One frame of which only the header is checked: type, id, length.

        Raises FrameError, or OSError when the pack can't be read.
        """
        frame = os.pread(self._descriptor(name), row.length, row.offset)
        header = parse_header(frame[:HEADER_SIZE])
        if (header.type, header.id, header.frame_length, len(frame)) != (
            row.type,
            row.id,
            row.length,
            row.length,
        ):
            raise FrameError(f"the frame of {row.id.hex()} is not in its place")
        return frame

    def _descriptor(self, name: bytes) -> int:
        fd = self._open.get(name)
        if fd is not None:
            self._open.move_to_end(name)
            return fd
        flags = os.O_RDONLY | os.O_CLOEXEC
        try:
            fd = os.open(self._layout.pack(name), flags)
        except FileNotFoundError:
            fd = os.open(self._layout.holed(name), flags)
        self._open[name] = fd
        if len(self._open) > _OPEN_MAX:
            os.close(self._open.popitem(last=False)[1])
        return fd

    def _holds(self, name: bytes, entry: Entry) -> bool:
        try:
            self.frame(name, entry.id, entry.offset, entry.length)
        except FrameError:
            return False
        return True

    def _listed(self, pattern: "re.Pattern[str]") -> Iterator[bytes]:
        for directory in os.scandir(self._layout.packs):
            if len(directory.name) != 2 or not directory.is_dir():
                continue
            for name in os.listdir(directory.path):
                match = pattern.fullmatch(name)
                if match:
                    yield bytes.fromhex(match.group(1))
