# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Which LV is the clean or the live state, at each moment of a qube's life."""

from typing import Optional, Sequence

import pytest

from wyng_dom0.snapshots.driver import CannotSnapshot, VolumeAt
from wyng_dom0.snapshots.lvm_listing import LogicalVolume
from wyng_dom0.snapshots.plain import PlainDriver
from wyng_dom0.snapshots.qube_states import (
    QubeFileDriver,
    QubeThinDriver,
    clean_volume,
    committed_at,
    live_volume,
)

LV = "vm-work-private"
HALTED = (LV, f"{LV}-1700000000-back")
RUNNING = (*HALTED, f"{LV}-snap")
# Between the two renames of a shutdown.
COMMITTING = (*HALTED[1:], f"{LV}-1700009999-back", f"{LV}-snap")
IMPORTING = (*HALTED, f"{LV}-import")
# Names of others, one of them of a qube called so.
OTHERS = ("vm-work-private-old", "vm-work-private-1-back-private", "vm-w")


def listed(names: Sequence[str]) -> "list[LogicalVolume]":
    return [
        LogicalVolume(
            *("g", name, f"uuid {name}", "", "pool", 7, 4096, "Vwi-a-tz--"),
            tags=frozenset(),
        )
        for name in (*names, *OTHERS)
    ]


def name_of(found: Optional[LogicalVolume]) -> str:
    return found.name if found else ""


@pytest.mark.parametrize(
    "names, clean, live",
    [
        (HALTED, LV, LV),
        (RUNNING, LV, f"{LV}-snap"),
        (COMMITTING, f"{LV}-1700009999-back", f"{LV}-snap"),
        (IMPORTING, LV, LV),
        ((f"{LV}-5-back",), f"{LV}-5-back", ""),
        ((), "", ""),
    ],
)
def test_state_is_found_by_the_names_qubesd_gives(
    names: Sequence[str], clean: str, live: str
) -> None:
    assert name_of(clean_volume(listed(names), LV)) == clean
    assert name_of(live_volume(listed(names), LV)) == live


def test_clean_state_was_made_when_it_replaced_the_newest_revision() -> None:
    assert committed_at(listed(RUNNING), LV) == 1700000000
    assert committed_at(listed(COMMITTING), LV) == 1700009999
    assert committed_at(listed([LV]), LV) is None


def test_drivers_leave_pools_of_another_kind_to_others() -> None:
    from pathlib import Path

    file = QubeFileDriver(PlainDriver())
    thin = QubeThinDriver(Path("/nonexistent"))
    in_pool = VolumeAt("work:private", "/dev/mapper/g-x", "g/pool")
    in_folder = VolumeAt("work:private", "/pool/x.img", "/pool")
    for driver, volume in ((file, in_pool), (thin, in_folder)):
        with pytest.raises(CannotSnapshot, match="of another kind"):
            driver.take(volume)
        assert driver.list_own(volume.pool) == []
        assert driver.usage(volume.pool) is None
