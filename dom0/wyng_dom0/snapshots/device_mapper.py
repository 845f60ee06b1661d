# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Device-mapper: names, identities, and the lines of dmsetup.

Owns how a logical volume's device is called, how an open device says which
volume it is, and what a thin pool's status line means. Changes nothing.
"""

import os
import re
import stat
from dataclasses import dataclass

from wyng_dom0.errors import SourceError
from wyng_dom0.snapshots.commands import run_tool

MAPPER = "/dev/mapper"
SECTOR = 512
_UUID = re.compile(r"LVM-([A-Za-z0-9]{32})([A-Za-z0-9]{32})")
# The kernel wants some blocks free before it changes anything.
_METADATA_RESERVE = 64
_UUID_GROUPS = (6, 4, 4, 4, 4, 4, 6)


@dataclass(frozen=True)
class PoolStatus:
    """A thin pool's status as the kernel says it; sizes in blocks.

    `held_root` is the block of the reserved metadata snapshot, None without
    one. A failed pool has only `mode` "Fail".
    """

    transaction: int = 0
    metadata_used: int = 0
    metadata_total: int = 0
    data_used: int = 0
    data_total: int = 0
    held_root: int | None = None
    mode: str = "Fail"

    @property
    def writable(self) -> bool:
        """False when neither snapshots nor reservations can be made."""
        return self.mode in ("rw", "out_of_data_space")

    @property
    def metadata_is_full(self) -> bool:
        """True when too little metadata is left for a snapshot."""
        return self.metadata_total - self.metadata_used < _METADATA_RESERVE


def mapper_name(vg: str, lv: str, layer: str = "") -> str:
    """What device-mapper calls a logical volume, or a layer of it."""
    name = f"{vg.replace('-', '--')}-{lv.replace('-', '--')}"
    return f"{name}-{layer}" if layer else name


def mapper_path(vg: str, lv: str) -> str:
    """The device node of an active logical volume."""
    return f"{MAPPER}/{mapper_name(vg, lv)}"


def split_mapper_name(name: str) -> tuple[str, str] | None:
    """(volume group, logical volume) of a name; None for another's."""
    parts = name.replace("--", "\0").split("-")
    if len(parts) != 2 or not all(parts):
        return None
    return parts[0].replace("\0", "-"), parts[1].replace("\0", "-")


def volume_at(place: str) -> tuple[str, str] | None:
    """(vg, lv) of a device node's real path; None where it is no LV.

    Knows /dev/dm-N, /dev/mapper/NAME and /dev/VG/LV.
    """
    try:
        found = os.stat(place)
    except OSError:
        return None
    if not stat.S_ISBLK(found.st_mode):
        return None
    if not _UUID.fullmatch(_read(found.st_rdev, "dm/uuid")):
        return None
    return split_mapper_name(_read(found.st_rdev, "dm/name"))


def lv_uuid_of(fd: int) -> str:
    """The uuid of the logical volume open at `fd`; "" when it is none.

    What was opened, whatever its name has come to mean since.
    """
    found = _UUID.fullmatch(_read(os.fstat(fd).st_rdev, "dm/uuid"))
    return dashed(found[2]) if found else ""


def dashed(plain: str) -> str:
    """A uuid as LVM writes it, from the form without dashes."""
    parts, at = [], 0
    for size in _UUID_GROUPS:
        parts.append(plain[at : at + size])
        at += size
    return "-".join(parts)


def _read(device: int, attribute: str) -> str:
    path = f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/{attribute}"
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read(512).rstrip("\n")
    except OSError:
        return ""


def is_active(vg: str, lv: str) -> bool:
    """True when a logical volume's device node is there."""
    return os.path.exists(mapper_path(vg, lv))


def pool_is_active(vg: str, pool: str) -> bool:
    """True when the kernel has the pool."""
    return os.path.exists(f"{MAPPER}/{mapper_name(vg, pool, 'tpool')}")


def pool_status(vg: str, pool: str) -> PoolStatus:
    """What the kernel says of an active pool; SourceError when it can't."""
    line = run_tool(["dmsetup", "status", "--", mapper_name(vg, pool, "tpool")])
    return parse_status(line)


def parse_status(line: str) -> PoolStatus:
    """A line of `dmsetup status` of a thin pool.

    START LENGTH thin-pool TRANSACTION USED/TOTAL USED/TOTAL ROOT|- MODE ...
    """
    words = line.split()
    if len(words) >= 4 and words[2:4] == ["thin-pool", "Fail"]:
        return PoolStatus()
    try:
        if words[2] != "thin-pool":
            raise ValueError
        metadata, data = _fraction(words[4]), _fraction(words[5])
        held = None if words[6] == "-" else int(words[6])
        return PoolStatus(int(words[3]), *metadata, *data, held, words[7])
    except (IndexError, ValueError):
        raise SourceError(
            f"dmsetup says what no thin pool's status is: {line[:200]!r}"
        ) from None


def _fraction(text: str) -> tuple[int, int]:
    used, total = text.split("/")
    return int(used), int(total)


def pool_block_size(vg: str, pool: str) -> int:
    """The bytes of one block of an active pool."""
    line = run_tool(["dmsetup", "table", "--", mapper_name(vg, pool, "tpool")])
    return parse_pool_table(line)


def parse_pool_table(line: str) -> int:
    """START LENGTH thin-pool METADATA DATA SECTORS LOW-WATER ..., in bytes."""
    words = line.split()
    if len(words) < 6 or words[2] != "thin-pool" or not words[5].isdigit():
        raise SourceError(
            f"dmsetup says what no thin pool's table is: {line[:200]!r}"
        )
    return int(words[5]) * SECTOR


def has_external_origin(vg: str, lv: str) -> bool:
    """True when what an active thin volume doesn't map is read elsewhere.

    START LENGTH thin POOL ID [EXTERNAL-ORIGIN]
    """
    line = run_tool(["dmsetup", "table", "--", mapper_name(vg, lv)])
    words = line.split()
    if len(words) < 5 or words[2] != "thin":
        raise SourceError(
            f"dmsetup says what no thin volume's table is: {line[:200]!r}"
        )
    return len(words) > 5
