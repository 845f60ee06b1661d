# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What dmsetup says of thin devices, on output as it comes."""

import os
from pathlib import Path

import pytest

from wyng_dom0.snapshots.thin_device import ThinFacts, parse_facts, thin_facts

ZEROES = "0 1572864 thin-pool 253:0 253:1 128 0 0 "
SKIPS = "0 1572864 thin-pool 253:0 253:1 1024 0 1 skip_block_zeroing"
MORE = "0 9 thin-pool 8:1 8:2 256 5 2 skip_block_zeroing no_discard_passdown"
MAPPED = "0 204800 thin 2048 204799"
BLANK = "0 204800 thin 0 -"


@pytest.mark.parametrize(
    "pool, status, facts",
    [
        (ZEROES.strip(), MAPPED, ThinFacts(65536, True, 1 << 20)),
        (SKIPS, BLANK, ThinFacts(524288, False, 0)),
        (MORE, BLANK, ThinFacts(131072, False, 0)),
        ("", BLANK, None),
        (SKIPS, "0 204800 thin Fail", None),
        (SKIPS, "Device does not exist.", None),
        ("0 1 linear 8:1 0", MAPPED, None),
    ],
)
def test_facts_are_what_dmsetup_says(
    pool: str, status: str, facts: "ThinFacts | None"
) -> None:
    assert parse_facts(pool, status) == facts


def test_other_devices_have_no_facts(loop_device: Path) -> None:
    fd = os.open(loop_device, os.O_RDONLY)
    try:
        assert thin_facts(fd) is None
    finally:
        os.close(fd)
