# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Snapshots of thin logical volumes, and what changed from thin_delta.

A snapshot is known by its LV's uuid. It carries our tag; its name begins
with the volume's own, so that Qubes' udev rules leave it alone, and has a
form that qubesd takes for none of its own. Volumes are renamed under us
(Qubes does at every shutdown): what a name meant is read back from the
snapshot's origin. Never touches an LV without our tag.
"""

import os
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from wyng_dom0.errors import NotFound, SourceError
from wyng_dom0.names import quote
from wyng_dom0.snapshots import (
    device_mapper,
    lvm_listing,
    thin_taking,
    thin_volumes,
)
from wyng_dom0.snapshots.driver import (
    NOBODY,
    CannotSnapshot,
    CannotTell,
    Compare,
    Outcome,
    PoolUsage,
    SnapshotInUse,
    SnapshotRef,
    VolumeAt,
    only,
)
from wyng_dom0.snapshots.lvm_listing import LogicalVolume
from wyng_dom0.snapshots.metadata_snapshot import PoolMetadata, Say
from wyng_dom0.snapshots.reserved_pools import ReservedPools
from wyng_dom0.snapshots.snapshot import Range, Snapshot, snapshot_of
from wyng_dom0.snapshots.thin_taking import Taken, Wish
from wyng_dom0.snapshots.thin_tools import ThinTools

NAME = "lvm-thin"
# 16 MiB of them in memory; the last one then covers the rest.
_RANGES_MAX = 1 << 20


@dataclass(frozen=True)
class ThinSnapshot(Snapshot):
    """A thin snapshot, which can ask what of it is mapped."""

    mapped: Callable[[], Iterator[Range]]

    def data_ranges(
        self, start: int = 0, end: int | None = None
    ) -> Iterator[Range]:
        """Where blocks are mapped; all of it where that can't be asked.

        The pool is asked for all of a volume only: a part of one is read
        because it changed, and is mapped then.
        """
        end = self.size if end is None else min(end, self.size)
        if start == 0 and end == self.size:
            with suppress(SourceError):
                return self.mapped()
        return iter([(start, end - start)] if start < end else [])


class LvmThinDriver:
    """See Driver. `folder` keeps notes about reserved metadata snapshots.

    `say` is told what is waited for.
    """

    name = NAME
    keeps = True

    def __init__(
        self,
        folder: Path,
        say: Say = lambda text: None,
        keeper: str = NOBODY,
    ) -> None:
        self._folder = folder
        self._say = say
        self._keeper = keeper
        self._tools = ThinTools(folder)

    # Taking

    def take(self, volume: VolumeAt) -> SnapshotRef:
        """See Driver; `volume.place` is the LV's device node."""
        return only(self.take_all([volume]))

    def take_all(self, volumes: Sequence[VolumeAt]) -> list[Outcome]:
        """See Driver; a group is listed once before and once after all."""
        outcomes: list[Outcome | None] = []
        wishes: list[Wish] = []
        for volume in volumes:
            try:
                wishes.append(self._wish(volume))
                outcomes.append(None)
            except CannotSnapshot as error:
                outcomes.append(error)
        taken = iter(thin_taking.take_wishes(wishes, self._keeper))
        return [
            _outcome(next(taken)) if each is None else each for each in outcomes
        ]

    def _wish(self, volume: VolumeAt) -> Wish:
        """Which LV the volume is; CannotSnapshot where it is none."""
        vg, lv = vg_and_lv(volume)
        return Wish(
            volume.name, vg, lambda volumes: lvm_listing.named(volumes, lv)
        )

    # Reading

    @contextmanager
    def open(self, ref: SnapshotRef, volume: VolumeAt) -> Iterator[Snapshot]:
        """See Driver."""
        fd = _open_if_it_is(ref.place, ref)
        if fd is None:
            found = _lookup(ref)
            if found is not None:
                thin_volumes.activate(found)
                fd = _open_if_it_is(found.place, ref)
        if fd is None:
            raise NotFound(f"the snapshot {ref.place} is gone", about=ref.place)
        try:
            still = snapshot_of(volume.name, fd, os.fstat(fd), NAME, still=True)
            yield ThinSnapshot(**vars(still), mapped=lambda: self._mapped(ref))
        finally:
            os.close(fd)

    def exists(self, ref: SnapshotRef) -> bool:
        """See Driver."""
        fd = _open_if_it_is(ref.place, ref)
        if fd is None:
            return _lookup(ref) is not None
        os.close(fd)
        return True

    def still_holds(self, ref: SnapshotRef, volume: VolumeAt) -> bool:
        """Never: two thin volumes are compared by a tool, whatever they are."""
        return False

    def _mapped(self, ref: SnapshotRef) -> Iterator[Range]:
        with self._reserved_pools() as pools:
            return bounded(pools.mapped(ref), ref.size)

    # Comparing

    @contextmanager
    def comparing(self, refs: Sequence[SnapshotRef]) -> Iterator[Compare]:
        """See Driver; reserves a pool's metadata once, when first needed."""
        known = {each.identity for each in refs}
        with self._reserved_pools() as pools:

            def compare(old: SnapshotRef, new: SnapshotRef) -> Iterator[Range]:
                # One taken later is not in the reserved snapshot, and its
                # thin id may there be another volume's.
                if not {old.identity, new.identity} <= known:
                    raise CannotTell("a snapshot was not announced")
                return pools.compare(old, new)

            yield compare

    def _reserved_pools(self) -> ReservedPools:
        return ReservedPools(self._tools, self._metadata_of)

    def _metadata_of(self, pool: LogicalVolume) -> PoolMetadata:
        return PoolMetadata(
            pool.vg, pool.name, pool.uuid, self._folder, self._say
        )

    def release_leftover(self, pool: str) -> None:
        """Release a metadata snapshot that a killed run of ours left."""
        vg, name = lvm_listing.split_pool(pool)
        found = lvm_listing.named(lvm_listing.list_group(vg), name)
        if found is not None and device_mapper.pool_is_active(vg, name):
            self._metadata_of(found).release_leftover()

    # Keeping house

    def drop(self, refs: Sequence[SnapshotRef]) -> None:
        """See Driver."""
        busy = []
        for vg in sorted({each.place.split("/")[0] for each in refs}):
            busy += _drop_in(vg, refs)
        if busy:
            raise SnapshotInUse(
                f"the snapshot {busy[0].place} is in use", about=busy[0].place
            )

    def list_own(self, pool: str) -> list[SnapshotRef]:
        """See Driver."""
        volumes = lvm_listing.list_pool(*lvm_listing.split_pool(pool))
        return [_ref(each) for each in volumes if each.is_kept_by(self._keeper)]

    def cost(self, refs: Sequence[SnapshotRef]) -> list[int | None]:
        """See Driver; walks the metadata of whole pools."""
        with self._reserved_pools() as pools:
            return [_cost(pools, ref) for ref in refs]

    def usage(self, pool: str) -> PoolUsage | None:
        """See Driver; None for a pool that is not active."""
        vg, name = lvm_listing.split_pool(pool)
        if not device_mapper.pool_is_active(vg, name):
            return None
        status = device_mapper.pool_status(vg, name)
        block_size = device_mapper.pool_block_size(vg, name)
        return PoolUsage(
            pool=pool,
            data_bytes=status.data_total * block_size,
            data_part=_part(status.data_used, status.data_total),
            metadata_part=_part(status.metadata_used, status.metadata_total),
            read_only=not status.writable,
        )


def _outcome(taken: Taken) -> Outcome:
    return _ref(taken) if isinstance(taken, LogicalVolume) else taken


def _ref(made: LogicalVolume) -> SnapshotRef:
    return SnapshotRef(NAME, made.place, made.uuid, made.size)


def vg_and_lv(volume: VolumeAt) -> tuple[str, str]:
    """Group and name of the LV that a volume is; CannotSnapshot for none."""
    folder, _, node = volume.place.rpartition("/")
    if folder == device_mapper.MAPPER:
        # Its node may be missing for a moment, or as long as it is inactive.
        found = device_mapper.split_mapper_name(node)
    else:
        found = device_mapper.volume_at(volume.place)
    if found is None:
        raise CannotSnapshot(
            f"{quote(volume.name)} is no logical volume",
            about=volume.name,
        )
    return found


def _open_if_it_is(place: str, ref: SnapshotRef) -> int | None:
    """A descriptor of the very snapshot; None when it is not there."""
    path = device_mapper.mapper_path(*lvm_listing.split_pool(place))
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SourceError(
            f"the snapshot {place} can't be opened: {error.strerror}",
            about=place,
        ) from None
    if device_mapper.lv_uuid_of(fd) == ref.identity:
        return fd
    os.close(fd)
    return None


def _lookup(ref: SnapshotRef) -> LogicalVolume | None:
    found = _of_group(ref.place.split("/")[0], [ref])
    return found[0] if found else None


def _drop_in(vg: str, refs: Sequence[SnapshotRef]) -> list[LogicalVolume]:
    """Remove those of the refs that lie in a group; returns the busy ones."""
    there = _of_group(vg, refs)
    idle = [each for each in there if not each.is_open]
    try:
        thin_volumes.remove_snapshots(idle)
    except SourceError:
        # Somebody may have opened, or removed, one of them since.
        there = _of_group(vg, refs)
        if any(not each.is_open for each in there):
            raise
    return [each for each in there if each.is_open]


def _of_group(vg: str, refs: Sequence[SnapshotRef]) -> list[LogicalVolume]:
    """Those of the refs that are there, in a group."""
    wanted = {(each.place, each.identity) for each in refs}
    try:
        volumes = lvm_listing.list_group(vg)
    except NotFound:
        return []
    return [each for each in volumes if (each.place, each.uuid) in wanted]


def _cost(pools: ReservedPools, ref: SnapshotRef) -> int | None:
    try:
        return pools.exclusive_bytes(ref)
    except SourceError:
        return None


def _part(used: int, total: int) -> float:
    # A pool that failed says nothing of itself: nothing is left of it.
    return used / total if total else 1.0


def bounded(
    ranges: Iterable[Range], size: int, most: int = _RANGES_MAX
) -> Iterator[Range]:
    """All the ranges, taken at once; past `most`, one covers the rest."""
    kept = array("Q")
    for offset, length in ranges:
        if len(kept) >= 2 * most:
            kept[-1] = size - kept[-2]
            break
        kept.extend((offset, length))
    return zip(kept[::2], kept[1::2], strict=True)
