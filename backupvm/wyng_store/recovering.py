# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Opening an archive to write: everything a crash may have left is put right.

In this order: lock, temporary files, doubled files, unfinished packs, index,
packs it does not list, commits it is behind. Each step may be cut off and done
again.
"""

import os

from wyng_common.ids import StagingToken
from wyng_store import durable, locks
from wyng_store.archive import (
    Archive,
    encode_format,
    enroll_unlisted,
    load_identity,
)
from wyng_store.committing import count_commit
from wyng_store.counting import Beat, silent
from wyng_store.doubled import heal
from wyng_store.errors import Damage, Full, IndexDamaged, MissingBlobs
from wyng_store.founding import heal_slots
from wyng_store.layout import Layout
from wyng_store.packing import copy_pack, part_path
from wyng_store.packs import PackHeader, PackKind, read_pack
from wyng_store.policy import Policy
from wyng_store.rows import State


def open_for_writing(
    layout: Layout, beat: Beat = silent, policy: Policy = Policy()
) -> Archive:
    """Open an archive under the writer lock, recovered.

    Raises Busy, NoArchive, Damage, Full.
    """
    load_identity(layout)
    lock = locks.acquire_writer(layout.lock)
    try:
        lock = locks.make_private(layout.lock, lock)
        archive = Archive(layout, True, beat, policy)
    except BaseException:
        lock.close()
        raise
    archive.hold(lock)
    try:
        _remove_temporaries(layout)
        _heal_doubled(archive)
        _recover_parts(archive)
        archive.open_index()
        archive.healing(lambda: enroll_unlisted(archive))
        archive.healing(lambda: catch_up(archive, beat))
        return archive
    except BaseException:
        archive.close()
        raise


def catch_up(archive: Archive, beat: Beat = silent) -> None:
    """Count the commits that the index does not know yet.

    Raises IndexDamaged when the log is not the one the index counted, or
    can't be followed: then only a rebuild tells.
    """
    state = archive.index.state
    sequences = archive.chain.sequences()
    last = sequences[-1] if sequences else 0
    if state.safe:
        # What the last recount found stays true until another one.
        if state.sequence > last:
            raise IndexDamaged("the index counted commits that are gone")
    elif not _agrees(archive, state, sequences):
        raise IndexDamaged("the index counted another log")
    for sequence in range(state.sequence + 1, last + 1):
        try:
            record = archive.chain.load(sequence)
            if record.commit.previous != archive.index.state.head:
                raise IndexDamaged("the chain of commits is broken")
            archive.chain.heal(record)
            count_commit(archive, record.commit, record.hash, None, beat)
        except (Damage, MissingBlobs) as error:
            raise IndexDamaged("a commit can't be counted") from error


def _agrees(archive: Archive, state: State, sequences: "list[int]") -> bool:
    if len(sequences) != (sequences[-1] if sequences else 0):
        return False
    if state.sequence > len(sequences):
        return False
    if state.sequence == 0:
        return True
    try:
        record = archive.chain.load(state.sequence)
    except Damage:
        return False
    archive.chain.heal(record)
    return record.hash == state.head


def _remove_temporaries(layout: Layout) -> None:
    """What a crash left of files that never got their names, or kept a
    second one. Nobody else makes any under the writer lock."""
    for folder in (layout.root, layout.log, layout.keys):
        for path in folder.glob("*.tmp"):
            durable.unlink(path)


def _heal_doubled(archive: Archive) -> None:
    """On a full disk the one good copy of each must do."""
    try:
        heal(archive.layout.format, encode_format(archive.identity))
        heal_slots(archive.layout)
        archive.chain.heal_missing()
    except Full:
        return


def _recover_parts(archive: Archive) -> None:
    """Finish packs that a crash cut off. On a full disk they wait."""
    for name in archive.shelf.parts():
        path = part_path(archive.layout, name)
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            contents = read_pack(fd)
            header = contents.header or PackHeader(
                PackKind.META, archive.identity, StagingToken.zero(), name
            )
            copy_pack(archive.layout, header, fd, contents.entries)
        except Full:
            continue
        finally:
            os.close(fd)
        durable.unlink(path)
