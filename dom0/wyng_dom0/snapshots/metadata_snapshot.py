# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The one metadata snapshot that a thin pool can have reserved.

Owns that ours is always released, after a crash too, and that another
program's never is. It outlives processes and reboots, and nothing in it says
whose it is. So a note is durable before we reserve, and says afterwards
which one is ours:

1. lock of the pool among our own processes
2. note: about to reserve, and the pool's transaction; nothing is held
3. reserve
4. note: the block it lies in and the digest of that block
5. release, then the note goes

Whoever finds a note releases what is held only if it is that very one: after
4 block and digest must agree. Between 2 and 4 the block must come from the
transaction of the note and nobody may have the pool's metadata open.
"""

import fcntl
import hashlib
import json
import mmap
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from wyng_dom0.errors import SourceError
from wyng_dom0.snapshots import device_mapper
from wyng_dom0.snapshots.commands import ToolFailed, run_tool
from wyng_dom0.snapshots.driver import CannotTell
from wyng_dom0.state import durable

# Another tool compares volumes meanwhile; more than that is no comparison.
WAIT_SECONDS = 60.0
_PAUSE_SECONDS = 0.2
_TELL_AFTER_SECONDS = 1.0
_BLOCK = 4096
_TRANSACTION_AT = 48
_NOTE_MAX = 4096

Say = Callable[[str], None]


@dataclass(frozen=True)
class Note:
    """What we wrote down; `root` is -1 as long as nothing was reserved."""

    pool_uuid: str
    transaction: int
    root: int = -1
    digest: str = ""


@dataclass(frozen=True)
class PoolMetadata:
    """The metadata device of one active pool, and where our notes lie.

    `uuid` is the pool's own, so that a note of another pool of the same name
    means nothing.
    """

    vg: str
    pool: str
    uuid: str
    folder: Path
    say: Say
    wait_seconds: float = WAIT_SECONDS

    @property
    def device(self) -> str:
        """The device node that thin_delta and thin_dump read."""
        name = device_mapper.mapper_name(self.vg, self.pool)
        return f"{device_mapper.MAPPER}/{name}_tmeta"

    @property
    def place(self) -> str:
        """What sentences call the pool."""
        return f"{self.vg}/{self.pool}"

    @contextmanager
    def reserved(self) -> Iterator[None]:
        """Hold the metadata snapshot while the block runs.

        Waits for others, and says so. Raises CannotTell where none can be
        had: the pool is read-only, its metadata full, or somebody holds it.
        """
        with self._locked():
            self._release_leftover()
            note = self._reserve()
            try:
                yield
            finally:
                self._release(note)

    def release_leftover(self) -> None:
        """Release what a crashed run of ours left reserved, if any."""
        if self._note_path.exists():
            with self._locked():
                self._release_leftover()

    # Reserving

    def _reserve(self) -> Note:
        """Waits until nothing is held, then reserves."""
        waited = _Waiting(
            self,
            f"the metadata snapshot of the pool {self.place}, which another"
            " program holds",
        )
        while True:
            status = self._status()
            if not status.writable:
                raise CannotTell(
                    f"the pool {self.place} is read-only or failed: what"
                    " changed can't be asked of it"
                )
            if status.held_root is None:
                note = Note(self.uuid, status.transaction)
                self._write(note)
                if self._send_reserve():
                    return self._noted(note)
                self._forget()
            waited.pause()

    def _send_reserve(self) -> bool:
        """False when somebody was quicker."""
        try:
            self._message("reserve_metadata_snap")
        except ToolFailed as error:
            if "busy" in error.said.lower():
                return False
            self._forget()
            raise CannotTell(
                f"the pool {self.place} reserves no metadata snapshot:"
                f" {error.said}"
            ) from None
        return True

    def _noted(self, note: Note) -> Note:
        """Write down which one is ours; release it where that fails."""
        try:
            root = self._status().held_root
            if root is None:
                raise CannotTell(
                    f"the metadata snapshot of {self.place} is gone again"
                )
            digest = hashlib.sha256(self._block(root)).hexdigest()
            full = Note(note.pool_uuid, note.transaction, root, digest)
            self._write(full)
        except BaseException:
            self._message("release_metadata_snap")
            self._forget()
            raise
        return full

    def _release(self, note: Note) -> None:
        """Release ours, unless somebody did and it is another's by now."""
        if self._is_ours(note):
            self._message("release_metadata_snap")
        self._forget()

    def _release_leftover(self) -> None:
        note = self._read()
        if note is None:
            return
        if note.pool_uuid == self.uuid and self._was_ours(note):
            self._message("release_metadata_snap")
        self._forget()

    def _was_ours(self, note: Note) -> bool:
        if note.root >= 0:
            return self._is_ours(note)
        # Killed between reserving and writing down which one it is.
        root = self._status().held_root
        if root is None:
            return False
        at = slice(_TRANSACTION_AT, _TRANSACTION_AT + 8)
        transaction = int.from_bytes(self._block(root)[at], "little")
        return transaction == note.transaction and not self._has_readers()

    def _is_ours(self, note: Note) -> bool:
        root = self._status().held_root
        if root is None or root != note.root:
            return False
        return hashlib.sha256(self._block(root)).hexdigest() == note.digest

    def _has_readers(self) -> bool:
        """True when more than the pool itself has the metadata open."""
        words = ["dmsetup", "info", "-c", "--noheadings", "-o", "open", "--"]
        text = run_tool([*words, os.path.basename(self.device)])
        return int(text) > 1

    def _message(self, text: str) -> None:
        name = device_mapper.mapper_name(self.vg, self.pool, "tpool")
        run_tool(["dmsetup", "message", name, "0", text])

    def _status(self) -> device_mapper.PoolStatus:
        return device_mapper.pool_status(self.vg, self.pool)

    def _block(self, number: int) -> bytes:
        """A block of the metadata as it is on the device, past all caches."""
        flags = os.O_RDONLY | os.O_DIRECT | os.O_CLOEXEC
        try:
            fd = os.open(self.device, flags)
        except OSError as error:
            raise SourceError(
                f"the metadata of the pool {self.place} can't be read:"
                f" {error.strerror}"
            ) from None
        try:
            with mmap.mmap(-1, _BLOCK) as page:
                if os.preadv(fd, [page], number * _BLOCK) != _BLOCK:
                    raise SourceError(
                        f"the metadata of the pool {self.place} is cut short"
                    )
                return page[:]
        finally:
            os.close(fd)

    # The note and the lock

    @property
    def _note_path(self) -> Path:
        return self.folder / f"{self.vg}-{self.pool}.reserved"

    def _write(self, note: Note) -> None:
        durable.make_private_folder(self.folder)
        text = json.dumps(asdict(note)).encode()
        durable.write_private(self._note_path, text)

    def _forget(self) -> None:
        durable.remove_private(self._note_path)

    def _read(self) -> Note | None:
        try:
            with open(self._note_path, "rb") as file:
                return parse_note(file.read(_NOTE_MAX))
        except FileNotFoundError:
            return None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        durable.make_private_folder(self.folder)
        path = self.folder / f"{self.vg}-{self.pool}.lock"
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(path, flags, 0o600)
        try:
            waited = _Waiting(
                self,
                f"the metadata snapshot of the pool {self.place}, which"
                " another run of ours holds",
            )
            while not _try_lock(fd):
                waited.pause()
            yield
        finally:
            os.close(fd)


class _Waiting:
    """Pauses up to a bound; tells once for what."""

    def __init__(self, metadata: PoolMetadata, what: str) -> None:
        self._metadata = metadata
        self._what = what
        self._since = time.monotonic()
        self._told = False

    def pause(self) -> None:
        waited = time.monotonic() - self._since
        if waited > self._metadata.wait_seconds:
            raise CannotTell(
                f"waited {waited:.0f} seconds in vain for {self._what}"
            )
        if waited > _TELL_AFTER_SECONDS and not self._told:
            self._told = True
            self._metadata.say(f"waiting for {self._what}")
        time.sleep(_PAUSE_SECONDS)


def _try_lock(fd: int) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def parse_note(data: bytes) -> Note | None:
    """A note as it was written; None for what says nothing."""
    try:
        fields = json.loads(data)
        return Note(
            str(fields["pool_uuid"]),
            int(fields["transaction"]),
            int(fields["root"]),
            str(fields["digest"]),
        )
    except (ValueError, KeyError, TypeError):
        return None
