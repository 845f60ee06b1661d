# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Making a new archive: directory, key slot, first commit, definition.

Order: INIT -> key slot in the archive -> slot kept here -> what else this
machine keeps (`keep`) -> first commit. A crash leaves either an archive that
this machine knows and can use, or one without a commit, which the next
arch-init takes over.
"""

import os
from dataclasses import dataclass
from datetime import datetime
from typing import Callable, Optional

from wyng_common import limits
from wyng_common.commits import Commit, hash_record
from wyng_common.frames import BlobType
from wyng_common.ids import ArchiveId, CommitHash, StagingToken
from wyng_common.messages import Capability, StoreFlag
from wyng_dom0.archive.catalog import (
    ArchiveSettings,
    Catalog,
    encode_catalog,
)
from wyng_dom0.engine.blobs import RecordWriter
from wyng_dom0.engine.opened import Access
from wyng_dom0.errors import DestinationError, Refused
from wyng_dom0.seal.blobs import Sealer
from wyng_dom0.seal.compression import parse_compression
from wyng_dom0.seal.keys import (
    ArchiveKeys,
    HashType,
    MasterKey,
    Suite,
    Terms,
    new_master_key,
)
from wyng_dom0.seal.records import sign
from wyng_dom0.seal.slots import (
    SALT_SIZE,
    Scrypt,
    Slot,
    make_clear_slot,
    make_passphrase_slot,
)
from wyng_dom0.state import heads, remembered
from wyng_dom0.state import slots as kept_slots
from wyng_dom0.state.places import Places
from wyng_dom0.transport.destination import INTERNAL, Destination
from wyng_dom0.transport.remote_store import RemoteStore, open_store

_PROMISES = {
    StoreFlag.NO_DIRECTORY_SYNC: (
        "the archive's file system can't make new files durable on its own:"
        " a power cut may cost the last sessions"
    ),
    StoreFlag.NO_HOLES: (
        "the archive's file system can't punch holes: space comes back by"
        " rewriting packs, which takes longer"
    ),
    StoreFlag.INDEX_ELSEWHERE: (
        "the archive is on a network or FUSE file system: its index is kept"
        " in the store's cache and built anew on another machine"
    ),
}


@dataclass(frozen=True)
class NewArchive:
    """What a new archive shall be. `passphrase` is None when not sealed.

    With `upload_slot` False the key slot stays on this machine: without its
    copy of the slot the passphrase opens nothing.
    """

    suite: Suite
    hash_type: HashType
    settings: ArchiveSettings
    passphrase: Optional[bytes]
    cost: Scrypt
    upload_slot: bool = True


def affordable_cost() -> Scrypt:
    """The dearest scrypt that leaves most of this machine's memory free.

    N = 2**17 takes 128 MiB, 2**19 takes 512. An unreadable meminfo gives
    the cheapest.
    """
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            lines = dict(line.split(":", 1) for line in file)
        available = int(lines["MemAvailable"].split()[0]) * limits.KIB
    except (OSError, KeyError, ValueError):
        available = 0
    for log_n in (19, 18):
        if available >= 8 * (128 * 8 << log_n):
            return Scrypt(log_n)
    return Scrypt(17)


def check_free(destination: Destination, given: Destination) -> None:
    """Say what is wrong with a place before anybody thinks of a passphrase.

    `given` is the destination without `--subdir`: the folder that it lies
    in must be there, for one that isn't is most often a disk that is not
    mounted. Raises Refused when the place holds an archive.
    """
    folder = os.path.dirname(given.path)
    # Elsewhere the store says so itself.
    if given.scheme == INTERNAL and not os.path.isdir(folder):
        raise DestinationError(
            f"there is no directory {folder}: is its disk mounted?",
            about=given.url,
        )
    with open_store(
        destination, Capability.INIT, StagingToken.random()
    ) as store:
        welcome = store.welcome
    if welcome is not None and welcome.sequence > 0:
        raise Refused(
            f"{destination.url} holds an archive already: arch-init"
            f" --from={destination.url} makes it known here"
        )


def forget_unfinished(places: Places, archive: ArchiveId) -> None:
    """Drop what this machine kept of an archive that got no commit."""
    for number in kept_slots.read_slots(places, archive):
        kept_slots.drop_slot(places, archive, number)
    remembered.forget(places, archive)


def new_keys(wanted: NewArchive) -> ArchiveKeys:
    """Fresh terms, and a fresh master key when the archive is sealed."""
    terms = Terms(ArchiveId.random(), wanted.suite, wanted.hash_type)
    master: Optional[MasterKey] = None
    if wanted.suite is not Suite.OFF:
        master = new_master_key()
    return ArchiveKeys(terms, master)


def create_archive(
    access: Access,
    wanted: NewArchive,
    now: datetime,
    keep: Callable[[int], None],
    warn: Callable[[str], None],
) -> heads.Head:
    """Make the archive at a destination that holds none; its first head.

    `keep` writes durably what this machine shall know of the archive; it is
    given the depth of the mount point that the archive lies on. `warn`
    is given a sentence for each thing that its file system can't promise.
    Raises Refused when the directory is in use.
    """
    with open_store(
        access.destination, Capability.INIT, access.staging_token()
    ) as store:
        store.init(access.keys.terms.archive)
        slot = _make_slot(access.keys, wanted, int(now.timestamp()))
        if wanted.upload_slot:
            store.put_key_slot(0, slot.encode())
        if access.places is not None:
            kept_slots.write_slot(
                access.places, access.keys.terms.archive, 0, slot.encode()
            )
        told = store.stat()
        keep(told.mount_depth)
        for sentence in missing_promises(told.flags):
            warn(sentence)
        return _first_commit(store, access, wanted, now)


def missing_promises(untrusted_flags: int) -> list[str]:
    """What to say of the bits in which a store speaks of its file system."""
    return [text for flag, text in _PROMISES.items() if untrusted_flags & flag]


def _make_slot(keys: ArchiveKeys, wanted: NewArchive, made: int) -> Slot:
    if keys.master is None or wanted.passphrase is None:
        return make_clear_slot(keys.terms, made)
    return make_passphrase_slot(
        keys.terms,
        keys.master,
        wanted.passphrase,
        os.urandom(SALT_SIZE),
        wanted.cost,
        made,
    )


def _first_commit(
    store: RemoteStore, access: Access, wanted: NewArchive, now: datetime
) -> heads.Head:
    compression = parse_compression(wanted.settings.compression)
    writer = RecordWriter(store, access.keys, compression, Sealer(access.keys))
    record = encode_catalog(Catalog(wanted.settings, {}))
    catalog = writer.store_record(BlobType.CATALOG, record)
    writer.flush()
    store.sync()
    commit = Commit(
        archive=access.keys.terms.archive,
        sequence=1,
        previous=CommitHash.zero(),
        catalog=catalog,
        time_ns=int(now.timestamp() * 10**9),
    )
    encoded = sign(access.keys, commit, ()).encode()
    store.commit(encoded)
    head = heads.Head(1, hash_record(encoded))
    if access.places is not None:
        heads.accept_head(
            access.places,
            access.keys.terms.archive,
            access.destination.url,
            head,
        )
    return head
