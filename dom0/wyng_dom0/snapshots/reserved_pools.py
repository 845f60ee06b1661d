# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Thin pools whose metadata is held still, to be asked about snapshots.

Owns the order: first the metadata snapshot is reserved, then the volumes are
listed. A thin id goes to another volume when its own is removed; an LV that
is listed afterwards, and was taken before, has had its id in between.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from wyng_dom0.snapshots import device_mapper, lvm_listing
from wyng_dom0.snapshots.commands import run_tool
from wyng_dom0.snapshots.driver import CannotTell, SnapshotRef
from wyng_dom0.snapshots.lvm_listing import LogicalVolume
from wyng_dom0.snapshots.metadata_snapshot import PoolMetadata
from wyng_dom0.snapshots.snapshot import Range
from wyng_dom0.snapshots.thin_tools import ThinTools
from wyng_dom0.snapshots.thin_xml import changed_ranges, mapped_ranges

MetadataOf = Callable[[LogicalVolume], PoolMetadata]


@dataclass(frozen=True)
class HeldPool:
    """A pool with its metadata held, and its volumes by uuid."""

    metadata: PoolMetadata
    block_size: int
    volumes: dict[str, LogicalVolume]


class ReservedPools:
    """The pools of some snapshots, each held from its first use on.

    Lives in a `with` block, and everything is released at its end.
    """

    def __init__(self, tools: ThinTools, metadata_of: MetadataOf) -> None:
        self._tools = tools
        self._metadata_of = metadata_of
        self._stack = ExitStack()
        self._pools: dict[str, HeldPool] = {}
        self._refused: dict[str, CannotTell] = {}
        self._exclusive: dict[str, dict[int, int]] = {}

    def __enter__(self) -> "ReservedPools":
        return self

    def __exit__(self, *ended: object) -> None:
        self._stack.close()

    def find(self, ref: SnapshotRef) -> tuple[LogicalVolume, HeldPool]:
        """A snapshot as it is listed, and its held pool.

        Raises CannotTell when the snapshot is gone, or the pool can't be
        held.
        """
        vg = ref.place.split("/")[0]
        for held in self._pools.values():
            found = held.volumes.get(ref.identity)
            if found is not None and found.place == ref.place:
                return found, held
        volumes = lvm_listing.list_group(vg)
        found = lvm_listing.by_uuid(volumes).get(ref.identity)
        if found is None or found.place != ref.place:
            raise CannotTell(f"the snapshot {ref.place} is gone")
        pool = f"{found.vg}/{found.pool}"
        if pool in self._refused:
            # Nobody waits for one pool twice in a run.
            raise self._refused[pool]
        try:
            return found, self._hold(found, volumes)
        except CannotTell as error:
            self._refused[pool] = error
            raise

    def compare(self, old: SnapshotRef, new: SnapshotRef) -> Iterator[Range]:
        """What may differ between two snapshots; see Driver.comparing."""
        left, pool = self.find(old)
        right, other = self.find(new)
        if pool is not other:
            raise CannotTell("the snapshots lie in different pools")
        if left.size != right.size:
            _check_shows_only_its_own(left)
            _check_shows_only_its_own(right)
        runs = self._tools.delta(
            pool.metadata.device, pool.block_size, left.thin_id, right.thin_id
        )
        return changed_ranges(runs, pool.block_size, left.size, right.size)

    def mapped(self, ref: SnapshotRef) -> Iterator[Range]:
        """What of a snapshot is mapped; the rest reads as zeros."""
        snapshot, pool = self.find(ref)
        _check_shows_only_its_own(snapshot)
        runs = self._tools.dump(
            pool.metadata.device, pool.block_size, snapshot.thin_id
        )
        return mapped_ranges(runs, pool.block_size, ref.size)

    def exclusive_bytes(self, ref: SnapshotRef) -> int | None:
        """What only that snapshot holds."""
        snapshot, pool = self.find(ref)
        device = pool.metadata.device
        if device not in self._exclusive:
            self._exclusive[device] = self._tools.exclusive_bytes(device)
        return self._exclusive[device].get(snapshot.thin_id)

    def _hold(
        self, snapshot: LogicalVolume, listed: Sequence[LogicalVolume]
    ) -> HeldPool:
        vg, name = snapshot.vg, snapshot.pool
        if not device_mapper.pool_is_active(vg, name):
            # Whatever else it needs, LVM does with its volume.
            run_tool(["lvchange", "-q", "-ay", "-K", "--", snapshot.place])
        pool = lvm_listing.named(listed, name)
        if pool is None:
            raise CannotTell(f"the pool {vg}/{name} is gone")
        metadata = self._metadata_of(pool)
        self._stack.enter_context(metadata.reserved())
        held = HeldPool(
            metadata,
            device_mapper.pool_block_size(vg, name),
            lvm_listing.by_uuid(lvm_listing.list_pool(vg, name)),
        )
        if held.volumes.get(snapshot.uuid) != snapshot:
            raise CannotTell(f"the snapshot {snapshot.place} changed meanwhile")
        self._pools[metadata.place] = held
        return held


def _check_shows_only_its_own(volume: LogicalVolume) -> None:
    """What it doesn't map must read as zeros, not as an external origin's."""
    if not device_mapper.is_active(volume.vg, volume.name):
        raise CannotTell(f"the snapshot {volume.place} is not active")
    if device_mapper.has_external_origin(volume.vg, volume.name):
        raise CannotTell(
            f"the snapshot {volume.place} shows an external origin's blocks"
        )
