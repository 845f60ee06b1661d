# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Founding and ending an archive, and its key slots.

`format` is written last, so that a founding cut off leaves no archive; and
removed first, into trash/, so that an end cut off leaves none either.
"""

import os
import shutil
from pathlib import Path
from typing import Iterator, List, Optional, Tuple

from wyng_common import limits
from wyng_common.ids import ArchiveId, CommitHash
from wyng_store import doubled, durable, locks
from wyng_store.archive import Archive, encode_format, load_identity
from wyng_store.errors import Conflict, Damage, InUse
from wyng_store.layout import READERS_WAIT_SECONDS, Layout

_DIRECTORIES = ("keys", "packs", "log", "trash")
_FILES = ("format", "index.", "lock", "readers")
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
        doubled.create(layout.format, encode_format(archive))
    finally:
        lock.close()


def end(archive: Archive, id: ArchiveId, head: CommitHash) -> None:
    """Remove a whole archive, if it is that one and at that head.

    Waits for readers; raises Busy, Conflict. A crash leaves it whole, or
    remains that `found` takes over.
    """
    sequence, there = archive.head()
    if (id, head) != (archive.identity, there):
        raise Conflict(sequence, there)
    layout = archive.layout
    with locks.readers_excluded(layout.readers, READERS_WAIT_SECONDS):
        durable.make_directory(layout.trash)
        for path in (layout.format, layout.format.with_name("format.copy")):
            if path.exists():
                durable.rename(path, layout.trash / path.name)
        durable.sync_directory(layout.trash)
        durable.sync_directory(layout.root)
        log = layout.trash / "log"
        durable.rename(layout.log, log)
        durable.sync_directory(layout.root)
        archive.close()
        _clear(layout)


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
    names = set(os.listdir(layout.root)) - set(_IGNORED)
    if not all(_is_ours(name) for name in names):
        raise InUse(f"{layout.root} holds other things")
    if layout.log.exists() and any(layout.log.iterdir()):
        raise InUse(f"{layout.root} holds an archive")
    if doubled.exists(layout.format):
        load_identity(layout)


def _is_ours(name: str) -> bool:
    return name in _DIRECTORIES or name.startswith(_FILES)


def _clear(layout: Layout) -> None:
    """Remove all that is ours but the locks; `format` first."""
    names = os.listdir(layout.root)
    for name in sorted(names, key=lambda name: not name.startswith("format")):
        path = layout.root / name
        if name in _DIRECTORIES and path.is_dir():
            shutil.rmtree(path)
        elif name.startswith(("format", "index.")):
            durable.unlink(path)
    durable.sync_directory(layout.root)
