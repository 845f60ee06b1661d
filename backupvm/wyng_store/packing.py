# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writing packs: open ones that grow, and their end.

A pack grows as NAME.part. When it is full or a SYNC asks, one background
thread writes the footer, fsyncs, renames it to NAME.pack and fsyncs the
directory, so that receiving goes on meanwhile. Knows frames and packs; the
index is its caller's business.
"""

import os
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotDone
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, List, Optional, Tuple

from wyng_common.frames import DOUBLED_TYPES, BlobType, FrameHeader
from wyng_common.ids import ArchiveId, BlobId, StagingToken
from wyng_common.limits import MIB
from wyng_store import durable
from wyng_store.counting import Beat, silent
from wyng_store.errors import Full
from wyng_store.layout import (
    BEAT_SECONDS,
    PACK_ENTRIES_MAX,
    PACK_NAME_SIZE,
    PACK_TARGET,
    Layout,
)
from wyng_store.packs import (
    PACK_HEADER_SIZE,
    Entry,
    PackHeader,
    PackKind,
    encode_footer,
)

_BACKLOG_MAX = 2
# Chunks are written together: one by one they took twice the time (measured
# with 37 KiB each on ext4).
_BUFFER_SIZE = 1 * MIB


@dataclass(frozen=True)
class FinishedPack:
    """A pack that is durable under its final name."""

    header: PackHeader
    entries: List[Entry]
    size: int


class GrowingPack:
    """One NAME.part; frames are appended whole or not at all.

    Of chunks the last MiB may be in memory only, before `flush`.
    """

    def __init__(self, layout: Layout, header: PackHeader) -> None:
        self.header = header
        self.entries: List[Entry] = []
        self.end = PACK_HEADER_SIZE
        self._written = 0
        size = _BUFFER_SIZE if header.kind is PackKind.DATA else 0
        self._buffer = memoryview(bytearray(size))
        self._final = layout.pack(header.name)
        self._part = self._final.with_suffix(".part")
        durable.make_directory(self._part.parent)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with durable.space_checked(self._part):
            self._fd = os.open(self._part, flags, 0o600)
        try:
            self._write(header.encode())
        except Full:
            self.abandon()
            raise

    @property
    def is_full(self) -> bool:
        return self.end >= PACK_TARGET or len(self.entries) >= PACK_ENTRIES_MAX

    def append(self, header: FrameHeader, frame: durable.Data) -> None:
        """Add one frame; on Full the pack is as it was before."""
        length = len(frame)
        if self._buffered + length > len(self._buffer):
            self.flush()
        if length > len(self._buffer):
            self._write(frame)
        else:
            at = self._buffered
            self._buffer[at : at + length] = frame
        self.entries.append(Entry(header.type, header.id, self.end, length))
        self.end += length

    def flush(self) -> None:
        """Write what is only in memory; on Full it stays there."""
        if self._buffered:
            self._write(self._buffer[: self._buffered])

    def finish(self) -> FinishedPack:
        """Footer, fsync, rename, fsync of the directory.

        May be called again after Full; after DurabilityLost never.
        """
        self.flush()
        if self._written > self.end:
            self._cut(self.end)  # the footer of a try that ended in Full
        self._write(encode_footer(self.header, self.entries))
        durable.sync_file(self._fd, self._part)
        size = os.fstat(self._fd).st_size
        durable.rename(self._part, self._final)
        durable.sync_directory(self._final.parent)
        os.close(self._fd)
        return FinishedPack(self.header, self.entries, size)

    def abandon(self) -> None:
        """Let go of the file; what it holds is found at the next open."""
        try:
            if self.entries:
                self.flush()
            else:
                durable.unlink(self._part)
        except (Full, OSError):
            # Never promised before a sync: what is not there is sent again.
            return
        finally:
            os.close(self._fd)

    @property
    def _buffered(self) -> int:
        return max(0, self.end - self._written)

    def _write(self, data: durable.Data) -> None:
        """Write at the file's end, all or nothing."""
        try:
            with durable.space_checked(self._part):
                durable.write_all(self._fd, data)
        except (Full, OSError):
            self._cut(self._written)
            raise
        self._written += len(data)

    def _cut(self, end: int) -> None:
        os.ftruncate(self._fd, end)
        os.lseek(self._fd, end, os.SEEK_SET)
        self._written = end


class Packer:
    """Sorts frames into packs of the three kinds, for one staging token.

    `finished` is called in the caller's thread for each pack that became
    durable, in no particular order.
    """

    def __init__(
        self,
        layout: Layout,
        archive: ArchiveId,
        token: StagingToken,
        finished: Callable[[FinishedPack], None],
    ) -> None:
        self._layout = layout
        self._archive = archive
        self._token = token
        self._finished = finished
        self._growing: Dict[PackKind, GrowingPack] = {}
        self._ending: List[Tuple[GrowingPack, "Future[FinishedPack]"]] = []
        self._thread = ThreadPoolExecutor(max_workers=1)

    def put(self, header: FrameHeader, frame: durable.Data) -> None:
        """Append a frame, and its second copy when its type has one.

        Not durable before `sync`. Raises Full, with the frame not stored.
        """
        kind = PackKind.META
        if header.type is BlobType.CHUNK:
            kind = PackKind.DATA
        if header.type in DOUBLED_TYPES:
            self._append(PackKind.COPY, header, frame)
        self._append(kind, header, frame)

    def flush(self) -> None:
        """Hand all frames to the kernel; they outlive this process then.

        Raises Full, with the frames kept for the next time.
        """
        for pack in self._growing.values():
            pack.flush()

    def sync(self, beat: Beat = silent) -> None:
        """Make all frames before durable; raises Full, DurabilityLost."""
        for kind in list(self._growing):
            self._end(kind)
        while self._ending:
            self._reap(beat)

    def close(self) -> None:
        """Stop; frames since the last sync wait for the next open."""
        self._thread.shutdown(wait=True)
        for pack, _ in self._ending:
            pack.abandon()
        for pack in self._growing.values():
            pack.abandon()
        self._growing.clear()

    def _append(
        self, kind: PackKind, header: FrameHeader, frame: durable.Data
    ) -> None:
        pack = self._growing.get(kind)
        if pack is None:
            pack = self._growing[kind] = GrowingPack(
                self._layout, self._new_header(kind)
            )
        pack.append(header, frame)
        if pack.is_full:
            self._end(kind)
            while len(self._ending) > _BACKLOG_MAX or (
                self._ending and self._ending[0][1].done()
            ):
                self._reap(silent)

    def _new_header(self, kind: PackKind) -> PackHeader:
        name = os.urandom(PACK_NAME_SIZE)
        return PackHeader(kind, self._archive, self._token, name)

    def _end(self, kind: PackKind) -> None:
        pack = self._growing.pop(kind)
        self._ending.append((pack, self._thread.submit(pack.finish)))

    def _reap(self, beat: Beat) -> None:
        """Wait for the oldest ending pack; keep it for later when Full."""
        pack, future = self._ending[0]
        while True:
            try:
                finished = future.result(timeout=BEAT_SECONDS)
                break
            except NotDone:
                beat(0, 0)
            except Full:
                again = self._thread.submit(pack.finish)
                self._ending[0] = (pack, again)
                raise
        del self._ending[0]
        self._finished(finished)


def copy_pack(
    layout: Layout, header: PackHeader, source: int, entries: List[Entry]
) -> Optional[FinishedPack]:
    """Finish what a crash left: its good frames, in a pack of a new name.

    `source` is the open .part. A new file, never the old one, because that
    may be a hard link into another archive's growing pack.
    """
    if not entries:
        return None
    name = os.urandom(PACK_NAME_SIZE)
    fresh = PackHeader(header.kind, header.archive, header.token, name)
    pack = GrowingPack(layout, fresh)
    try:
        for entry in entries:
            frame = os.pread(source, entry.length, entry.offset)
            pack.append(_as_header(entry), frame)
        return pack.finish()
    except Full:
        pack.entries.clear()
        pack.abandon()
        raise


def _as_header(entry: Entry) -> FrameHeader:
    return FrameHeader(BlobType(entry.type), BlobId(entry.id), 0, 0)


def part_path(layout: Layout, name: bytes) -> Path:
    """Where the growing pack called `name` lies."""
    return layout.pack(name).with_suffix(".part")
