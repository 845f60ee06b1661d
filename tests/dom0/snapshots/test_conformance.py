# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Drivers of files keep the promises that every driver makes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from driver_conformance import CHECKS, Rig
from file_rigs import FileRig
from wyng_dom0.snapshots.reflink_driver import ReflinkDriver


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_reflink(check: Callable[[Rig], None], folder: Path) -> None:
    check(FileRig(ReflinkDriver(), folder))
