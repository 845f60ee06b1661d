# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Drivers of files keep the promises that every driver makes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from driver_conformance import CHECKS, KEEPLESS
from driver_rig import Rig
from file_rigs import FileRig
from wyng_dom0.snapshots.plain import PlainDriver
from wyng_dom0.snapshots.reflink import ReflinkDriver


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_reflink(check: Callable[[Rig], None], folder: Path) -> None:
    check(FileRig(ReflinkDriver(), folder))


@pytest.mark.parametrize("check", KEEPLESS, ids=lambda check: check.__name__)
def test_plain(check: Callable[[Rig], None], tmp_path: Path) -> None:
    check(FileRig(PlainDriver(), tmp_path))
