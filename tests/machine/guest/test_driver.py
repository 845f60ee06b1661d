# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The LVM driver keeps what every driver promises, on a real pool."""

import os
from collections.abc import Callable

import pytest

from driver_conformance import CHECKS, Rig, random_histories_are_found
from machine.lvm import WORK, Group, LvmRig

LONG = bool(os.environ.get("WYNG_TEST_LONG"))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_driver_promises(check: Callable[[Rig], None], group: Group) -> None:
    rig = LvmRig(group, "g-1/pool", WORK / "notes")
    if check is random_histories_are_found and not LONG:
        # Each takes half a minute here; the drivers for files play three.
        random_histories_are_found(rig, histories=1)
    else:
        check(rig)
