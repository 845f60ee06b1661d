# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Making a commit: the only way anything begins or ceases to exist.

Owns the order: records sent -> SYNC -> pending head pinned -> COMMIT -> pin
promoted. A crash before COMMIT leaves staged blobs, one behind it a pending
pin that the next command compares with what it finds.
"""

from dataclasses import dataclass
from typing import Dict, Iterable, List, Optional, Sequence, Tuple

from wyng_common import limits
from wyng_common.commits import Commit, hash_record
from wyng_common.frames import BlobType
from wyng_common.ids import BlobId
from wyng_common.messages import Capability
from wyng_dom0.archive.catalog import Catalog, encode_catalog, parse_catalog
from wyng_dom0.archive.page import (
    Page,
    VolumeId,
    encode_page,
    hidden_sessions,
    parse_page,
    ranges,
)
from wyng_dom0.engine.opened import OpenArchive
from wyng_dom0.errors import IntegrityError, Refused
from wyng_dom0.events import Listener, Warning_
from wyng_dom0.seal.records import (
    LAST,
    Removal,
    mac_holds,
    open_removals,
    sign,
)
from wyng_dom0.state import heads, staging
from wyng_dom0.transport.remote_store import LoggedCommit

Changes = Dict[VolumeId, Optional[Page]]


@dataclass(frozen=True)
class Intent:
    """What a commit shall change.

    `changes` maps volumes to their new pages, or to None for removal.
    `removals` are the sessions that go away by intent.
    """

    changes: Changes
    removals: Tuple[Removal, ...] = ()


def removals_of(
    volume: VolumeId, sequences: Iterable[int]
) -> Tuple[Removal, ...]:
    """Removals of some sessions of a volume."""
    return tuple(Removal(volume, *pair) for pair in ranges(list(sequences)))


def removal_of_volume(volume: VolumeId) -> Removal:
    """The removal of a whole volume."""
    return Removal(volume, 0, LAST)


def publish(
    archive: OpenArchive,
    intent: Intent,
    capability: Capability,
    now_ns: int,
    withhold: Optional[Listener] = None,
) -> heads.Head:
    r"""Commit an intent over the archive's newest good state.

    Gives the new head, durable in the store and pinned here. Raises
    ConflictError when another commit came first, and IntegrityError when an
    older commit has sessions that vanished without a recorded removal; then
    nothing changed. With \`withhold\` it is told instead, and nothing is
    released: a backup goes through whatever somebody hid.
    """
    catalog = _new_catalog(archive, intent.changes)
    releases: Tuple[Tuple[int, int], ...] = ()
    if capability is Capability.PRUNE:
        try:
            releases = _releases(archive, catalog, intent)
        except IntegrityError as error:
            if withhold is None:
                raise
            withhold(Warning_(str(error)))
    record = encode_catalog(catalog)
    id = archive.store_record(BlobType.CATALOG, record)
    archive.writer.flush()
    archive.store.sync()
    with archive.hold.undisturbed():
        head = _commit(archive, id, releases, intent.removals, now_ns)
    _follow(archive, intent.changes, head)
    return head


def _follow(archive: OpenArchive, changes: Changes, head: heads.Head) -> None:
    """What the archive has now, for whoever looks at it afterwards."""
    archive.committed = head
    for volume, page in changes.items():
        if page is None:
            archive.pages.pop(volume, None)
            archive.damaged.pop(volume, None)
        else:
            archive.pages[volume] = page


def _new_catalog(archive: OpenArchive, changes: Changes) -> Catalog:
    catalog = archive.catalog
    for volume, page in changes.items():
        id = None
        if page is not None:
            id = archive.store_record(BlobType.PAGE, encode_page(page))
        catalog = catalog.with_page(volume, id)
    if len(catalog.pages) > limits.VOLUMES_MAX:
        raise Refused(f"an archive holds at most {limits.VOLUMES_MAX} volumes")
    return catalog


def _commit(
    archive: OpenArchive,
    catalog: BlobId,
    releases: Tuple[Tuple[int, int], ...],
    removals: Sequence[Removal],
    now_ns: int,
) -> heads.Head:
    keys, tip = archive.access.keys, archive.end.tip
    commit = Commit(
        archive=keys.terms.archive,
        sequence=tip.sequence + 1,
        previous=tip.hash,
        catalog=catalog,
        time_ns=now_ns,
        releases=releases,
    )
    record = sign(keys, commit, removals).encode()
    head = heads.Head(commit.sequence, hash_record(record))
    _pinned_commit(archive, record, head)
    return head


def _pinned_commit(
    archive: OpenArchive, record: bytes, head: heads.Head
) -> None:
    places = archive.access.places
    if places is None:
        raise Refused("an archive that is only read can't be written")
    id = archive.access.keys.terms.archive
    url = archive.access.destination.url
    heads.write_pending(places, id, url, head)
    archive.store.commit(record)
    heads.promote(places, id, url)
    # What was staged is live now; the next run stages under its own token.
    staging.renew(places, id)


def _releases(
    archive: OpenArchive, catalog: Catalog, intent: Intent
) -> Tuple[Tuple[int, int], ...]:
    """Which earlier catalogs the commit may release.

    Each session of each of them must be in the new catalog, in a removal
    that an earlier commit recorded, or in one asked for now. Otherwise a
    sender that may only add could hide sessions from an honest prune.
    """
    base = archive.end.good
    assert base is not None
    tip = archive.end.tip.sequence
    standing = [
        each.commit
        for each in archive.store.log(1, tip, unreleased=True)
        if mac_holds(archive.access.keys, each.commit)
    ]
    if base.sequence not in [each.sequence for each in standing]:
        standing.append(base)
    oldest = min(each.sequence for each in standing)
    recorded = _recorded(archive, oldest + 1, tip)
    for commit in standing:
        later = [r for at, r in recorded if at > commit.sequence]
        _check_hidden(archive, commit, catalog, [*later, *intent.removals])
    # What is over the record's bound is released by the next commit.
    found = ranges(each.sequence for each in standing)
    return tuple(found[-limits.RELEASES_MAX :])


def _recorded(
    archive: OpenArchive, first: int, last: int
) -> List[Tuple[int, Removal]]:
    """(sequence of the commit, removal) of what good commits recorded."""
    keys = archive.access.keys
    logged: List[LoggedCommit] = []
    for at in range(first, last + 1, limits.LOG_RECORDS_MAX):
        end = min(last, at + limits.LOG_RECORDS_MAX - 1)
        logged.extend(archive.store.log(at, end))
    return [
        (each.commit.sequence, removal)
        for each in logged
        if mac_holds(keys, each.commit)
        for removal in open_removals(keys, each.commit)
    ]


def _check_hidden(
    archive: OpenArchive,
    commit: Commit,
    catalog: Catalog,
    removals: Sequence[Removal],
) -> None:
    old = archive.catalog
    if archive.end.good != commit:
        id = commit.catalog
        old = parse_catalog(archive.reader.record(BlobType.CATALOG, id))
    changed = [
        (volume, page_id)
        for volume, page_id in old.pages.items()
        if catalog.pages.get(volume) != page_id
        and Removal(volume, 0, LAST) not in removals
    ]
    pages = archive.load_all(BlobType.PAGE, [id for _, id in changed])
    for (volume, _), record in zip(changed, pages, strict=True):
        page = parse_page(record, volume)
        _check_volume(archive, page, catalog, removals)


def _check_volume(
    archive: OpenArchive,
    old: Page,
    catalog: Catalog,
    removals: Sequence[Removal],
) -> None:
    new_id = catalog.pages.get(old.volume)
    new = None
    if new_id is not None:
        new = parse_page(archive.load(BlobType.PAGE, new_id), old.volume)
    hidden = [
        session.name
        for session in hidden_sessions(old, new, archive)
        if not _removed(removals, old.volume, session.sequence)
    ]
    if hidden:
        raise IntegrityError(
            f"sessions of {old.name!r} have vanished from the archive without"
            f" a recorded removal ({', '.join(hidden[:5])}); nothing is"
            " released until they are removed by prune or delete",
            about=old.name,
        )


def _removed(
    removals: Sequence[Removal], volume: VolumeId, sequence: int
) -> bool:
    return any(
        each.volume == volume and each.first <= sequence <= each.last
        for each in removals
    )
