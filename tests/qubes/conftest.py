# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A Qubes system for each test, seen by this process too."""

from pathlib import Path

import pytest

from qubesadmin_stand_in.qubes_system import QubesSystem


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> QubesSystem:
    """A template, a net qube and an empty pool on a file system of any kind."""
    monkeypatch.setenv("QUBES_STAND_IN", "")
    return QubesSystem(tmp_path / "qubes")
