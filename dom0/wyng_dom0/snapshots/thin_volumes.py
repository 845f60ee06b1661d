# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Thin logical volumes as LVM's commands change them.

Owns making and removing snapshots and scratches of drills, and making, sizing
and emptying volumes that are restored to. Removes nothing without our tag.
"""

import os
import secrets
from collections.abc import Sequence

from wyng_dom0.errors import NotFound, SourceError, TargetError
from wyng_dom0.names import HIDDEN_MARK, quote
from wyng_dom0.snapshots import device_mapper, lvm_listing
from wyng_dom0.snapshots.commands import ToolFailed, run_tool
from wyng_dom0.snapshots.driver import CannotSnapshot
from wyng_dom0.snapshots.lvm_listing import LogicalVolume
from wyng_dom0.state import durable

# Of what device-mapper calls it, dashes doubled and layers included.
_MAPPER_NAME_MAX = 120
_MARK_BYTES = 4
_GONE = ("not found", "Failed to find")


def snapshot_name(origin: LogicalVolume) -> str:
    """A new name that begins with the origin's own, as far as it fits."""
    mark = HIDDEN_MARK + secrets.token_hex(_MARK_BYTES)
    name = origin.name
    while len(device_mapper.mapper_name(origin.vg, name + mark)) > (
        _MAPPER_NAME_MAX
    ):
        name = name[:-1]
    return name + mark


def create_snapshot(origin: LogicalVolume, name: str, keeper: str) -> bool:
    """Snapshot the volume that has the origin's name now; active, read-only.

    False when nothing has that name. Which volume it was, the snapshot's
    origin says. Raises CannotSnapshot when the pool takes no more.
    """
    _flush(origin)
    words = ["lvcreate", "-q", "-s", "-kn", "-ay", "-pr"]
    words += ["--addtag", lvm_listing.TAG]
    words += ["--addtag", lvm_listing.keeper_tag(keeper)]
    words += ["-n", name, "--", origin.place]
    try:
        run_tool(words)
    except ToolFailed as error:
        if any(gone in error.said for gone in _GONE):
            return False
        raise _creation_error(origin, error) from None
    return True


def _flush(origin: LogicalVolume) -> None:
    """What was written to the node, and is in memory yet, is snapshot too.

    Mounted file systems are frozen by the kernel; other writers are not.
    """
    path = device_mapper.mapper_path(origin.vg, origin.name)
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        # Not active, or renamed by now: then nobody writes to it by this name.
        return
    try:
        durable.sync_file(fd)
    except OSError as error:
        raise SourceError(
            f"the volume {origin.place} can't be written to its disk:"
            f" {error.strerror}",
            about=origin.place,
        ) from None
    finally:
        os.close(fd)


def _creation_error(origin: LogicalVolume, error: ToolFailed) -> SourceError:
    """CannotSnapshot where it is the pool's state that forbids it."""
    if os.geteuid() != 0:
        return lvm_listing.permission_error(error)
    status = device_mapper.pool_status(origin.vg, origin.pool)
    tight = "reached threshold" in error.said or "free space" in error.said
    if tight or status.mode != "rw" or status.metadata_is_full:
        return CannotSnapshot(
            f"the pool {origin.vg}/{origin.pool} takes no snapshot of"
            f" {quote(origin.name)}: {error.said}",
            about=origin.place,
        )
    return SourceError(
        f"no snapshot of {origin.place} can be made: {error.said}",
        about=origin.place,
    )


def remove_snapshots(snapshots: Sequence[LogicalVolume]) -> None:
    """Remove snapshots of ours; raises SourceError when LVM refuses one.

    LVM looks at the tag once more under its own lock.
    """
    for each in snapshots:
        if not each.is_own:
            raise SourceError(
                f"{each.place} is no snapshot of ours: it is left alone",
                about=each.place,
            )
    if snapshots:
        own = f"lv_tags={{{lvm_listing.TAG}}}"
        words = ["lvremove", "-q", "-y", "-S", own, "--"]
        run_tool([*words, *(each.place for each in snapshots)])


def activate(volume: LogicalVolume) -> None:
    """Make a volume's device node, whatever flags it was created with."""
    run_tool(["lvchange", "-q", "-ay", "-K", "--", volume.place])


# Volumes that are restored to


def ensure_volume(vg: str, pool: str, name: str, size: int) -> str:
    """A thin volume of at least `size` bytes in the pool, active.

    Makes it where there is none; one that is there is grown or shrunk to
    the size, rounded up to LVM's extents. Returns its device node. Raises
    NotFound without such a pool, TargetError for what is no thin volume of
    it, or one that is in use and would have to shrink.
    """
    volumes = lvm_listing.list_group(vg)
    lvm_listing.check_pool(volumes, vg, pool)
    found = lvm_listing.named(volumes, name)
    try:
        if found is None:
            _create(vg, pool, name, size)
        else:
            _check_target(found, pool)
            _resize(found, size)
            activate(found)
    except ToolFailed as error:
        raise TargetError(
            f"the logical volume {vg}/{name} can't be made ready:"
            f" {error.said}",
            about=f"{vg}/{name}",
        ) from None
    return device_mapper.mapper_path(vg, name)


def _check_target(found: LogicalVolume, pool: str) -> None:
    if not found.is_thin or found.pool != pool:
        raise TargetError(
            f"the logical volume {found.place} is no thin volume of the pool"
            f" {found.vg}/{pool}",
            about=found.place,
        )
    if found.is_own or found.is_scratch:
        raise TargetError(
            f"{found.place} is one of our own, nothing to restore to",
            about=found.place,
        )


def _create(vg: str, pool: str, name: str, size: int, *more: str) -> None:
    words = ["lvcreate", "-q", "-y", "-kn", "-ay", "-Wn", "-V", f"{size}b"]
    words += more
    run_tool([*words, "--thinpool", pool, "-n", name, "--", vg])


def _resize(found: LogicalVolume, size: int) -> None:
    extent = lvm_listing.extent_size(found.vg)
    wanted = -(-size // extent) * extent
    if wanted == found.size:
        return
    if wanted < found.size and found.is_open:
        raise TargetError(
            f"the logical volume {found.place} is in use and would have to"
            " shrink",
            about=found.place,
        )
    words = ["lvresize", "-q", "-y", "-f", "-L", f"{wanted}b"]
    run_tool([*words, "--", found.place])


def create_scratch(vg: str, pool: str, name: str, size: int) -> str:
    """A new thin volume with a drill's tag, active; returns its node.

    Raises NotFound without such a pool, TargetError where it can't be made,
    as where something has that name.
    """
    lvm_listing.check_pool(lvm_listing.list_group(vg), vg, pool)
    try:
        tag = ("--addtag", lvm_listing.SCRATCH_TAG)
        _create(vg, pool, name, max(size, 1), *tag)
    except ToolFailed as error:
        raise TargetError(
            f"no volume can be made in {vg}/{pool} to restore to:"
            f" {error.said}",
            about=f"{vg}/{pool}",
        ) from None
    return device_mapper.mapper_path(vg, name)


def remove_scratch(vg: str, name: str) -> None:
    """Remove a drill's volume; one that is gone counts as removed.

    LVM looks at the tag under its own lock. Raises SourceError when it is
    in use, or LVM can't be asked.
    """
    try:
        found = lvm_listing.named(lvm_listing.list_group(vg), name)
    except NotFound:
        return
    if found is not None and found.is_scratch:
        own = f"lv_tags={{{lvm_listing.SCRATCH_TAG}}}"
        run_tool(["lvremove", "-q", "-y", "-S", own, "--", found.place])
