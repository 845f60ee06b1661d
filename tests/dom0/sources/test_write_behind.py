# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The disk begins with the first megabytes of a restore, not with the last."""

import os
import subprocess
import time
from contextlib import AbstractContextManager
from pathlib import Path

from wyng_dom0.sources.target import Order, Target, open_target
from wyng_dom0.sources.unfinished import Restoring
from wyng_dom0.sources.writing import Owner
from wyng_dom0.state.places import Places

MIB = 1 << 20
SECTOR = 512
# By itself the kernel begins after dirty_expire_centisecs: 30 s.
SOON = 15


def written(device: int) -> int:
    """Bytes that the kernel has given to a block device so far."""
    number = f"{os.major(device)}:{os.minor(device)}"
    fields = Path(f"/sys/dev/block/{number}/stat").read_text("ascii").split()
    return int(fields[6]) * SECTOR


def begins_early(opening: AbstractContextManager[Target], device: int) -> bool:
    """Whether what is written gets to the device before the end."""
    with opening as target:
        before = written(device)
        for at in range(0, target.size, MIB):
            target.pwrite(at, os.urandom(MIB))
        end = time.monotonic() + SOON
        while (began := written(device) - before) < target.size // 2:
            if time.monotonic() > end:
                break
            time.sleep(0.01)
        target.finish(Owner(0o600, os.geteuid(), os.getegid()))
    return began >= target.size // 2


def order(size: int) -> Order:
    return Order(Restoring("ab" * 16, "disk1.img", "20261101-101500"), size)


def test_a_device_is_written_while_the_rest_is_fetched(
    loop_device: Path, tmp_path: Path
) -> None:
    opening = open_target(loop_device, order(8 * MIB), Places(tmp_path))
    assert begins_early(opening, os.stat(loop_device).st_rdev)


def test_a_file_is_written_while_the_rest_is_fetched(
    filesystem: "tuple[str, Path]", tmp_path: Path
) -> None:
    kind, folder = filesystem
    opening = open_target(folder / "out.img", order(16 * MIB), Places(tmp_path))
    if kind == "tmpfs":
        # There is no disk, and nothing may come of asking for it.
        with opening as target:
            target.pwrite(0, b"x" * 16 * MIB)
            target.finish(Owner(0o600, os.geteuid(), os.getegid()))
        assert (folder / "out.img").read_bytes() == b"x" * 16 * MIB
    else:
        assert begins_early(opening, os.stat(device_below(folder)).st_rdev)


def device_below(mounted: Path) -> str:
    """Where what is mounted there lies; btrfs has a number of its own."""
    return subprocess.run(
        ["findmnt", "--noheadings", "--output=SOURCE", str(mounted)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
