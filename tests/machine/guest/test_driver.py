# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The LVM driver keeps what every driver promises, on a real pool."""

from collections.abc import Callable

import pytest

from driver_conformance import CHECKS, Rig
from machine.lvm import WORK, Group, LvmRig


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_driver_promises(check: Callable[[Rig], None], group: Group) -> None:
    check(LvmRig(group, "g-1/pool", WORK / "notes"))
