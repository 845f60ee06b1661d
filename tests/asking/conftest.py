# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A dom0 that knows two archives in two qubes, and nobody who may ask."""

from pathlib import Path

import pytest

from asking.rig import Rig


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    monkeypatch.setenv("QUBES_STAND_IN", "")
    return Rig(tmp_path)


@pytest.fixture
def allowed(rig: Rig) -> Rig:
    """`backup` was allowed."""
    rig.run("requests", "allow", "backup")
    return rig
