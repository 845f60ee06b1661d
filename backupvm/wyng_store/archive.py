# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""An opened archive: its locks, identity, chain, shelf and index together.

Owns the index's life: opening, catching up with the log, throwing it away
and building it again. What is done with an open archive is in `staging`,
`committing`, `reclaiming` and `scrubbing`.
"""

import os
import struct
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Callable, Optional, TypeVar

from wyng_common.errors import FormatError
from wyng_common.ids import ArchiveId, CommitHash
from wyng_store import ballast, doubled, durable, locks
from wyng_store.chain import Chain
from wyng_store.counting import Beat, silent
from wyng_store.enrolling import enroll_found
from wyng_store.errors import (
    Busy,
    Damage,
    Full,
    IndexDamaged,
    NoArchive,
    StoreError,
)
from wyng_store.fetching import Fetcher
from wyng_store.index import Index
from wyng_store.keeping import load_kept
from wyng_store.layout import Layout
from wyng_store.numbering import load_number, save_number
from wyng_store.opening import (
    open_reader,
    open_resting,
    open_writer,
    verify_rows,
)
from wyng_store.policy import Policy
from wyng_store.rebuilding import Finding, build_index
from wyng_store.schema import sqlite_checked
from wyng_store.shelf import Shelf

T = TypeVar("T")
FORMAT_VERSION = 1
_FORMAT = struct.Struct(">8sH16s")
_FORMAT_MAGIC = b"WYNGARCH"
_BAD_KEPT = 1 << 20


def encode_format(archive: ArchiveId) -> bytes:
    """The content of the file `format`."""
    return _FORMAT.pack(_FORMAT_MAGIC, FORMAT_VERSION, archive)


def load_identity(layout: Layout) -> ArchiveId:
    """Whose archive it is; raises NoArchive, Damage, FormatError."""
    if not doubled.exists(layout.format):
        raise NoArchive(f"{layout.root} holds no archive")
    return decode_format(doubled.load(layout.format, _FORMAT.size).content)


def decode_format(content: bytes) -> ArchiveId:
    """Whose archive a file `format` names; raises FormatError."""
    if len(content) != _FORMAT.size:
        raise FormatError("the archive's format has the wrong length")
    magic, version, archive = _FORMAT.unpack(content)
    if magic != _FORMAT_MAGIC or version != FORMAT_VERSION:
        raise FormatError(f"the archive's format {version} is not known")
    return ArchiveId(archive)


class Archive:
    """One archive, open for reading or for writing."""

    def __init__(
        self,
        layout: Layout,
        writer: bool,
        beat: Beat,
        policy: Policy = Policy(),
    ) -> None:
        self.layout = layout
        self.policy = policy
        self.writer = writer
        self.identity = load_identity(layout)
        self.chain = Chain(layout, self.identity)
        self.shelf = Shelf(layout)
        self._beat = beat
        self._index: Optional[Index] = None
        self._private: Optional[Path] = None
        self._verified = False
        # Can holes be punched here? None while nobody asked.
        self.punches: Optional[bool] = None
        self._stack = ExitStack()
        self._stack.callback(self.shelf.close)
        self._stack.callback(self._drop_index)

    @property
    def index(self) -> Index:
        """The open index; it may be another one after `healing`."""
        assert self._index is not None
        return self._index

    @property
    def fetcher(self) -> Fetcher:
        """Reads blobs through the index as it is now."""
        return Fetcher(self.index, self.shelf)

    @property
    def is_private(self) -> bool:
        """Is the index one of our own, because the archive's can't be used?"""
        return self._private is not None

    def close(self) -> None:
        """Close everything; locks go last."""
        self._stack.close()

    def close_files(self) -> None:
        """Close packs and index, and keep the locks."""
        self._drop_index()
        self.shelf.close()

    def hold(self, lock: locks.FileLock) -> None:
        """Keep a lock until close."""
        self._stack.callback(lock.close)

    def healing(self, operation: Callable[[], T]) -> T:
        """Do it; when the index turns out damaged, build it again and do it
        once more. The operation must be one transaction or only read."""
        try:
            with sqlite_checked():
                return operation()
        except IndexDamaged:
            self.rebuild()
        with sqlite_checked():
            return operation()

    def head(self) -> "tuple[int, CommitHash]":
        """Sequence and hash of the newest commit; (0, zero) when none.

        The hash of an unreadable record is what the index remembers, or
        zero.
        """
        sequences = self.chain.sequences()
        if not sequences:
            return 0, CommitHash.zero()
        try:
            return sequences[-1], self.chain.load(sequences[-1]).hash
        except Damage:
            state = self.index.state
            if state.sequence == sequences[-1]:
                return state.sequence, CommitHash(state.head)
            return sequences[-1], CommitHash.zero()

    # The index's life

    def open_index(self) -> None:
        """Open the index, or build it when that can't be."""
        try:
            number = self._number()
            if self.writer:
                self._make_index_private()
                self._open_for_writing()
            else:
                self._open_for_reading()
            self._expect_newest(number)
        except IndexDamaged:
            self.rebuild()

    def rebuild(self) -> Finding:
        """Throw the index away and build it again, counted from the roots."""
        if self.writer:
            return self._rebuild_shared()
        try:
            lock = locks.acquire_writer(self.layout.lock)
        except (Busy, OSError):
            return self._rebuild_private()
        try:
            finding = self._rebuild_shared()
        except (OSError, Full):
            finding = self._rebuild_private()
        finally:
            lock.close()
        return finding

    def build_aside(self) -> "tuple[Index, Finding]":
        """Another index, built from scratch in a place of its own, to
        compare with; its caller closes it."""
        return build_index(
            self._private_path(),
            self.shelf,
            self.chain,
            (),
            self._beat,
            self.writer,
            load_kept(self.layout),
        )

    def verify_index(self) -> None:
        """Once: read the whole index; raises IndexDamaged. For the answer
        "there is no such blob", which must not come from a lost row."""
        if self._verified:
            return
        verify_rows(self.index, self._beat)
        listed = {pack.name for pack in self.index.packs()}
        if not listed.issuperset(self.shelf.names()) and not self.writer:
            raise IndexDamaged("packs are not in the index")
        self._verified = True

    def _rebuild_shared(self) -> Finding:
        suspects = self._suspects()
        self._drop_index()
        temporary = self.layout.index.with_name("index.new")
        _make_folders(temporary.parent)
        durable.unlink(temporary)
        with sqlite_checked():
            built, finding = build_index(
                temporary,
                self.shelf,
                self.chain,
                suspects,
                self._beat,
                kept=load_kept(self.layout),
            )
            with built.transaction():
                built.set_state(reclaims=self._settle_number())
            built.close()
        self._install(temporary)
        opened = open_writer if self.writer else open_reader
        self._index = opened(self.layout.index)
        self._verified = True
        return finding

    def _install(self, built: Path) -> None:
        """The old file goes before its -wal: a -wal without its database is
        nothing, a database without its -wal may be half of one."""
        with built.open("rb") as file:
            durable.sync_file(file.fileno(), built)
        remove_index(self.layout)
        durable.rename(built, self.layout.index)
        durable.sync_directory(self.layout.index.parent)

    def _rebuild_private(self) -> Finding:
        self._drop_index()
        self._private = self._private_path()
        self._index, finding = build_index(
            self._private,
            self.shelf,
            self.chain,
            (),
            self._beat,
            kept=load_kept(self.layout),
        )
        self._verified = True
        return finding

    def _private_path(self) -> Path:
        place = self._stack.enter_context(
            tempfile.TemporaryDirectory(
                prefix="wyng-index-", dir=_roomy_folder()
            )
        )
        return Path(place) / "index.db"

    def _open_for_writing(self) -> None:
        try:
            self._index = open_writer(self.layout.index)
        except (Full, IndexDamaged):
            raise
        except StoreError as error:
            if ballast.is_full(self.layout):
                raise Full("no space left beside the index") from error
            raise

    def _open_for_reading(self) -> None:
        try:
            inode = self.layout.index.stat()
        except FileNotFoundError:
            raise IndexDamaged("there is no index") from None
        if inode.st_nlink > 1:
            raise IndexDamaged("the index is shared with a copy")
        try:
            self._index = open_reader(self.layout.index)
        except StoreError:
            # A directory that can't be written, or a full disk, has no room
            # for SQLite's shared memory.
            self._index = open_resting(self.layout.index)

    def _number(self) -> int:
        try:
            return load_number(self.layout)
        except Damage as error:
            raise IndexDamaged(str(error)) from error

    def _expect_newest(self, number: int) -> None:
        known = self.index.state.reclaims
        if known < number:
            raise IndexDamaged("the index is older than the last reclaim")
        if known > number and self.writer:
            save_number(self.layout, known)

    def _settle_number(self) -> int:
        """The number that a new index gets; a lost one is made up, larger
        than any that an index lying about may know."""
        try:
            return load_number(self.layout)
        except Damage:
            number = time.time_ns()
            if self.writer:
                save_number(self.layout, number)
            return number

    def _make_index_private(self) -> None:
        """An index that is a hard link would be written in both archives."""
        index = self.layout.index
        if not index.exists() or index.stat().st_nlink > 1:
            remove_index(self.layout)
            raise IndexDamaged("there is no index of our own")

    def _suspects(self) -> "list[bytes]":
        if self._index is None:
            return []
        try:
            with sqlite_checked():
                return self._index.bad_ids(_BAD_KEPT)
        except (StoreError, FormatError):
            return []

    def _drop_index(self) -> None:
        index, self._index = self._index, None
        if index is not None:
            try:
                index.close()
            except StoreError:
                # A damaged index may fail even to close; it is gone anyway.
                return


def _roomy_folder() -> Optional[str]:
    """/tmp is often memory, and an index may take a gigabyte."""
    if "TMPDIR" in os.environ or not os.access("/var/tmp", os.W_OK):
        return None
    return "/var/tmp"


def _make_folders(path: Path) -> None:
    """The index's folder in the user's cache, which any program may clear."""
    path.mkdir(0o700, parents=True, exist_ok=True)


def remove_index(layout: Layout) -> None:
    """Remove the index and what SQLite keeps beside it."""
    for suffix in ("", "-journal", "-wal", "-shm"):
        durable.unlink(layout.index.with_name(layout.index.name + suffix))


def open_for_reading(layout: Layout, beat: Beat = silent) -> Archive:
    """Open an archive to read it, under the readers' lock."""
    load_identity(layout)
    archive = Archive(layout, False, beat)
    try:
        try:
            archive.hold(locks.acquire_reader(layout.readers))
        except OSError:
            # Nobody takes anything away where not even a lock can be made.
            archive.writer = False
        archive.open_index()
        return archive
    except BaseException:
        archive.close()
        raise


def enroll_unlisted(archive: Archive) -> None:
    """List packs that a crash kept from the index; raises IndexDamaged when
    a listed pack's file is gone, so that a rebuild tells what is lost."""
    index = archive.index
    with sqlite_checked():
        listed = {pack.name: pack for pack in index.packs()}
    names = set(archive.shelf.names())
    for name in listed.keys() - names:
        if listed[name].rows:
            raise IndexDamaged("listed packs are not there")
        with index.transaction():  # unlinked, and then a crash
            index.remove_pack(listed[name].num)
    for name in sorted(names - listed.keys()):
        with index.transaction():
            enroll_found(index, archive.shelf, name)
