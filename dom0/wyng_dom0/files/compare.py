# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What differs between a volume of files and the files as they are now.

Times are not compared. Nothing is written; what is there now is opened as
when it is backed up. Every difference is counted, so many are kept.
"""

import os
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import unified_diff
from itertools import islice

from wyng_common import limits
from wyng_dom0.files.below import open_file, open_folder, split
from wyng_dom0.files.entry import (
    ENTRIES_MAX,
    Bounds,
    Entry,
    Kind,
    shown,
)
from wyng_dom0.files.notes import Notes
from wyng_dom0.files.reader import Piece
from wyng_dom0.files.scan import Tree, scan

KEPT = 1000
MISSING = "missing"
NEW = "new"
# Whatever there is; a session had no more.
_ALL = Bounds(ENTRIES_MAX, limits.VOLUME_SIZE_MAX)
_AT_ONCE = limits.MIB
_TEXT_MAX = 64 * limits.KIB
_LINES_EACH = 100
_LINES_IN_ALL = 1000
_GENERATED_MAX = 4 * limits.MIB
_TYPES = {
    Kind.FILE: stat.S_ISREG,
    Kind.HARD_LINK: stat.S_ISREG,
    Kind.LINK: stat.S_ISLNK,
    Kind.FOLDER: stat.S_ISDIR,
}


@dataclass(frozen=True)
class Difference:
    """`what` is MISSING now, NEW since, or what is another: "content, mode".

    `text` is a unified diff from the volume to now, cut if long; "" where
    there is none.
    """

    path: bytes
    what: str
    text: str = ""


@dataclass
class Comparing:
    """Compares entries as they are read with what `tree` has now."""

    tree: Tree
    with_texts: bool = False
    differences: list[Difference] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    # What the volume has of files that are made anew each time.
    generated: dict[bytes, bytes] = field(default_factory=dict)
    _seen: set[bytes] = field(default_factory=set)
    _one_sided: set[bytes] = field(default_factory=set)
    _lines: int = 0

    def watch(self, entry: Entry, content: Iterator[Piece]) -> Iterator[Piece]:
        """The content, passed on while it is compared."""
        self._seen.add(entry.path)
        if entry.path in self.tree.generated:
            yield from self._watch_generated(entry, content)
            return
        fd, what = self._look_at(entry)
        if fd < 0:
            yield from content
        else:
            try:
                yield from self._watch_file(entry, fd, what, content)
            finally:
                os.close(fd)
        if what == [MISSING]:
            self._add_one_sided(entry, MISSING)
        elif what:
            self._add(entry.path, what)

    def finish(self, name: str) -> None:
        """Add what is new since; raises TooMuch or NotFound, as scan."""
        for entry in scan(self.tree, _ALL, Notes(), name):
            if entry.path not in self._seen:
                self._add_one_sided(entry, NEW)

    def _add_one_sided(self, entry: Entry, what: str) -> None:
        """What lies below a folder that is on one side alone goes with it."""
        if entry.kind is Kind.FOLDER:
            self._one_sided.add(entry.path)
        if split(entry.path)[0] not in self._one_sided:
            self._add(entry.path, [what])

    def _add(self, path: bytes, what: list[str], text: str = "") -> None:
        one = what[0] if what[0] in (MISSING, NEW) else "differing"
        self.counts[one] += 1
        if self.counts[one] <= KEPT:
            self.differences.append(Difference(path, ", ".join(what), text))

    def _look_at(self, entry: Entry) -> tuple[int, list[str]]:
        """A descriptor of a file to be read, else -1; and what differs."""
        folder, name = split(entry.path)
        try:
            base = os.open(self.tree.base, os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                at = open_folder(base, folder)
            finally:
                os.close(base)
        except OSError:
            return -1, [MISSING]
        try:
            seen = os.stat(name, dir_fd=at, follow_symlinks=False)
            what = _what_differs(entry, seen)
            if entry.kind is Kind.LINK and "kind" not in what:
                if os.readlink(name, dir_fd=at) != entry.target:
                    what.append("target")
            if entry.kind is not Kind.FILE or "kind" in what:
                return -1, what
            return open_file(at, name), what
        except FileNotFoundError:
            return -1, [MISSING]
        except OSError:
            return -1, ["unreadable"]
        finally:
            os.close(at)

    def _watch_file(
        self, entry: Entry, fd: int, what: list[str], content: Iterator[Piece]
    ) -> Iterator[Piece]:
        """As watch, of a file; adds to `what`, or tells a text at once."""
        size = os.fstat(fd).st_size
        is_text = self.with_texts and max(size, entry.size) <= _TEXT_MAX
        same, at, kept = size == entry.size, 0, bytearray()
        for piece in content:
            if is_text:
                kept += bytes(piece) if isinstance(piece, int) else piece
            elif same:
                same = _is_at(fd, at, piece)
            at += piece if isinstance(piece, int) else len(piece)
            yield piece
        if is_text:
            now = _read(fd, _TEXT_MAX, 0)
            same = now == kept
            if not same:
                text = self._text(entry.path, bytes(kept), now)
                self._add(entry.path, ["content", *what], text)
                what.clear()
        elif not same:
            what.insert(0, "content")

    def _watch_generated(
        self, entry: Entry, content: Iterator[Piece]
    ) -> Iterator[Piece]:
        kept = bytearray()
        for piece in content:
            if len(kept) < _GENERATED_MAX:
                kept += b"" if isinstance(piece, int) else piece
            yield piece
        self.generated[entry.path] = bytes(kept)

    def _text(self, path: bytes, then: bytes, now: bytes) -> str:
        """A unified diff, or "" where one of them is no text."""
        try:
            texts = [each.decode("utf-8") for each in (then, now)]
        except UnicodeDecodeError:
            return ""
        if "\0" in "".join(texts):
            return ""
        name = shown(path)
        most = max(0, min(_LINES_EACH, _LINES_IN_ALL - self._lines))
        lines = unified_diff(
            texts[0].splitlines(),
            texts[1].splitlines(),
            f"then/{name}",
            f"now/{name}",
            lineterm="",
            n=1,
        )
        found = list(islice(lines, most + 1))
        if len(found) > most:
            found[most:] = ["(more differs)"]
        self._lines += len(found)
        return "\n".join(found)


def _what_differs(entry: Entry, seen: os.stat_result) -> list[str]:
    if not _TYPES[entry.kind](seen.st_mode):
        return ["kind"]
    what = []
    if entry.kind in (Kind.FILE, Kind.FOLDER):
        if stat.S_IMODE(seen.st_mode) != entry.mode:
            what.append("mode")
        if (seen.st_uid, seen.st_gid) != (entry.uid, entry.gid):
            what.append("owner")
    return what


def _is_at(fd: int, offset: int, piece: Piece) -> bool:
    """Is that what a file has there now?"""
    if not isinstance(piece, int):
        return _read(fd, len(piece), offset) == piece
    end = offset + piece
    while offset < end:
        found = _read(fd, min(_AT_ONCE, end - offset), offset)
        if not found or found.strip(b"\0"):
            return False
        offset += len(found)
    return True


def _read(fd: int, length: int, offset: int) -> bytes:
    """What a file has there; b"" where a broken disk says nothing."""
    try:
        return os.pread(fd, length, offset)
    except OSError:
        return b""
