# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Which logical volumes there are, as `lvs` says.

Owns what of LVM's report is read and the sentences for what can't be. Names
are for the moment, uuids for good: LVM gives a volume's name and its thin id
to another one as soon as it is gone.
"""

import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass

from wyng_dom0.errors import BadInput, NotFound, SourceError
from wyng_dom0.names import HIDDEN_MARK, quote
from wyng_dom0.snapshots.commands import ToolFailed, run_tool

# On every snapshot we make, and on nothing else.
TAG = "qvm-wyng"
# On every volume that a drill restores to.
SCRATCH_TAG = "qvm-wyng-drill"
_FIELDS = (
    "vg_name,lv_name,lv_uuid,origin,origin_uuid,pool_lv,thin_id,lv_size"
    ",lv_attr,lv_tags"
)
_NAME = re.compile(r"[A-Za-z0-9+_.][A-Za-z0-9+_.-]*", re.ASCII)
_SIZE_MAX = 1 << 63
_NOT_FOUND = ("not found", "Failed to find")


@dataclass(frozen=True)
class LogicalVolume:
    """One logical volume; `size` in bytes, `pool` "" where it is not thin."""

    vg: str
    name: str
    uuid: str
    origin_uuid: str
    pool: str
    thin_id: int
    size: int
    attributes: str
    tags: frozenset[str]

    @property
    def place(self) -> str:
        """What LVM's commands and our records call it."""
        return f"{self.vg}/{self.name}"

    @property
    def is_thin(self) -> bool:
        """True for a volume in a thin pool, not for the pool."""
        return bool(self.pool) and self.attributes[:1] == "V"

    @property
    def is_thin_pool(self) -> bool:
        """True for a thin pool itself."""
        return self.attributes[:1] == "t"

    @property
    def is_open(self) -> bool:
        """True when something has its device open."""
        return self.attributes[5:6] == "o"

    @property
    def is_own(self) -> bool:
        """True for a snapshot that this program made."""
        return TAG in self.tags and self.is_thin

    def is_kept_by(self, keeper: str) -> bool:
        """True for a snapshot of ours that was made for this state."""
        return self.is_own and keeper_tag(keeper) in self.tags

    @property
    def is_scratch(self) -> bool:
        """True for what a drill restores to, and removes."""
        return SCRATCH_TAG in self.tags and self.is_thin


def keeper_tag(keeper: str) -> str:
    """The tag that says whose a snapshot of ours is."""
    return f"{TAG}-{keeper}"


def split_pool(pool: str) -> tuple[str, str]:
    """(volume group, pool) of "vg/pool"; BadInput for anything else."""
    parts = pool.split("/")
    if len(parts) != 2 or not all(is_lvm_name(part) for part in parts):
        raise BadInput(
            f"{quote(pool)} is no thin pool's name: it is vg/pool", about=pool
        )
    return parts[0], parts[1]


def is_lvm_name(name: str) -> bool:
    """True when LVM could have a volume or group of that name."""
    plain = _NAME.fullmatch(name) and name not in (".", "..")
    return bool(plain) and len(name) < 128


def is_hidden(name: str) -> bool:
    """True for a name that is no volume of the user's: it is ours."""
    return HIDDEN_MARK in name


def list_group(vg: str) -> list[LogicalVolume]:
    """Every visible logical volume of a volume group, by name.

    Raises NotFound when there is no such group, SourceError when LVM can't
    be asked.
    """
    words = ["lvs", "--reportformat", "json", "--units", "b", "--nosuffix"]
    try:
        text = run_tool([*words, "-o", _FIELDS, "--", vg])
    except ToolFailed as error:
        raise _listing_error(vg, error) from None
    return parse_lvs(text)


def list_pool(vg: str, pool: str) -> list[LogicalVolume]:
    """Every thin volume of a pool; raises as list_group, and see check_pool."""
    volumes = list_group(vg)
    check_pool(volumes, vg, pool)
    return [each for each in volumes if each.pool == pool and each.is_thin]


def check_pool(volumes: Iterable[LogicalVolume], vg: str, pool: str) -> None:
    """Raise NotFound when there is no such LV, BadInput when it is no pool."""
    place = f"{vg}/{pool}"
    found = [each for each in volumes if each.name == pool]
    if not found:
        raise NotFound(f"there is no thin pool {place}", about=place)
    if not found[0].is_thin_pool:
        raise BadInput(
            f"the logical volume {place} is not a thin pool", about=place
        )


def named(volumes: Iterable[LogicalVolume], name: str) -> LogicalVolume | None:
    """The volume of that name, if there is one."""
    return next((each for each in volumes if each.name == name), None)


def extent_size(vg: str) -> int:
    """The bytes in which a group's volumes are measured."""
    words = ["vgs", "--noheadings", "--units", "b", "--nosuffix"]
    return int(run_tool([*words, "-o", "vg_extent_size", "--", vg]))


def _listing_error(vg: str, error: ToolFailed) -> SourceError | NotFound:
    if any(words in error.said for words in _NOT_FOUND):
        return NotFound(f"there is no volume group {quote(vg)}", about=vg)
    return permission_error(error)


def permission_error(error: ToolFailed) -> SourceError:
    """The error that says what is wrong: first of all, not being root."""
    if os.geteuid() != 0:
        return SourceError("LVM can be used by root only: run this as root")
    return error


def parse_lvs(text: str) -> list[LogicalVolume]:
    """What `lvs --reportformat json` with our fields says, by name.

    Raises SourceError for what is no such report.
    """
    try:
        rows = [
            row for report in json.loads(text)["report"] for row in report["lv"]
        ]
        volumes = [_volume(row) for row in rows]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise SourceError("lvs says what is no list of volumes") from None
    return sorted(volumes, key=lambda each: each.name)


def _volume(row: "dict[str, object]") -> LogicalVolume:
    # Newer versions may give numbers and lists where older give strings.
    text = {key: str(value) for key, value in row.items() if value is not None}
    tags = row["lv_tags"]
    size = int(text["lv_size"])
    if not 0 <= size < _SIZE_MAX or not is_lvm_name(text["lv_name"]):
        raise ValueError
    return LogicalVolume(
        vg=text["vg_name"],
        name=text["lv_name"],
        uuid=text["lv_uuid"],
        origin_uuid=text.get("origin_uuid", ""),
        pool=text.get("pool_lv", ""),
        thin_id=int(text.get("thin_id") or -1),
        size=size,
        attributes=text["lv_attr"],
        tags=frozenset(tags if isinstance(tags, list) else _split(tags)),
    )


def _split(tags: object) -> list[str]:
    return [each for each in str(tags or "").split(",") if each]


def by_uuid(volumes: Iterable[LogicalVolume]) -> dict[str, LogicalVolume]:
    """The volumes by what identifies them."""
    return {each.uuid: each for each in volumes}
