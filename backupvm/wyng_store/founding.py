# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Founding and ending an archive, and its key slots.

`format` is written last, so that a founding cut off leaves no archive. An end
moves the log into trash/ first, so that one cut off may be founded over.
"""

import os
import shutil
from pathlib import Path
from typing import Iterator, List, Optional, Tuple

from wyng_common import limits
from wyng_common.errors import FormatError
from wyng_common.ids import ArchiveId, CommitHash
from wyng_store import doubled, durable, locks
from wyng_store.archive import (
    Archive,
    decode_format,
    encode_format,
    remove_index,
)
from wyng_store.errors import Conflict, Damage, InUse
from wyng_store.layout import READERS_WAIT_SECONDS, Layout

_DIRECTORIES = ("keys", "packs", "log", "trash")
_LOCKS = ("lock", "readers")
_FILES = (
    *(*_LOCKS, "format", "format.copy", "ballast"),
    *("reclaims", "reclaims.copy", "delayed", "delayed.copy"),
)
_CUT_OFF = ("format.tmp", "format.copy.tmp")
_FORMAT_MAX = 4096
# A file system's own, in an otherwise empty mount point.
_IGNORED = ("lost+found",)


def found(layout: Layout, archive: ArchiveId) -> None:
    """Make an archive in a directory that is absent, empty, or holds one
    without any commit. Raises InUse, Busy, Full."""
    _make_root(layout.root)
    _check_unused(layout)
    lock = locks.acquire_writer(layout.lock)
    try:
        _check_unused(layout)
        _clear(layout)
        for name in _DIRECTORIES:
            durable.make_directory(layout.root / name)
        # So that the first reader needs no room for it on a full disk.
        locks.acquire_reader(layout.readers).close()
        doubled.create(layout.format, encode_format(archive))
    finally:
        lock.close()


def end(archive: Archive, id: ArchiveId, head: CommitHash) -> None:
    """Remove a whole archive, if it is that one and at that head.

    Waits for readers; raises Busy, Conflict. A crash leaves it whole, or
    remains that `found` takes over.
    """
    check_head(archive, id, head)
    layout = archive.layout
    with locks.readers_excluded(layout.readers, READERS_WAIT_SECONDS):
        durable.make_directory(layout.trash)
        # The log first and in one step: an archive without a log, whose log
        # lies in trash/, is one that `found` may take over.
        durable.rename(layout.log, layout.trash / "log")
        durable.sync_directory(layout.trash)
        durable.sync_directory(layout.root)
        for path in (layout.format, layout.format.with_name("format.copy")):
            if path.exists():
                durable.rename(path, layout.trash / path.name)
        durable.sync_directory(layout.root)
        archive.close_files()
        remove_index(layout)
        _clear(layout)


def check_head(archive: Archive, id: ArchiveId, head: CommitHash) -> None:
    """Raises Conflict when it is not that archive at that head."""
    sequence, there = archive.head()
    if (id, head) != (archive.identity, there):
        raise Conflict(sequence, there)


def is_founded(layout: Layout) -> bool:
    """Is there an archive, readable or not?"""
    return doubled.exists(layout.format)


def list_slots(layout: Layout) -> Iterator[Tuple[int, Optional[bytes]]]:
    """Number and bytes of each key slot; None for one that is damaged."""
    for number in range(limits.SLOTS_MAX):
        path = layout.slot(number)
        if doubled.exists(path):
            try:
                slot = doubled.load(path, limits.SLOT_FILE_MAX)
                yield number, slot.content
            except Damage:
                yield number, None


def put_slot(layout: Layout, number: int, data: bytes) -> bool:
    """Create a key slot, durably; False when another one is there."""
    return doubled.create(layout.slot(number), data)


def drop_slot(layout: Layout, number: int) -> bool:
    """Remove a key slot, durably; False when there is none."""
    path = layout.slot(number)
    if not doubled.exists(path):
        return False
    doubled.remove(path)
    return True


def heal_slots(layout: Layout) -> None:
    """Write bad copies of key slots again from the good ones."""
    for number, content in list_slots(layout):
        if content is not None:
            doubled.heal(layout.slot(number), content)


def _make_root(root: Path) -> None:
    missing: List[Path] = []
    at = root
    while not at.exists():
        missing.append(at)
        at = at.parent
    for path in reversed(missing):
        durable.make_directory(path)


def _check_unused(layout: Layout) -> None:
    """Only what bears our mark, or is bare, may be cleared: a directory of
    somebody's own may well be called `keys` or `log`."""
    names = set(os.listdir(layout.root)) - set(_IGNORED)
    if all(_is_bare(layout.root / name) for name in names):
        return
    if not (_is_marked(layout) and all(map(_is_ours, names))):
        raise InUse(f"{layout.root} holds other things")
    if layout.log.exists() and any(map(_is_record, layout.log.iterdir())):
        raise InUse(f"{layout.root} holds an archive")
    ending = (layout.trash / "log").exists()
    if doubled.exists(layout.format) and not (layout.log.exists() or ending):
        raise InUse(f"{layout.root} holds an archive whose log is lost")


def _is_ours(name: str) -> bool:
    return name in _DIRECTORIES or name in _FILES or _is_passing(name)


def _is_passing(name: str) -> bool:
    """A part of the index, or a file that was being written."""
    if name.startswith(("index.db", "index.new")):
        return True
    return name in _CUT_OFF or name in {f"{each}.tmp" for each in _FILES}


def _is_bare(path: Path) -> bool:
    """Is it a lock or an empty directory, as a founding cut off leaves?"""
    if path.is_symlink():
        return False
    if path.is_dir():
        return path.name in _DIRECTORIES and not any(path.iterdir())
    if path.name in _CUT_OFF:
        return path.stat().st_size <= _FORMAT_MAX
    return path.name in _LOCKS and path.stat().st_size == 0


def _is_marked(layout: Layout) -> bool:
    """Is there a format of ours, in its place or thrown away?"""
    for path in (layout.format, layout.trash / layout.format.name):
        try:
            decode_format(doubled.load(path, _FORMAT_MAX).content)
        except (Damage, FormatError):
            continue
        return True
    return False


def _clear(layout: Layout) -> None:
    """Remove all that is ours but the locks.

    The mark goes last, so that what a crash leaves of this can be cleared
    again: first `format`, or where it was thrown away, its place in trash/.
    """
    for name in os.listdir(layout.root):
        path = layout.root / name
        if name in _DIRECTORIES and name != layout.trash.name:
            shutil.rmtree(path)
        elif _is_passing(name) or name in _FILES[4:]:
            durable.unlink(path)
    if layout.trash.exists():
        for path in layout.trash.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
    for path in (layout.format, layout.format.with_name("format.copy")):
        durable.unlink(path)
    if layout.trash.exists():
        shutil.rmtree(layout.trash)
    durable.sync_directory(layout.root)


def _is_record(path: Path) -> bool:
    """A record that never got its name is none."""
    return path.suffix != ".tmp"
