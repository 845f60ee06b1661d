# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Keeping what was released for a while, against a dom0 gone bad.

A released catalog stays counted until its time is over. Time is that which
the store's machine ran since it received the release, so that no wrong clock
shortens it. The file `delayed` says which commits are kept and for how long,
and is written before a release is recorded; the index has when they are due.
A rebuild knows only the file, and so starts their time again.
"""

import time
from typing import Any, Dict, List, Tuple

from wyng_common.commits import Commit
from wyng_common.ids import BlobId
from wyng_store.archive import Archive
from wyng_store.counting import Beat, Counter, Everything, silent
from wyng_store.errors import BlobDamaged
from wyng_store.keeping import load_kept, save_kept
from wyng_store.rows import State

# Less is not worth a transaction.
_STEP_SECONDS = 60
_BOOT_ID = "/proc/sys/kernel/random/boot_id"


def keep(archive: Archive, record: Commit) -> None:
    """Before a commit is recorded: what it releases is kept from now on."""
    delay = archive.policy.delete_delay
    if not (delay and record.releases):
        return
    kept = load_kept(archive.layout)
    before = len(kept)
    for first, last in record.releases:
        for sequence, _ in archive.index.roots(first, last):
            kept.setdefault(sequence, delay)
    if len(kept) != before:
        save_kept(archive.layout, kept)


def put_off(archive: Archive, record: Commit) -> List[Tuple[int, bytes]]:
    """In the transaction that counts a commit: note when its releases are
    due; gives those (sequence, catalog) that are so at once."""
    index = archive.index
    kept = load_kept(archive.layout)
    known = {sequence for sequence, _ in index.delayed()}
    now = []
    for first, last in record.releases:
        for sequence, catalog in index.roots(first, last):
            if sequence in known:
                continue
            if sequence in kept:
                due = index.state.ran + kept[sequence]
                index.add_delayed(sequence, due)
            else:
                now.append((sequence, catalog))
    return now


def release_due(archive: Archive, beat: Beat = silent) -> None:
    """Release what was kept long enough; nothing in safe mode."""
    index = archive.index
    advance(archive)
    if index.state.safe:
        return
    due = [at for at, when in index.delayed() if when <= index.state.ran]
    if not due:
        return
    kept = load_kept(archive.layout)
    save_kept(archive.layout, {s: d for s, d in kept.items() if s not in due})
    try:
        with index.transaction():
            _release(archive, due, beat)
    except BlobDamaged:
        with index.transaction():
            index.set_state(safe=1)


def _release(archive: Archive, due: List[int], beat: Beat) -> None:
    index = archive.index
    counter = Counter(index, archive.fetcher, Everything(), beat)
    for sequence in due:
        for _, catalog in index.roots(sequence, sequence):
            counter.release(BlobId(catalog))
        index.remove_root(sequence)
        index.remove_delayed(sequence)
    counter.flush()


def advance(archive: Archive) -> None:
    """Let the index know how long the machine ran since it last knew."""
    changes = elapsed(archive.index.state, _boot(), int(time.monotonic()))
    if changes:
        with archive.index.transaction():
            archive.index.set_state(**changes)


def elapsed(state: State, boot: bytes, uptime: int) -> Dict[str, Any]:
    """What changes in a state now; nothing where no boot has a name."""
    if not any(boot):
        return {}
    ran = uptime
    if not any(state.boot):
        ran = 0
    elif boot == state.boot:
        ran = max(0, uptime - state.uptime)
    if boot == state.boot and ran < _STEP_SECONDS:
        return {}
    return {"ran": state.ran + ran, "boot": boot, "uptime": uptime}


def _boot() -> bytes:
    try:
        with open(_BOOT_ID, "rb") as file:
            return bytes.fromhex(file.read().decode("ascii").replace("-", ""))
    except (OSError, ValueError):
        return bytes(16)


def may_end(archive: Archive, head: bytes) -> bool:
    """May the archive be deleted? With a delay only when the same was asked
    at this head that long ago; asking starts the time."""
    delay = archive.policy.delete_delay
    if not delay:
        return True
    advance(archive)
    state = archive.index.state
    if state.ending == head:
        return state.ran - state.ending_at >= delay
    with archive.index.transaction():
        archive.index.set_state(ending=head, ending_at=state.ran)
    return False
