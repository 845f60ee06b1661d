# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a device-mapper thin device says of the blocks under it.

A block of its pool that was never written reads as zeros. But where the pool
doesn't zero, the first write to a part of such a block leaves whatever the
pool had there in the rest of it. Whoever restores must know both. Changes
nothing.
"""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

_SECTOR = 512
_DEVICES = Path("/sys/dev/block")
_SECONDS = 30
_THIN_TABLE = re.compile(r"0 \d+ thin (\d+):(\d+) \d+")
_POOL_TABLE = re.compile(r"0 \d+ thin-pool \S+ \S+ (\d+) \d+((?: \S+)*)")
_THIN_STATUS = re.compile(r"0 \d+ thin (\d+) \S+")


@dataclass(frozen=True)
class ThinFacts:
    """`block` bytes are given out at once, zeroed first if `zeroes`.

    `mapped` bytes of the device lie in the pool; the others read as zeros.
    """

    block: int
    zeroes: bool
    mapped: int


def thin_facts(fd: int) -> ThinFacts | None:
    """The facts of the device open at `fd`; None when it is not thin.

    None too where they can't be had: then nothing is known of its zeros.
    """
    device = os.fstat(fd).st_rdev
    major, minor = os.major(device), os.minor(device)
    if not (_DEVICES / f"{major}:{minor}" / "dm").is_dir():
        return None
    thin = _THIN_TABLE.fullmatch(_ask("table", major, minor))
    if thin is None:
        return None
    table = _ask("table", int(thin[1]), int(thin[2]))
    return parse_facts(table, _ask("status", major, minor))


def parse_facts(pool_table: str, thin_status: str) -> ThinFacts | None:
    """The facts from what dmsetup says of the pool and of the device."""
    pool = _POOL_TABLE.fullmatch(pool_table)
    status = _THIN_STATUS.fullmatch(thin_status)
    if pool is None or status is None:
        return None
    return ThinFacts(
        block=int(pool[1]) * _SECTOR,
        zeroes="skip_block_zeroing" not in pool[2].split(),
        mapped=int(status[1]) * _SECTOR,
    )


def _ask(what: str, major: int, minor: int) -> str:
    """One line of dmsetup; "" where it has none, or isn't installed."""
    try:
        done = subprocess.run(
            ["dmsetup", what, "--major", str(major), "--minor", str(minor)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={**os.environ, "LC_ALL": "C"},
            timeout=_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("ascii", "replace").strip()
